"""What stands at the coordination backend in the pictures: arranged, because process ids, tokens and moments of real
processes differ from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from engine.clock import Clock
from engine.coordination.clocks.timing import ClockStanding, PeerSkew, Reading
from engine.coordination.overview import Term
from engine.coordination.scheduling.fires import Fire, Outcome, Plan
from engine.coordination.standing import Ending, Token
from engine.coordination.stream import Message, Offset
from engine.coordination.working.task import TaskId, TaskState
from engine.notices import Notices
from tests.doubles.coordination import ScriptedCoordination, ScriptedStream
from tests.doubles.coordination_wire import who

BERLIN: Final = who("berlin", 4711, "serve", "ann@berlin")
HAMBURG: Final = who("hamburg", 1203, "serve", "bo@hamburg")
LISBON: Final = who("lisbon", 880, "serve", "cy@lisbon")
PRINTER: Final = who("berlin", 5120, "lock print-badges", "ann@berlin")


def pictured(clock: Clock, notices: Notices, *, remote: bool = False) -> ScriptedCoordination:
    """Return a company at work, coordinated by a file or by a remote server."""
    made = ScriptedCoordination(clock, notices)
    if not remote:
        made.wire.promises = replace(made.wire.promises, backend="SQLite 3.45.1", reach="all processes of this machine")
    _locks(made)
    _leaders(made, clock.now())
    _tasks(made, clock.now())
    _schedules(made, clock.now())
    _keys(made)
    _clock(made, clock.now())
    _streams(made, clock.now())
    return made


def _locks(made: ScriptedCoordination) -> None:
    for holder, ago, ending in (
        (HAMBURG, 240, Ending.RELEASED), (LISBON, 180, Ending.LAPSED), (BERLIN, 95, Ending.REVOKED),
    ):  # fmt: skip
        made.hold("target:wiki", holder, ago=ago)
        made.free("target:wiki", ending)
    made.hold("target:wiki", HAMBURG, BERLIN, LISBON, left=timedelta(seconds=8.4), ago=41)
    made.hold("print-badges", PRINTER, left=timedelta(seconds=6.9), ago=3)
    made.hold("warehouse/north", LISBON, left=timedelta(seconds=1.2), ago=723)
    made.hold("migrate", BERLIN, ago=60)
    made.free("migrate")


def _leaders(made: ScriptedCoordination, now: datetime) -> None:
    def term(number: int, leader: int, hours: float, length: float, ending: Ending) -> Term:
        since = now - timedelta(hours=hours)
        until = since + timedelta(hours=length)
        return Term(token=Token(number), who=(HAMBURG, LISBON)[leader], since=since, until=until, ending=ending)

    past = (term(90, 0, 9, 6, Ending.LAPSED), term(71, 1, 15, 5.9, Ending.RELEASED), term(40, 0, 22, 7, Ending.REVOKED))
    made.lead("cron", BERLIN, HAMBURG, LISBON, terms=past)
    made.lead("mail-relay", LISBON, HAMBURG, terms=past[1:2])
    made.lead("exporter", None, terms=past[2:])


def _tasks(made: ScriptedCoordination, now: datetime) -> None:
    tasks = made.tasks
    for number in range(12):
        name = "export-people" if number % 3 else "rebuild-index"
        tasks.arrange(name, TaskState.DONE, result={"output": f"{480 + number} people exported\n"})
    tasks.arrange(
        "welcome-mail", TaskState.DEAD, attempts=2, most_attempts=2, payload={"to": "zoe at acme"},
        error="python3 ended with exit code 1. It said last:\nno such address: zoe at acme",
    )  # fmt: skip
    tasks.arrange(
        "backup", TaskState.WAITING, attempts=1, error="the disk of the archive does not answer",
        due=now + timedelta(seconds=40),
    )  # fmt: skip
    tasks.arrange("sync:engineering", TaskState.RUNNING, origin="cron:sync:engineering@2026-03-02T12:00:00Z")
    tasks.arrange("report", TaskState.WAITING, due=now + timedelta(minutes=5), payload={"week": 9, "to": ["ann", "bo"]})


def _schedules(made: ScriptedCoordination, now: datetime) -> None:
    def fires(name: str, step: timedelta, number: int, ends: Mapping[int, Outcome]) -> list[Fire]:
        found = []
        for place in range(number):
            moment = now - step * (place + 0.4)
            outcome = ends.get(place, Outcome.FIRED)
            missed = outcome is Outcome.MISSED
            fire = Fire(
                schedule=name,
                nominal=moment,
                outcome=outcome,
                taken=moment + timedelta(seconds=95 if outcome is Outcome.LATE else 0),
                by="berlin pid 4711",
                why="Nobody led when it was due." if missed else "",
                task=None if missed else TaskId(f"{place:04x}7ab0"),
            )
            found.append(fire)
        return found

    quarter = timedelta(minutes=15)
    trouble = {2: Outcome.LATE, 3: Outcome.MISSED, 4: Outcome.MISSED, 7: Outcome.SKIPPED}
    cron = made.cron
    cron.arrange(
        Plan(name="sync:engineering", task="sync:engineering", every=900.0), due=quarter * 0.6,
        fires=fires("sync:engineering", quarter, 20, trouble),
    )  # fmt: skip
    cron.arrange(
        Plan(name="export", task="export-people", every=1200.0, payload={"department": "all"}), due=quarter * 0.8,
        fires=fires("export", timedelta(minutes=20), 14, {}),
    )  # fmt: skip
    cron.arrange(
        Plan(name="digest", task="mail", cron="0 * * * *", paused=True, added_by="ann@berlin"),
        fires=fires("digest", timedelta(hours=1), 4, {}),
    )
    cron.arrange(
        Plan(name="payroll", task="export-people", cron="0 6 1 * *", timezone="Europe/Berlin"), due=timedelta(days=29)
    )


def _keys(made: ScriptedCoordination) -> None:
    for key, value in {
        "config/mail.json": b'{"from": "hello@acme.example", "relay": "mail.acme.example", "retries": 3}',
        "config/motd": b"Welcome to Acme. The canteen is closed on Friday.",
        "flags/new-badges": b"off",
        "flags/signup": b"on",
        "release/current": b"2026.11.3",
        "release/signature": bytes(range(0, 256, 7)),
    }.items():
        made.keys.arrange(key, value)
    made.keys.arrange("session/ann", b'{"address": "192.0.2.7", "since": "11:48"}', timedelta(minutes=4))
    made.keys.arrange("session/bo", b'{"address": "192.0.2.9", "since": "11:59"}', timedelta(seconds=48))


def _clock(made: ScriptedCoordination, now: datetime) -> None:
    def reading(source: str, offset: float | None, error: float, fault: str = "") -> Reading:
        unit = timedelta(milliseconds=1)
        known = None if offset is None else offset * unit
        at = now - timedelta(seconds=12)
        return Reading(source=source, offset=known, error=error * unit, delay=9 * unit, stratum=2, at=at, fault=fault)

    made.clock.known = ClockStanding(
        offset=timedelta(milliseconds=1.8), error=timedelta(milliseconds=4.2), synchronised=True,
        said="3 of 5 servers agree: this clock is right, to within 6 ms. Not believed: ntp5.acme.example.",
        readings=(
            reading("ntp1.acme.example", 2.1, 5),
            reading("ntp2.acme.example", 1.2, 7),
            reading("ntp3.acme.example", -1.5, 6),
            reading("ntp4.acme.example", None, 0, "no answer within 2 s"),
            reading("ntp5.acme.example", 21, 4, "falseticker: 19 ms away from what a majority agrees on"),
        ),
    )  # fmt: skip
    made.peers = (
        PeerSkew(
            peer="hamburg", skew=timedelta(milliseconds=-3.2), error=timedelta(milliseconds=12),
            at=now - timedelta(seconds=8),
        ),
        PeerSkew(peer="lisbon", skew=timedelta(seconds=8), error=timedelta(milliseconds=40), at=now),
    )  # fmt: skip


def _streams(made: ScriptedCoordination, now: datetime) -> None:
    def message(number: int) -> Message:
        data = f'{{"order": {4_000 + number}, "total": {number * 7 % 90 + 10}.50}}'.encode()
        return Message(offset=Offset(number), data=data, at=now - timedelta(seconds=(120 - number) * 3))

    made.kept_streams = {"orders": ScriptedStream([message(number) for number in range(1, 121)])}
