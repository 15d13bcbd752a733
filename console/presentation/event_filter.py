"""The filter language of the event log: `type:run.* actor:ann since:1h "free text"` to a `Filter`, or why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from difflib import get_close_matches

from engine.events.log import Filter

KEYS = ("type", "aggregate", "actor", "origin", "since", "until", "plan", "run")
EVERYTHING = Filter()
HINT = 'type:run.*  aggregate:plan:…  actor:ann  origin:hamburg  since:1h  "free text"'

_PART = re.compile(r"""(?P<key>[A-Za-z_]+):(?P<quote>"(?P<quoted>[^"]*)"?|\S*)|"(?P<text>[^"]*)"?|(?P<word>\S+)""")
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a text asks for. With a `problem` (a finished sentence) the filter is not to be used."""

    where: Filter = EVERYTHING
    problem: str = ""

    @property
    def everything(self) -> bool:
        """No condition at all."""
        return self.where == EVERYTHING


class _Wrong(Exception):
    pass


def parse(text: str, now: datetime, zone: tzinfo | None = None) -> Asked:
    """Read a filter. Times without a date are the last such time before `now`; `zone` None is the operator's own."""
    found: dict[str, str | int] = {}
    words: list[str] = []
    try:
        for part in _PART.finditer(text):
            key = part["key"]
            if key is None:
                words.append(part["text"] if part["text"] is not None else part["word"])
                continue
            value = part["quoted"] if part["quoted"] is not None else part["quote"]
            _take(found, *_condition(key.lower(), value, now, zone))
    except _Wrong as wrong:
        return Asked(problem=str(wrong))
    where = Filter(search=" ".join(word for word in words if word), **found)  # type: ignore[arg-type]
    if where.since_ms is not None and where.until_ms is not None and where.since_ms >= where.until_ms:
        return Asked(problem="since: is not before until:, so nothing can match. Exchange them.")
    return Asked(where=where)


def _take(found: dict[str, str | int], name: str, meant: str | int) -> None:
    if name in found:
        raise _Wrong(f"{name.removesuffix('_ms')}: is asked for twice; one event cannot be both. Keep one of them.")
    found[name] = meant


def _condition(key: str, value: str, now: datetime, zone: tzinfo | None) -> tuple[str, str | int]:
    if key not in KEYS:
        near = get_close_matches(key, KEYS, n=1, cutoff=0.5)
        advice = f"did you mean {near[0]}:?" if near else f"There are {', '.join(f'{name}:' for name in KEYS)}."
        raise _Wrong(f'{key}: is not known here; {advice} Put "{key}:{value}" in quotes to look for the text.')
    if not value:
        raise _Wrong(f"{key}: needs a value, for example {_example(key)}")
    if key in {"since", "until"}:
        return f"{key}_ms", int(_moment(key, value, now, zone).timestamp() * 1000)
    if key in {"plan", "run"}:
        return "aggregate", f"{key}:{value}" if key == "run" or len(value) >= 64 else f"{key}:{value.rstrip('*')}*"
    if "*" in value[:-1]:
        raise _Wrong(f"{key}:{value} has a * in the middle; it may only stand at the end, as in {_example(key)}")
    if key == "origin" and "~" not in value and not value.endswith("*"):
        return key, f"{value}~*"  # a node's name means everything it wrote, whatever incarnation it was
    return key, value


def _example(key: str) -> str:
    return {
        "type": "type:run.*",
        "aggregate": "aggregate:plan:*",
        "actor": "actor:ann",
        "origin": "origin:berlin-1",
        "since": "since:1h",
        "until": "until:14:00",
        "plan": "plan:3f2a",
        "run": "run:12",
    }[key]


def moment(text: str, now: datetime, zone: tzinfo | None = None) -> datetime | None:
    """Read a time: `90s 15m 2h 3d` (ago), `14:00`, `today`, `yesterday`, `2026-03-01`, `2026-03-01T14:00`."""
    text = text.strip().lower().removesuffix(" ago").removeprefix("-")
    local = now.astimezone(zone)
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
    if text in {"today", "yesterday"}:
        day = local.date() - timedelta(days=text == "yesterday")
        return datetime.combine(day, time(), local.tzinfo)
    if clock := _CLOCK.fullmatch(text):
        at = datetime.combine(local.date(), time(int(clock[1]), int(clock[2]), int(clock[3] or 0)), local.tzinfo)
        return at if at <= now else at - timedelta(days=1)
    try:
        written = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return written if written.tzinfo else written.replace(tzinfo=local.tzinfo)


def _moment(key: str, value: str, now: datetime, zone: tzinfo | None) -> datetime:
    found = moment(value, now, zone)
    if found is None:
        raise _Wrong(f"{key}:{value} is not a time; write 15m, 2h, 3d (ago), 14:00, today, or 2026-03-01T14:00.")
    return found
