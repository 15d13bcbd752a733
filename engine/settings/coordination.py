"""Settings of what processes and nodes do together: the backend, named commands, schedules, the clock. Values only."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from engine.settings.catalogue import BackendType, Cron, PathText, Secret, Timezone
from engine.settings.time_servers import host_and_port


class Missed(StrEnum):
    """What becomes of fires whose time went by while nobody led."""

    LATEST = "latest"
    """The last of them is made up for, the others are noted as missed."""
    ALL = "all"
    """Each is made up for, oldest first, as far as the limit allows."""
    SKIP = "skip"
    """All are noted as missed."""


class Overlap(StrEnum):
    """What becomes of a fire while the task of the one before is not over."""

    FORBID = "forbid"
    """It is noted as skipped."""
    QUEUE = "queue"
    """Its task waits until that one is over."""
    ALLOW = "allow"


class SqliteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Coordination of all processes of this machine through a file."""

    path: Annotated[
        PathText,
        Meta(
            description="The file; several workspaces of this machine may name the same one. Default: coordination.db "
            "beside the state file.",
            examples=["/var/lib/syncdeck/coordination.db"],
        ),
    ] = ""


SQLITE = BackendType(
    type="sqlite",
    title="SQLite file",
    summary="A file beside the state file: all processes of this machine.",
    path="engine.storage.coordination.store:SqliteStore",
)

SHORTEST_TTL = timedelta(seconds=1)


class SharedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every backend takes beside its own settings."""

    ttl: Annotated[
        timedelta,
        Meta(description="How long a process that stopped answering keeps what it holds.", examples=["10s"]),
    ] = timedelta(seconds=10)
    namespace: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$",
            description="Keeps installations apart that share a backend: nodes with the same one work together.",
        ),
    ] = "syncdeck"

    def __post_init__(self) -> None:
        if self.ttl < SHORTEST_TTL:
            raise ValueError("ttl is shorter than a second. Write 1s or more.")


class CoordinationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The backend: its type's word, what all backends take, and its own settings, already validated."""

    type: str = SQLITE.type
    shared: SharedSettings = SharedSettings()
    own: msgspec.Struct = SqliteSettings()


class CommandSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that tasks of its name run. Its payload comes as JSON on standard input."""

    name: Annotated[str, Meta(description="The task's name: its key in the file.")]
    run: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="The program and its arguments; no shell is asked.",
            examples=[["python3", "export.py", "--all"]],
        ),
    ]
    directory: Annotated[PathText, Meta(description="Where it runs; default: the workspace's folder.")] = ""
    timeout: Annotated[timedelta, Meta(description="Longest time of an attempt.")] = timedelta(minutes=10)
    attempts: Annotated[
        int, Meta(ge=1, le=100, description="Most attempts until the task is dead and waits for somebody.")
    ] = 5
    environment: Annotated[
        dict[str, str], Meta(description="Variables beside this process's own.", examples=[{"LANG": "C.UTF-8"}])
    ] = {}
    secrets: Annotated[
        dict[str, Secret],
        Meta(description="Variables that hold secrets, by reference.", examples=[{"PGPASSWORD": "keyring:warehouse"}]),
    ] = {}


class CronSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule that submits tasks: exactly one of `cron`, `every` and `at`."""

    name: Annotated[str, Meta(description="The schedule's name: its key in the file.")]
    task: Annotated[str, Meta(description="The command of the section tasks that each fire submits.")]
    payload: Annotated[Any, Meta(description="Given to the task.", examples=[{"full": True}])] = None
    cron: Annotated[Cron, Meta(description="Cron expression of five fields.", examples=["0 2 * * *"])] = ""
    every: Annotated[timedelta | None, Meta(description="Time from one fire to the next.", examples=["15m"])] = None
    at: Annotated[
        str,
        Meta(description="Once, at this moment; without an offset, in the time zone.", examples=["2027-01-01T02:00"]),
    ] = ""
    timezone: Annotated[
        Timezone, Meta(description="Time zone that cron and at are read in.", examples=["Europe/Berlin"])
    ] = "UTC"
    missed: Annotated[Missed, Meta(description="What becomes of fires that nobody was there for.")] = Missed.LATEST
    overlap: Annotated[Overlap, Meta(description="What becomes of a fire while the last one's task goes on.")] = (
        Overlap.FORBID
    )
    paused: Annotated[bool, Meta(description="Do not fire.")] = False

    def __post_init__(self) -> None:
        if sum((bool(self.cron), self.every is not None, bool(self.at))) != 1:
            raise ValueError(
                'a schedule has exactly one of the three: cron (as in "0 2 * * *"), every (as in 15m), at (as in '
                '"2027-01-01T02:00").'
            )
        if self.every is not None and self.every < SHORTEST_TTL:
            raise ValueError("every is shorter than a second. Write 1s or more.")
        if self.at:
            self.moment()

    def moment(self) -> datetime | None:
        """Return the moment of `at`; None for a schedule that has none."""
        if not self.at:
            return None
        try:
            moment = datetime.fromisoformat(self.at)
        except ValueError as error:
            raise ValueError(f'{self.at!r} is no moment. Write it as "2027-01-01T02:00", in quotes.') from error
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.timezone))


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What this host's clock is compared with. Nobody is asked unless servers are named."""

    servers: Annotated[
        tuple[str, ...],
        Meta(
            description="NTP servers, with a port where it is not 123; three or more tell a false one.",
            examples=[["ntp1.example.com", "ntp2.example.com", "ntp3.example.com"]],
        ),
    ] = ()
    every: Annotated[timedelta, Meta(description="Time between two measurements.")] = timedelta(minutes=5)

    def __post_init__(self) -> None:
        if self.every < timedelta(seconds=16):
            raise ValueError("every is shorter than 16s, the least that servers put up with. Write 16s or more.")
        for server in self.servers:
            host_and_port(server)
