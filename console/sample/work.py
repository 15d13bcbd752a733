"""What the sample company's processes do together: commands, schedules, a few keys, and who queues for what."""

from __future__ import annotations

from pathlib import Path

from engine.assembly import Engine

SETTINGS = """\
coordination: {{type: sqlite, ttl: 5s{path}}}   # who holds what, who leads, who works: all processes of this machine

tasks:                                    # commands that any node runs when it has time
  export-people: {{run: [python3, jobs/export.py], timeout: 1m{directory}}}
  rebuild-index: {{run: [python3, jobs/rebuild.py], timeout: 2m{directory}}}
  welcome-mail:  {{run: [python3, jobs/welcome.py], timeout: 30s, attempts: 2{directory}}}

cron:                                     # the leader among the nodes that serve fires them
  export:  {{every: 20s, task: export-people}}
  index:   {{every: 45s, task: rebuild-index}}
  payroll: {{cron: "0 6 1 * *", timezone: Europe/Berlin, task: export-people, payload: {{month: last}}}}
"""

OF_OFFICES = {"path": ", path: ../../.syncdeck/coordination.db", "directory": ", directory: ../.."}
"""The offices of the sample share Berlin's machine, its coordination and its programs."""

JOBS = {
    "export.py": '''\
"""Counts who is in the people's export; the payload is on standard input."""
import csv, json, pathlib, sys, time
payload = json.load(sys.stdin)
people = list(csv.DictReader(open(pathlib.Path(__file__).parent.parent / "people.csv", encoding="utf-8")))
time.sleep(1.5)
print(f"{len(people)} people exported, payload {payload}")
''',
    "rebuild.py": '''\
"""Takes its time."""
import os, time
for step in range(1, 11):
    time.sleep(1.2)
    print(f"{step * 10} % of the index, attempt {os.environ['SYNCDECK_ATTEMPT']}", flush=True)
''',
    "welcome.py": '''\
"""Refuses addresses that are none: such a task ends among the dead, for a person to look at."""
import json, sys
to = json.load(sys.stdin)["to"]
if "@" not in to:
    sys.exit(f"no such address: {to}")
print(f"welcomed {to}")
''',
}

KEYS = {
    "config/mail.json": b'{"from": "hello@acme.example", "relay": "mail.acme.example", "retries": 3}',
    "config/motd": b"Welcome to Acme. The canteen is closed on Friday.",
    "flags/signup": b"on",
    "flags/new-badges": b"off",
    "release/current": b"2026.11.3",
    "release/previous": b"2026.11.2",
}

CREW = (
    ("lock", "print-badges", 4, 2),
    ("lock", "print-badges", 3, 1),
    ("lock", "print-badges", 5, 3),
    ("lock", "warehouse", 9, 6),
    ("elect", "mail-relay", 25, 2),
    ("elect", "mail-relay", 25, 2),
)
"""Who queues: the verb, the name, for how many seconds it is held, and the pause after it."""


def settings(*, office: bool = False) -> str:
    """Return the sections of Berlin's settings, or of another office's."""
    return SETTINGS.format_map(OF_OFFICES if office else dict.fromkeys(OF_OFFICES, ""))


def write_jobs(folder: Path) -> None:
    """Write the programs that the commands run."""
    folder.mkdir(exist_ok=True)
    for name, program in JOBS.items():
        (folder / name).write_text(program, encoding="utf-8")


async def give_work(engine: Engine) -> None:
    """Write the keys and ask for some work, once."""
    for key, value in KEYS.items():
        await engine.coordination.keys.put(key, value)
    tasks = engine.coordination.tasks
    await tasks.submit("welcome-mail", {"to": "ada.adeyemi@acme.example"}, key="welcome-ada")
    await tasks.submit("welcome-mail", {"to": "zoe at acme"}, key="welcome-zoe")
    await tasks.submit("rebuild-index", {"full": True}, key="index-first")
    await tasks.submit("export-people", {"department": "Sales"}, priority=1, key="export-sales")
