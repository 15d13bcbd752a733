"""What README, the pages in docs and the help say is what the program takes: commands parse, settings are read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.registry import Registry
from console.commands import VERBS
from console.commands.parser import parse
from engine.settings.reading import load_workspace
from tests.architecture.sources import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELLIPSIS = "…"
"""A command that is cut short on purpose."""


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words after `syncdeck` of every command of a text, whatever is chained after it or said about it."""
    for command in re.findall(r"(?:^|`|\$ )\s*(syncdeck [^`\n]+)", text, re.MULTILINE):
        said, *_ = re.split(r"\s{2,}|\s#\s", command)
        if ELLIPSIS in said:
            continue
        for part in re.split(r"\s&&\s", said):
            words = shlex.split(re.sub(r"\$\(.*?\)|\s(?:[|<>]|2>)\s.*", "", part))
            if words[0] == "syncdeck":
                yield words[1:]


def is_taken(words: list[str]) -> bool:
    try:
        parse(words)
    except SystemExit as end:
        return end.code == 0
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_a_page_are_taken(page: Path) -> None:
    found = list(commands(page.read_text(encoding="utf-8")))
    assert found
    assert [words for words in found if not is_taken(words)] == []


@pytest.mark.parametrize("verb", VERBS)
def test_examples_in_the_help_are_taken(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = helped([verb], capsys)
    acts = re.findall(r"^    ([a-z-]+) ", shown.partition("more:\n")[2], re.MULTILINE)
    shown += "".join(helped([verb, act], capsys) for act in acts)
    assert [words for words in commands(shown) if not is_taken(words)] == []


def helped(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        parse([*words, "--help"])
    return capsys.readouterr().out


def test_a_command_that_is_not_taken_would_be_found() -> None:
    text = "```\nsyncdeck plan engineering   # fine\nsyncdeck doctor && syncdeck backup\n```\n`syncdeck no-such-verb`"
    found = list(commands(text))
    assert found == [["plan", "engineering"], ["doctor"], ["backup"], ["no-such-verb"]]
    assert [is_taken(words) for words in found] == [True, True, False, False], "backup needs a file"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_on_a_page_are_read_as_they_stand(page: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        text = block if block.startswith("syncdeck:") else f"syncdeck: 1\n{block}"
        (tmp_path / "syncdeck.yaml").write_text(text, encoding="utf-8")
        load_workspace(tmp_path, Registry())
