"""How verbs that work until they are told to stop hear of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopped_by(*signals: signal.Signals) -> Iterator[asyncio.Event]:
    """Give an event that is set by the first of these signals; the second one ends the process as ever."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def begin(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in signals:
        loop.add_signal_handler(number, begin, number)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
