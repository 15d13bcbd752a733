"""What processes wrote down about holding one name, and whether it can be true of a lock. Pure.

All moments are of the one clock that all processes of the machine share. A note is written after what it tells of, but
`held` and `asked`, whose moments are taken before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a process's diary."""

    who: str
    what: str
    """`asked`, `granted`, `held`, `wrote`, `refused`, `released`, `lost`, `failed`"""
    at: float
    token: int = 0
    said: str = ""


def read_notes(files: Iterable[Path]) -> list[Note]:
    """Return all notes in the order of their moments; a line that a crash cut short is left out."""
    notes = []
    for file in files:
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        notes += [Note(file.stem, **json.loads(line)) for line in lines]
    return sorted(notes, key=lambda note: note.at)


def faults(notes: Sequence[Note], *, late: float = 0.0) -> list[str]:
    """Return a sentence for each thing that no lock may do. `late` is for how many seconds a backend's promises admit
    that a holder may not know yet."""
    grants = [note for note in notes if note.what == "granted"]
    return [*_repeated(grants), *_out_of_order(notes, grants), *_shared(notes, grants, late)]


def _repeated(grants: Sequence[Note]) -> Iterator[str]:
    seen: dict[int, Note] = {}
    for grant in grants:
        if grant.token in seen:
            yield f"Token {grant.token} was granted to {seen[grant.token].who} and to {grant.who}."
        seen[grant.token] = grant


def _out_of_order(notes: Sequence[Note], grants: Sequence[Note]) -> Iterator[str]:
    """A grant that was asked for after another was known has the greater token."""
    asked: dict[str, float] = {}
    greatest: Note | None = None
    known: list[Note] = []
    for note in notes:
        if note.what == "asked":
            asked[note.who] = note.at
        elif note.what == "granted":
            before = [grant for grant in known if grant.at < asked[note.who]]
            greatest = max(before, key=lambda grant: grant.token, default=None)
            if greatest is not None and greatest.token > note.token:
                yield f"{note.who} asked after {greatest.who} had token {greatest.token}, and got {note.token}."
            known.append(note)


def _shared(notes: Sequence[Note], grants: Sequence[Note], late: float) -> Iterator[str]:
    """Nobody believes that he holds it once somebody else was granted a greater token."""
    for note in notes:
        if note.what != "held":
            continue
        for grant in grants:
            if grant.token > note.token and grant.at + late < note.at and grant.who != note.who:
                after = f"{(note.at - grant.at) * 1000:.1f} ms"
                yield f"{note.who} still held with token {note.token} {after} after {grant.who} got {grant.token}"
                break
