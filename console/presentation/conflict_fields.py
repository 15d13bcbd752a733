"""One conflict's fields as lines: field, base, left, right, and the result that is being built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from console.presentation.json_words import value_text
from console.presentation.patches import field_name
from console.presentation.spans import Line, Span, cell, clean, fit
from engine.events.event import node_of
from engine.events.merging.choices import chosen
from engine.events.merging.queue import Choice, Take
from engine.events.merging.values import ABSENT, Candidate, Contest, Path, Verdict

LEFT, RIGHT = 0, 1
ALL_COLUMNS = 60
"""Cells from which on the base has a column of its own; below, it stands only in the field in full."""


@dataclass(frozen=True, slots=True)
class Written:
    """What an operator's resolution made of a field."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """A contested field as it is worked on: which of its sides are shown left and right, and what was decided."""

    verdict: Verdict
    left: int = LEFT
    right: int = RIGHT
    choice: Choice | None = None
    changed: bool = False
    """Something had been decided about other sides."""
    written: Written | None = None
    """Of a settled conflict: what was decided."""

    @property
    def contest(self) -> Contest:
        return self.verdict.contest

    @property
    def path(self) -> Path:
        return self.contest.path

    @property
    def undecided(self) -> bool:
        """An operator still has to decide."""
        return not self.verdict.settled and self.choice is None and self.written is None

    def side(self, number: int) -> Candidate:
        """Return a side by its number among all."""
        return self.contest.candidates[number]


def columns(width: int, rows: Sequence[FieldRow] = ()) -> tuple[int, int, int, int]:
    """Return the cells for the field's name, the base (none where it is very narrow), each side, and the result."""
    longest = max((len(_name(row)) for row in rows), default=8)
    name = max(7, min(longest, width // 5))
    if width < ALL_COLUMNS:
        side = (width - name - 3) // 3
        return name, 0, side, width - name - 2 * side - 3
    side = (width - name - 4) * 3 // 13
    return name, side, side, width - name - 3 * side - 4


def heading(rows: Sequence[FieldRow], width: int) -> Line:
    """Return the titles; a side's node stands there when it is the same in all fields."""
    name, base, side, result = columns(width, rows)
    waiting = [row for row in rows if not row.verdict.settled] or rows
    left = _common([node(row.side(row.left)) for row in waiting])
    right = _common([node(row.side(row.right)) for row in waiting])
    titles = (
        cell("FIELD", name),
        cell("BASE", base),
        cell(f"LEFT {left}".rstrip(), side),
        cell(f"RIGHT {right}".rstrip(), side),
        cell("RESULT", result),
    )
    return (Span("  "), Span(" ".join(title.text for title in titles if title.text), "dim"))


def field_line(row: FieldRow, width: int, rows: Sequence[FieldRow] = ()) -> Line:
    """Return one field as a line of the table; `rows` are all of it."""
    name, base, side, result = columns(width, rows)
    contest = row.contest
    taken = row.choice.candidate if row.choice is not None and row.choice.take is Take.CANDIDATE else -1
    line = [cell(_name(row), name, "dim" if row.verdict.settled else "strong"), Span(" ")]
    if base:
        line += [cell(value_text(contest.base, 200), base, "dim"), Span(" ")]
    for number in (row.left, row.right):
        role = "new" if number == taken else ""
        line += [cell(side_text(row, number, 200), side, role), Span(" ")]
    return (*line, *fit(result_line(row, words=result >= 28), result))


def fold_line(automatic: int, *, shown: bool) -> Line:
    """Return the line that stands for the fields that rules settled."""
    what = f"{automatic} field{'s' if automatic != 1 else ''} settled by rules"
    does = "hides" if shown else "shows"
    return (Span(f"── {what} · ", "dim"), Span("a", "accent"), Span(f" {does} them ──", "dim"))


def result_line(row: FieldRow, *, words: bool = True) -> Line:
    """Return what a field becomes: a glyph, where it comes from in a word (if there is room), and the value."""
    if row.written is not None:
        return (Span("✓ ", "ok"), Span(value_text(row.written.value, 200)))
    if row.verdict.settled:
        word = f"{row.verdict.rule.use}  " if words else ""
        return (Span("· ", "dim"), Span(word, "dim"), Span(value_text(row.verdict.value, 200), "dim"))
    if row.choice is None:
        return (Span("⟳ changed since", "warn"),) if row.changed else (Span("? undecided", "warn"),)
    glyph, word = SIGNS[row.choice.take]
    if row.choice.take is Take.CANDIDATE:
        glyph, word = side_sign(row, row.choice.candidate)
    if row.choice.take is Take.REMOVE:
        return (Span(f"{glyph} {word}", "remove"),)
    value = value_text(chosen(row.contest, row.choice), 200)
    return (Span(f"{glyph} ", "accent"), Span(f"{word}  " if words else "", "accent"), Span(value, "new"))


SIGNS: dict[Take, tuple[str, str]] = {
    Take.CANDIDATE: ("●", "side"),
    Take.BASE: ("=", "base"),
    Take.BOTH: ("◆", "both"),
    Take.VALUE: ("✎", "edited"),
    Take.REMOVE: ("✗", "removed"),
}


def side_sign(row: FieldRow, number: int) -> tuple[str, str]:
    """Return glyph and word of a side: left, right, or its number when it is not shown."""
    if number == row.left:
        return "◀", "left"
    return ("▶", "right") if number == row.right else ("●", f"side {number + 1}")


def side_text(row: FieldRow, number: int, limit: int) -> str:
    """Return a side's value; one that took away what was there says so."""
    value, base = row.side(number).value, row.contest.base
    if value is ABSENT and base is not ABSENT:
        return "✗ removed" if row.path else "✗ deleted"
    return value_text(value, limit)


def node(candidate: Candidate) -> str:
    """Return the node a side was written on."""
    return clean(node_of(candidate.event.origin), 40)


def actor(candidate: Candidate) -> str:
    """Return who wrote a side."""
    return clean(str(candidate.event.metadata.get("actor", "")), 60)


def _name(row: FieldRow) -> str:
    """Return the field's name, and how many sides it has where two columns do not show all."""
    sides = len(row.contest.candidates)
    return f"{field_name(row.path)} ({sides})" if sides > 2 else field_name(row.path)


def _common(texts: Sequence[str]) -> str:
    return texts[0] if texts and len(set(texts)) == 1 else ""
