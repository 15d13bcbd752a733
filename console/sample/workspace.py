"""The sample workspace on disk: sources, targets that are out of step in different ways, and the syncs between them."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from console.sample import work
from console.sample.nodes import PEERS, RULES, build_offices, peer_settings
from console.sample.people import COLUMNS, Person, contractors, directory

SETTINGS = """\
# A sample company. Everything here is made up; change what you like.
syncdeck: 1
title: Acme (sample)
node: berlin

adapters:
  people:      {type: csv_file, path: people.csv, key: email}             # the HR export, every night
  agency:      {type: csv_file, path: agency.csv, key: email}             # contractors, exported by their agency
  eng-list:    {type: yaml_file, path: lists/engineering.yaml, at: members, key: email}
  wiki:        {type: sql_table, url: "sqlite:///wiki.db", table: members, key: email}
  chat:        {type: json_file, path: chat.json, at: channel.members, key: email}
  crm:         {type: csv_file, path: crm.csv, key: email}
  finance-box: {type: json_file, path: finance.json, at: members, key: email}
  badges:      {type: csv_file, path: badges.csv, key: email}
  archive:     {type: yaml_file, path: lists/legal.yaml, at: readers, key: email}

syncs:
  engineering:                            # two targets, planned on the same read of the directory
    source: people
    where: "department == 'Engineering' && active == 'yes'"
    targets: [eng-list, wiki]
    attributes: {name: name, title: title, employee: number}
    rename_by: employee                   # a new address of the same person is a rename, not a stranger
    guards:
      protect: ["*@contractor.example"]   # somebody else looks after them
    schedule: {every: 15m, apply: ask}

  everyone-chat:                          # joiners get in at once; nobody is thrown out
    source: people
    where: "active == 'yes'"
    targets: [chat]
    mode: add-only
    attributes: {name: name}
    schedule: {cron: "0 * * * *", apply: additions}

  sales-crm:                              # licences cost money: somebody has to agree first
    source: people
    where: "department == 'Sales' && active == 'yes'"
    targets: [crm]
    attributes: {name: name, title: title}
    approval: {required: true, expires: 7d}

  contractor-badges:                      # last night the agency's export broke off: see what the guards say
    source: agency
    targets: [badges]
    attributes: {name: name}
    guards: {max_source_drop_percent: 30}

  finance-box:
    source: people
    where: "department == 'Finance' && active == 'yes'"
    targets: [finance-box]
    attributes: {name: name}

  legal-archive:                          # never planned yet
    source: people
    where: "department == 'Legal' && active == 'yes'"
    targets: [archive]
    paused: true
"""


def build_sample(folder: Path, ports: Mapping[str, int] = PEERS) -> None:
    """Write the sample workspace into a folder that exists and holds no `syncdeck.yaml` yet; `ports` are those that
    the other offices serve on.

    The agency's export is whole at first; `break_agency_export` cuts it, as it happened "last night".
    """
    people = directory()
    active = [person for person in people if person.active and person.email]
    (folder / "lists").mkdir(exist_ok=True)
    _write_people(folder / "people.csv", people)
    _write_people(folder / "agency.csv", contractors())
    _write_engineering_list(folder / "lists" / "engineering.yaml", _of(active, "Engineering"))
    _write_wiki(folder / "wiki.db", _of(active, "Engineering"))
    _write_chat(folder / "chat.json", active)
    _write_crm(folder / "crm.csv", _of(active, "Sales"))
    _write_json(
        folder / "finance.json",
        {"members": [{"email": person.email, "name": person.name} for person in _of(active, "Finance")]},
    )
    _write_rows(
        folder / "badges.csv",
        ("email", "name", "badge"),
        [(person.email, person.name, f"{7000 + index}") for index, person in enumerate(contractors())],
    )
    (folder / "lists" / "legal.yaml").write_text(
        "# Who may read the contracts archive.\nreaders:\n- email: ada.adeyemi@acme.example\n", encoding="utf-8"
    )
    text = "\n".join([SETTINGS, work.settings(), peer_settings(ports), RULES])
    work.write_jobs(folder / "jobs")
    (folder / "syncdeck.yaml").write_text(text, encoding="utf-8")
    build_offices(folder, ports)


def break_agency_export(folder: Path) -> None:
    """Leave only the first three contractors in the agency's export."""
    _write_people(folder / "agency.csv", contractors()[:3])


