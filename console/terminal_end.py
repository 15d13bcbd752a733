"""Whether the terminal is still there: one that vanished without a hang-up signal would keep the console for ever."""

from __future__ import annotations

import select
import sys

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def terminal_gone() -> bool:
    """Tell whether the other end of standard input is closed (poll(2): a hang-up is always reported)."""
    stdin = sys.__stdin__
    if stdin is None or stdin.closed:
        return True
    poll = select.poll()
    poll.register(stdin.fileno(), 0)
    return any(event & _GONE for _, event in poll.poll(0))
