"""What the event log's own line says: how much is shown, how far a scan is, whether it follows."""

from __future__ import annotations

from dataclasses import dataclass

from console.presentation.ages import TimeStyle, share
from console.presentation.spans import Line, Span, joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """How far a filter has come."""

    looked_at: int
    total: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """What there is to say about the list. `exporting` is (written, looked at, total)."""

    shown: int
    scanned: Scanned | None = None
    following: bool = True
    paused: bool = False
    style: TimeStyle = TimeStyle.LOCAL
    exporting: tuple[int, int, int] | None = None


def state_line(state: LogState) -> Line:
    """Return the right end of the filter line."""
    return joined((_amount(state), _progress(state), _export(state), _mood(state), (Span(state.style.value, "dim"),)))


def _amount(state: LogState) -> Line:
    if state.scanned is None:
        return (Span(f"{state.shown:,} events"),)
    return (Span(f"{state.shown:,}", "strong"), Span(f" of {state.scanned.total:,}", "dim"))


def _progress(state: LogState) -> Line:
    scanned = state.scanned
    if scanned is None or (scanned.done and scanned.looked_at >= scanned.total):
        return ()
    if scanned.done:
        return (Span(f"stopped at {share(scanned.looked_at, scanned.total)}", "warn"),)
    return (Span(f"{share(scanned.looked_at, scanned.total)} searched, c stops", "accent"),)


def _export(state: LogState) -> Line:
    if state.exporting is None:
        return ()
    written, looked_at, total = state.exporting
    return (Span(f"{written:,} written, {share(looked_at, total)}, c stops", "accent"),)


def _mood(state: LogState) -> Line:
    if state.paused:
        return (Span("paused", "warn"),)
    return (Span("following", "ok"),) if state.following else ()


def pill(unseen: int) -> Line:
    """Return what floats over the list's end while events arrive unseen."""
    return (Span(f" {unseen:,} new", "strong"), Span(" · ", "dim"), Span("G", "accent"), Span(" to follow "))
