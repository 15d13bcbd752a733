"""What stands about this host's clock, in values and in a sentence, given what its sources said. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from engine.coordination.clocks.agreement import Agreement, agree
from engine.coordination.clocks.timing import ClockStanding, Reading, Step


def reckon(host: Reading | None, servers: Sequence[Reading], step: Step | None = None) -> ClockStanding:
    """Return the standing by these readings, aged to this moment. Servers decide where there are any; the kernel's own
    opinion of a clock is not asked about itself then. `host` is None as long as nobody was asked."""
    agreement = agree(servers) if servers else agree([host] if host else [])
    disciplined = host is not None and host.offset is not None
    marked = [_marked(reading, agreement) for reading in servers]
    return ClockStanding(
        offset=agreement.offset if agreement else None,
        error=agreement.error if agreement else None,
        synchronised=agreement is not None or disciplined,
        said=_said(host, servers, agreement, step),
        readings=(*([host] if host else []), *marked),
        stepped=step.at if step else None,
        step=step.by if step else None,
    )


def _marked(reading: Reading, agreement: Agreement | None) -> Reading:
    if agreement is None or reading.offset is None or reading.source not in agreement.false:
        return reading
    apart = span(abs(reading.offset - agreement.offset))
    return replace(reading, fault=f"falseticker: {apart} away from what a majority agrees on")


def _said(host: Reading | None, servers: Sequence[Reading], agreement: Agreement | None, step: Step | None) -> str:
    if host is None:
        if step is None:
            return "This clock has not been compared with anything yet."
        way = "forward" if step.by > timedelta(0) else "back"
        return f"This clock was set {way} by {span(abs(step.by))}, and has not been compared with anything since."
    if not servers:
        return _said_of_host(host)
    if agreement is None:
        return _said_without_majority(servers)
    sentence = f"{len(agreement.agreeing)} of {_servers(len(servers))} agree: {_difference(agreement)}."
    if agreement.false:
        sentence += f" Not believed: {', '.join(agreement.false)}."
    return sentence


def _said_of_host(host: Reading) -> str:
    if host.error is None:
        return f"{host.fault} Name servers (clock.servers) to have it measured."
    return f"The kernel's clock is disciplined: right to within {span(host.error)}, as far as the kernel knows."


def _said_without_majority(servers: Sequence[Reading]) -> str:
    answered = [reading for reading in servers if reading.offset is not None]
    if not answered:
        named = ", ".join(f"{reading.source} ({reading.fault})" for reading in servers)
        return f"No server answered: {named}."
    return (
        f"{len(answered)} of {_servers(len(servers))} answered, and no majority of {len(servers)} agrees: nothing is "
        "known of this clock. Name three servers or more, so that one may fail."
    )


def _difference(agreement: Agreement) -> str:
    error = span(agreement.error)
    if abs(agreement.offset) <= agreement.error:
        return f"this clock is right, to within {span(abs(agreement.offset) + agreement.error)}"
    way = "behind" if agreement.offset > timedelta(0) else "ahead"
    return f"this clock is {span(abs(agreement.offset))} {way}, give or take {error}"


def _servers(count: int) -> str:
    return f"{count} server{'s'[: count != 1]}"


def span(length: timedelta) -> str:
    """Return a length of time as one reads clocks: `340 µs`, `2.1 ms`, `5.2 s`, `3 h 20 min`."""
    seconds = length.total_seconds()
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    return " ".join([f"{amount} {unit}" for amount, unit in parts if amount][:2])
