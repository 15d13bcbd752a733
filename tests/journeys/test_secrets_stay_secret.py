"""A secret is used and never seen: not in output, the log, a plan, an error, the state file or a report."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.journeys.command import Command

SECRET = "s3cr3t-Tok3n/with+signs="


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A workspace whose source is a service on a closed port that wants a token and a password."""
    monkeypatch.setenv("WIKI_TOKEN", SECRET)
    command = Command(tmp_path)
    command.write("people.csv", "email\nann@acme.example\n")
    command.write(
        "syncdeck.yaml",
        """\
syncdeck: 1
adapters:
  people: {type: csv_file, path: people.csv, key: email}
  wiki: {type: scim_group, base_url: "http://127.0.0.1:9/scim", token: "env:WIKI_TOKEN", group: eng}
syncs:
  wiki: {source: people, targets: [wiki]}
""",
    )
    return command


def everything_written(folder: Path) -> str:
    """Return all bytes of a folder as text, and every row of its databases."""
    texts = []
    for file in folder.rglob("*"):
        if file.is_file():
            texts.append(file.read_bytes().decode("utf-8", "replace"))
            if file.suffix == ".db":
                with sqlite3.connect(file) as database:
                    texts.extend(database.iterdump())
                database.close()
    return "\n".join(texts)


def test_a_failing_service_never_shows_its_token(guarded: Command) -> None:
    ended = [
        guarded("adapters", "check", "wiki", "--json"),
        guarded("plan", "wiki", "-o", "wiki.plan"),
        guarded("apply", "wiki", "--yes"),
        guarded("doctor"),
        guarded("events", "--json", "--limit", "0"),
    ]
    shown = "\n".join(one.out + one.err for one in ended)
    assert "127.0.0.1:9" in shown, "the failure itself is told"
    for text in (shown, everything_written(guarded.folder)):
        assert SECRET not in text
        assert "with%2Bsigns" not in text


def test_a_secret_in_clear_is_refused_before_it_is_used_and_not_repeated(guarded: Command) -> None:
    guarded.change("syncdeck.yaml", '"env:WIKI_TOKEN"', f'"{SECRET}"')
    refused = guarded("plan", "wiki")
    assert refused.code == 1
    assert "keyring:" in refused.err
    assert SECRET not in refused.err


def test_a_missing_secret_names_the_reference_and_the_next_step(guarded: Command) -> None:
    os.environ.pop("WIKI_TOKEN")
    check = guarded("adapters", "check", "wiki")
    assert check.code == 1
    assert "env:WIKI_TOKEN" in check.out
