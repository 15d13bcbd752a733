"""Writing a part of the event log to a file: everything that matches, not only what is on the screen."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from engine.events.event import Event
from engine.events.log import Filter
from engine.events.pages import EventPages

STEP = 2_000
COLUMNS = ("position", "milliseconds", "type", "aggregate_id", "actor", "data", "metadata", "origin", "seq", "chain")


def problem_with(path_text: str) -> str:
    """Return why this file cannot be written, as a sentence, or nothing. Existing files are never replaced."""
    path = Path(path_text).expanduser()
    if path.suffix not in {".ndjson", ".jsonl", ".csv"}:
        return "End the name in .ndjson or .csv: it says how the events are written."
    if path.exists():
        return f"{path} is there already; choose another name."
    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist; choose one that does."
    return ""


class EventExport:
    """One export, run on a thread by its caller. The file has its name only once it is whole."""

    def __init__(self, pages: EventPages, where: Filter | None, path: Path) -> None:
        self.path = path
        self.written = 0
        self.looked_at = 0
        self.done = False
        self.failed = False
        self._pages = pages
        self._where = where
        self._stop = threading.Event()
        self._first, self._last = pages.bounds()

    @property
    def total(self) -> int:
        return max(0, self._last - self._first + 1)

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """Stop soon; nothing is left of the file."""
        self._stop.set()

    def run(self) -> None:
        """Write every matching event. Raises `OSError` when the file cannot be written, `StorageError`."""
        part = self.path.with_name(self.path.name + ".part")
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                self._write(file)
            if not self._stop.is_set():
                part.rename(self.path)
        finally:
            part.unlink(missing_ok=True)
            self.done = True

    def _write(self, file: IO[str]) -> None:
        write = _csv_writer(file) if self.path.suffix == ".csv" else _json_writer(file)
        for events in self._events():
            write(events)
            self.written += len(events)
            if self._stop.is_set():
                return

    def _events(self) -> Iterator[Sequence[Event]]:
        for start in range(self._first, self._last + 1, STEP):
            end = min(self._last, start + STEP - 1)
            if self._where is None:
                yield self._pages.page_from(start, end - start + 1)
            else:
                yield self._pages.at(self._pages.matching(self._where, start, end))
            self.looked_at = end - self._first + 1


def _json_writer(file: IO[str]) -> Callable[[Sequence[Event]], None]:
    def write(events: Sequence[Event]) -> None:
        file.writelines(msgspec.json.encode(event).decode() + "\n" for event in events)

    return write


def _csv_writer(file: IO[str]) -> Callable[[Sequence[Event]], None]:
    table = csv.writer(file)
    table.writerow(COLUMNS)

    def write(events: Sequence[Event]) -> None:
        table.writerows(
            (
                event.position,
                event.milliseconds,
                event.type,
                event.aggregate_id,
                event.metadata.get("actor", ""),
                msgspec.json.encode(event.data).decode(),
                msgspec.json.encode(event.metadata).decode(),
                event.origin,
                event.seq,
                event.chain,
            )
            for event in events
        )

    return write
