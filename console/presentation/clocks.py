"""Clocks as text: this host's against its sources, each source's interval, the skew of each peer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.presentation.ages import age, duration
from console.presentation.leases import merged
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap

if TYPE_CHECKING:
    from engine.coordination.clocks.timing import ClockStanding, PeerSkew, Reading

SOURCE = (16, 34)
OFFSET, ERROR, STRATUM, AGE = 11, 11, 8, 9
MUCH = timedelta(seconds=1)
"""A peer that is so far off confuses whoever compares times of the two."""


def offset_words(offset: timedelta | None) -> str:
    """Return an offset with its sign: "+1.2 ms", "-3.4 s", "+2 h 5 m"."""
    if offset is None:
        return "unknown"
    sign = "-" if offset < timedelta() else "+"
    return f"{sign}{length_words(abs(offset))}"


def length_words(length: timedelta | None) -> str:
    """Return a length of any size in the unit it is read in."""
    if length is None:
        return "?"
    seconds = length.total_seconds()
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.{1 if seconds < 0.1 else 0}f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else duration(length)


def facts(clock: ClockStanding, now: datetime, width: int) -> list[Line]:
    """Return what stands on top: the verdict in a sentence, offset and error, and the last step."""
    sign = Span("✓ ", "ok") if clock.synchronised else Span("! ", "warn")
    first, *rest = wrap(clean(clock.said), width - 2, "" if clock.synchronised else "warn")
    lines: list[Line] = [(sign, *first), *((Span("  "), *line) for line in rest)]
    if clock.offset is not None:
        within: Line = (Span("within ± ", "dim"), Span(length_words(clock.error)))
        lines.append(fit(joined([(Span("  offset "), Span(offset_words(clock.offset), "strong")), within]), width))
    if clock.stepped is not None and clock.step is not None:
        step = f"{offset_words(clock.step)} {age(clock.stepped, now)}"
        lines += wrap(f"! the clock was set by {step}: times before and after differ", width, "warn")
    return lines


def reading_titles(width: int) -> Line:
    """Return the line above the sources."""
    name, drawing = _rooms(width)
    return (
        cell("SOURCE", name, "dim"),
        cell("OFFSET", OFFSET, "dim", right=True),
        cell("±ERROR", ERROR, "dim", right=True),
        cell("STRATUM", STRATUM + 1, "dim", right=True),
        cell("READ", AGE + 1, "dim", right=True),
        Span("  "),
        cell("EARLIER    THIS HOST    LATER".center(drawing) if drawing > 30 else "", drawing, "dim"),
    )


def _rooms(width: int) -> tuple[int, int]:
    name = SOURCE[1] if width >= 110 else SOURCE[0] + 4
    return name, max(width - name - OFFSET - ERROR - STRATUM - AGE - 4, 0)


def scale_of(readings: Sequence[Reading]) -> timedelta:
    """Return how far the drawing reaches to either side: the farthest end of any interval."""
    reaches = [abs(each.offset) + (each.error or timedelta()) for each in readings if each.offset is not None]
    return max([*reaches, timedelta(microseconds=100)])


def reading_line(reading: Reading, scale: timedelta, now: datetime, width: int) -> Line:
    """Return a source's line: its offset with the error bound, in numbers and as an interval around this host."""
    name, drawing = _rooms(width)
    read = age(reading.at, now).removesuffix(" ago")
    shown = (
        cell(clean(reading.source), name - 1, "strong" if not reading.fault else ""),
        Span(" "),
    )
    if reading.offset is None:
        return fit((*shown, Span("✗ ", "error"), Span(clean(reading.fault) or "no answer", "error")), width)
    trusted = not reading.fault
    numbers = (
        cell(offset_words(reading.offset), OFFSET, "" if trusted else "warn", right=True),
        cell(length_words(reading.error), ERROR, "dim", right=True),
        cell(f"{reading.stratum or '·'}", STRATUM + 1, "dim", right=True),
        cell(read, AGE + 1, "dim", right=True),
        Span("  "),
    )
    if not trusted and drawing < 12:
        return fit((*shown, *numbers, Span("✗", "error")), width)
    return fit((*shown, *numbers, *interval(reading, scale, drawing)), width)


