"""Copying: by a tool of this machine where it is the operator's own, else by the terminal."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from console.clipboard import OSC52_BYTES, copy_by_tool, local_tool, osc52


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, script: str) -> None:
    tool = folder / name
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)


def test_a_local_tool_is_used_on_a_graphical_machine(tools: Path) -> None:
    install(tools, "wl-copy", "")
    assert local_tool({"WAYLAND_DISPLAY": "wayland-0"}) == ("wl-copy",)


@pytest.mark.parametrize("variable", ["SSH_TTY", "SSH_CONNECTION"])
def test_over_ssh_the_tools_of_the_far_machine_are_left_alone(tools: Path, variable: str) -> None:
    install(tools, "wl-copy", "")
    assert local_tool({"WAYLAND_DISPLAY": "wayland-0", variable: "x"}) is None


def test_without_a_tool_or_a_display_the_terminal_is_asked(tools: Path) -> None:
    assert local_tool({"DISPLAY": ":0"}) is None
    install(tools, "xclip", "")
    assert local_tool({}) is None


def test_a_tool_gets_the_text_and_a_failing_one_is_noticed(tools: Path) -> None:
    install(tools, "good", f'while read -r line || [ -n "$line" ]; do printf \'%s\' "$line"; done > {tools}/copied')
    install(tools, "bad", "exit 1")
    assert copy_by_tool(("good",), "O'Brien")
    assert (tools / "copied").read_text() == "O'Brien"
    assert not copy_by_tool(("bad",), "x")
    assert not copy_by_tool(("missing",), "x")


def test_the_terminal_is_asked_by_osc_52() -> None:
    assert osc52("über", {}) == f"\x1b]52;c;{base64.b64encode('über'.encode()).decode()}\a"


def test_tmux_is_asked_to_pass_it_on() -> None:
    assert osc52("a", {"TMUX": "/tmp/tmux-0/default,1,0"}) == "\x1bPtmux;\x1b\x1b]52;c;YQ==\a\x1b\\"


def test_what_terminals_would_cut_is_not_sent_at_all() -> None:
    assert osc52("x" * OSC52_BYTES, {}) is not None
    assert osc52("x" * (OSC52_BYTES + 1), {}) is None
