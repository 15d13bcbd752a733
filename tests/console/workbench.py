"""A real workspace of files, the real engine on it, and the console on that engine, at the sizes people have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from textual.pilot import Pilot

from adapters.registry import Registry
from console.app import SyncdeckApp
from console.presentation.spans import plain
from console.widgets.record_list import RecordList
from engine.assembly import Engine, open_engine
from engine.settings.reading import load_workspace
from tests.console.settling import answered, settled, until

SIZES = ((80, 24), (160, 50))

SETTINGS = """\
# Everybody's lists
syncdeck: 1
title: acme
node: desk-1

adapters:
  people: {type: csv_file, path: people.csv, key: email}   # from HR
  list:
    type: yaml_file
    path: list.yaml   # the mail server reads it
    at: members
    key: email
  spare: {type: json_file, path: spare.json, key: email}

syncs:
  engineering:
    source: people
    where: "department == 'eng'"
    targets: [list]
    attributes: {name: "name"}
"""
PEOPLE = """\
email,name,department
ann@acme.example,Ann,eng
bob@acme.example,Bob,eng
cy@acme.example,Cy,sales
"""


def fill(folder: Path) -> Path:
    """Write the workspace into an empty folder; return the settings file."""
    (folder / "people.csv").write_text(PEOPLE)
    (folder / "list.yaml").write_text("members:\n  - {email: ann@acme.example, name: Anne}\n")
    (folder / "spare.json").write_text("[]\n")
    file = folder / "syncdeck.yaml"
    file.write_text(SETTINGS)
    return file


def forbid_secrets(reference: str, folder: Path) -> str:
    """Stand in for the secret stores of a machine that has none."""
    raise AssertionError(f"nobody should ask for {reference} in {folder}")


@asynccontextmanager
async def opening(file: Path) -> AsyncIterator[Engine]:
    """Open the real engine on a settings file as it is now."""
    registry = Registry()
    workspace, extensions = load_workspace(file, registry), registry.extensions()
    async with open_engine(workspace, registry, forbid_secrets, actor="ann@desk", extensions=extensions) as engine:
        yield engine


@asynccontextmanager
async def console(file: Path, size: tuple[int, int] = (80, 24), **options: object) -> AsyncIterator[Pilot[None]]:
    """Run the console on a settings file until the block ends."""
    app = SyncdeckApp(partial(opening, file), **options)  # type: ignore[arg-type]
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        yield pilot


def deck(pilot: Pilot[None]) -> SyncdeckApp:
    """Return the app by its own type."""
    assert isinstance(pilot.app, SyncdeckApp)
    return pilot.app


def screen_text(pilot: Pilot[None]) -> str:
    """Return what the terminal shows, row by row."""
    app = pilot.app
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).ljust(width) for strip in strips[:height])


def rows_of(records: RecordList) -> list[str]:
    """Return the lines of a list as text."""
    width = records.size.width
    lines = (records.rows.line_at(index, width) for index in range(len(records.rows)))
    return [plain(line).rstrip() if line is not None else "…" for line in lines]


def said(pilot: Pilot[None]) -> str:
    """Return everything that was told in passing."""
    return "\n".join(each.text for each in deck(pilot).said)


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys one by one, each when what the last one asked for was answered."""
    for key in keys:
        await pilot.press(key)
        await until(pilot, lambda: answered(pilot))
    await settled(pilot)


async def write(pilot: Pilot[None], text: str) -> None:
    """Type a text."""
    await pilot.press(*(SPELLED.get(character, character) for character in text))
    await settled(pilot)


SPELLED = {
    " ": "space", ":": "colon", "'": "apostrophe", "=": "equals_sign", ".": "full_stop", "/": "slash", "-": "minus",
    "@": "at", "_": "underscore", ",": "comma",
}  # fmt: skip