def interval(reading: Reading, scale: timedelta, width: int) -> Line:
    """Return the interval in which the true time lies for a source, drawn around this host's own time."""
    if width < 12 or reading.offset is None:
        return ()
    cells, roles = ["·"] * width, ["dim"] * width
    middle = width // 2
    error = reading.error or timedelta()

    def place(at: timedelta) -> int:
        return max(0, min(width - 1, middle + round(at / scale * (middle - 1))))

    role = "ok" if not reading.fault else "error"
    low, centre, high = place(reading.offset - error), place(reading.offset), place(reading.offset + error)
    for column in range(low, high + 1):
        cells[column], roles[column] = "─", role
    cells[low], cells[high] = "├", "┤"
    if cells[middle] in "·─":
        cells[middle], roles[middle] = "│", "strong"
    cells[centre], roles[centre] = ("●" if not reading.fault else "✗"), role
    return merged(cells, roles)


def skew_titles(width: int) -> Line:
    """Return the line above the peers."""
    name, _ = _rooms(width)
    return (
        cell("PEER", name, "dim"),
        cell("SKEW", OFFSET, "dim", right=True),
        cell("±ERROR", ERROR, "dim", right=True),
        cell("READ", STRATUM + AGE + 2, "dim", right=True),
    )


def skew_line(skew: PeerSkew, now: datetime, width: int) -> Line:
    """Return a peer's line: how far its clock is from ours."""
    name, _ = _rooms(width)
    shown = (cell(clean(skew.peer), name - 1, "strong"), Span(" "))
    if skew.skew is None:
        return fit((*shown, Span(f"○ {clean(skew.fault) or 'not asked yet'}", "warn" if skew.fault else "dim")), width)
    far = abs(skew.skew) >= MUCH
    told = "  ! ahead of us" if far and skew.skew > timedelta() else "  ! behind us" if far else ""
    return fit(
        (
            *shown,
            cell(offset_words(skew.skew), OFFSET, "warn" if far else "", right=True),
            cell(length_words(skew.error), ERROR, "dim", right=True),
            cell(age(skew.at, now) if skew.at is not None else "", STRATUM + AGE + 2, "dim", right=True),
            Span(told, "warn"),
        ),
        width,
    )


def detail(reading: Reading, now: datetime, width: int) -> list[Line]:
    """Return a source in full."""
    lines: list[Line] = [
        fit((Span(clean(reading.source), "strong"), Span(f"  asked {age(reading.at, now)}", "dim")), width)
    ]
    if reading.fault:
        lines += wrap(f"✗ {clean(reading.fault)}", width, "error")
    if reading.offset is not None:
        facts: list[Line] = [
            (Span(f"offset {offset_words(reading.offset)}"),),
            (Span(f"within ± {length_words(reading.error)}"),),
            (Span(f"round trip {length_words(reading.delay)}"),) if reading.delay is not None else (),
            (Span(f"stratum {reading.stratum}"),) if reading.stratum else (),
        ]
        lines.append(fit(joined(facts), width))
        first = reading.offset - (reading.error or timedelta())
        last = reading.offset + (reading.error or timedelta())
        text = f"By it, this host's clock is between {offset_words(-last)} and {offset_words(-first)} off."
        lines += [(), *wrap(text, width, "dim")]
    return lines


def nothing_asked() -> tuple[Line, ...]:
    """Return what stands where no source was asked."""
    return (
        (Span("No clock was asked yet.", "strong"),),
        (),
        (
            Span("  n ", "accent"),
            Span("asks now; "),
            Span("clock.servers", "accent"),
            Span(" in the settings names the servers to ask."),
        ),
    )