def _of(people: Iterable[Person], department: str) -> list[Person]:
    return [person for person in people if person.department == department]


def _as_it_was(engineers: Sequence[Person]) -> list[Person]:
    """Return the engineers as a target last saw them: joiners missing, old titles, a maiden name, leavers still in."""
    known = [
        person for index, person in enumerate(engineers) if index % 11 != 3 and not person.number.startswith("E2005")
    ]
    known = [replace(person, title="Associate") if index % 13 == 5 else person for index, person in enumerate(known)]
    known = [
        replace(person, email="marta.vogel@acme.example", name="Marta Vogel") if person.number == "E2004" else person
        for person in known
        if person.number != "E2006"
    ]
    leavers = [person for person in directory() if not person.active][:3]
    return [*known, *leavers]


def _write_engineering_list(file: Path, engineers: Sequence[Person]) -> None:
    lines = [
        "# The engineering mailing list. Edited by hand now and then; comments stay.",
        "list: engineering@acme.example",
        "owner: ada.adeyemi@acme.example   # asks before closing the list",
        "members:",
    ]
    for index, person in enumerate(_as_it_was(engineers)):
        note = "   # moderator" if index == 0 else ""
        lines += [
            f'- email: "{person.email.lower()}"{note}',
            f'  name: "{person.name}"',
            f"  title: {person.title}",
            f"  employee: {person.number}",
        ]
    lines += [
        "- email: pat.guest@contractor.example   # looked after by purchasing",
        "  name: Pat Guest",
        "- name: Build Bot   # posts nightly results, has no address",
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_wiki(file: Path, engineers: Sequence[Person]) -> None:
    members = [person for index, person in enumerate(_as_it_was(engineers)) if index % 17 != 9]
    with sqlite3.connect(file) as database:
        database.execute(
            "CREATE TABLE members (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, title TEXT, employee TEXT, "
            "theme TEXT DEFAULT 'dark')"
        )
        database.executemany(
            "INSERT INTO members (email, name, title, employee) VALUES (?, ?, ?, ?)",
            [(person.email, person.name, person.title, person.number) for person in members],
        )
    database.close()


def _write_chat(file: Path, everybody: Sequence[Person]) -> None:
    members: list[dict[str, str]] = [
        {"email": person.email, "name": person.name}
        for index, person in enumerate(everybody)
        if index % 37 != 11 and not person.number.startswith("E200")
    ]
    members += [{"name": "Build Bot", "role": "bot"}, {"name": "Deploy Bot", "role": "bot"}]
    members += [
        {"email": person.email, "name": person.name}
        for person in directory()
        if not person.active and person.department == "Support"
    ]
    _write_json(file, {"channel": {"name": "everyone", "topic": "All of Acme", "members": members}})


def _write_crm(file: Path, sales: Sequence[Person]) -> None:
    rows = [
        (person.email, person.name, "Specialist" if index % 19 == 4 else person.title, "EUR")
        for index, person in enumerate(sales)
        if index % 23 != 6
    ]
    rows += [
        ("gone.seller@acme.example", "Gone Seller", "Lead", "USD"),
        ("old.partner@acme.example", "Old Partner", "Lead", "EUR"),
    ]
    _write_rows(file, ("email", "name", "title", "currency"), rows)


def _write_people(file: Path, people: Iterable[Person]) -> None:
    _write_rows(file, COLUMNS, [person.row() for person in people])


def _write_rows(file: Path, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([titles, *rows])


def _write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
