"""Copying, honestly: what can be known is said, and over SSH the terminal itself is asked (OSC 52)."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from collections.abc import Mapping

LOCAL_TOOLS: tuple[tuple[str, ...], ...] = (
    ("pbcopy",),
    ("wl-copy",),
    ("xclip", "-selection", "clipboard"),
    ("xsel", "-ib"),
)
OSC52_BYTES = 74_994
"""Most bytes of text that common terminals take in one OSC 52 sequence (xterm's and k9s' limit)."""


def local_tool(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the command that copies on this machine; None over SSH, where the machine is not the operator's."""
    if environment.get("SSH_TTY") or environment.get("SSH_CONNECTION"):
        return None
    graphical = environment.get("WAYLAND_DISPLAY") or environment.get("DISPLAY") or sys.platform == "darwin"
    return next((tool for tool in LOCAL_TOOLS if graphical and shutil.which(tool[0])), None)


def copy_by_tool(tool: tuple[str, ...], text: str) -> bool:
    """Give the text to a local tool; tell whether it took it."""
    try:
        done = subprocess.run(tool, input=text.encode(), timeout=2, check=False, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def osc52(text: str, environment: Mapping[str, str]) -> str | None:
    """Return the sequence that asks the terminal to copy, wrapped for tmux; None when the text is too long for it."""
    body = text.encode()
    if len(body) > OSC52_BYTES:
        return None
    sequence = f"\x1b]52;c;{base64.b64encode(body).decode()}\a"
    if environment.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence
