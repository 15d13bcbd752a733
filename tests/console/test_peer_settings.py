"""A peer's settings: the form made from them, the test of the way, and edits of the file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pytest
from textual.pilot import Pilot

from console.app import SyncdeckApp
from console.dialogs.ask_text import AskText
from console.dialogs.save_changes import SaveChanges
from console.screens.peer import PeerScreen
from console.screens.peer_settings import PeerSettingsScreen
from console.screens.peers import PeersScreen
from console.widgets.record_list import RecordList
from console.widgets.settings_form import SettingsForm
from engine.settings.model import Workspace
from engine.settings.reading import load_workspace
from engine.settings.replication import Direction, PeerSettings
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, deck, press, rows_of, said, screen_text, write
from tests.doubles.catalogue import SampleCatalogue
from tests.doubles.engine import ScriptedEngine
from tests.doubles.replication import status

SETTINGS = """\
# Everybody's lists
syncdeck: 1
node: desk

peers:
  # the office by the water
  hamburg: {url: "https://hamburg.example:8470", token: "keyring:hamburg"}   # Hanna runs it
  bremen:
    url: http://127.0.0.1:8471   # a tunnel
    every: 5m
"""
at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "syncdeck.yaml"
    path.write_text(SETTINGS)
    return path


class Desk:
    """A console on a settings file and a scripted replication; leaves what was kept in `secrets`."""

    def __init__(self, file: Path, size: tuple[int, int] = (80, 24), *, met: bool = False) -> None:
        self.secrets: dict[str, str] = {}
        self.engine = ScriptedEngine()
        self.engine.catalogue = SampleCatalogue()
        self.engine.read = lambda: self._read(file, met)
        app = SyncdeckApp(self.engine.opening, keep_secret=self.secrets.__setitem__)
        self._run = app.run_test(size=size, notifications=True)

    def _read(self, file: Path, met: bool) -> Workspace:
        workspace = load_workspace(file, SampleCatalogue())
        now = self.engine.clock.now() if met else None
        self.engine.replication.standing = {
            name: status(name, url=peer.url, met_at=now) for name, peer in workspace.peers.items()
        }
        return workspace

    async def __aenter__(self) -> Pilot[None]:
        pilot = await self._run.__aenter__()
        await settled(pilot)
        return pilot

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._run.__aexit__(kind, error, trace)


def form(pilot: Pilot[None]) -> SettingsForm:
    return pilot.app.screen.query_one(SettingsForm)


async def open_settings(pilot: Pilot[None], *keys: str) -> None:
    await press(pilot, "8", *keys)
    await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
    await settled(pilot)


async def type_into(pilot: Pilot[None], path: str, text: str) -> None:
    screen = pilot.app.screen
    assert isinstance(screen, PeerSettingsScreen)
    form(pilot).enter(path)
    await pilot.press("end", "ctrl+u")
    await write(pilot, text)
    await until(pilot, lambda: not screen.unchecked)


async def save(pilot: Pilot[None]) -> None:
    await press(pilot, "escape", "S")
    await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
    await press(pilot, "y")
    await until(pilot, lambda: "Saved" in said(pilot))
    await settled(pilot)


def names(pilot: Pilot[None]) -> Sequence[str]:
    return [line.split()[0] for line in rows_of(pilot.app.screen.query_one(RecordList)) if not line.startswith("  ")]


@at_both_sizes
async def test_the_form_has_a_line_for_every_setting_of_a_peer(file: Path, size: tuple[int, int]) -> None:
    async with Desk(file, size) as pilot:
        await open_settings(pilot, "e")
        paths = [row.entry.path for row in form(pilot).rows()]
        assert paths == ["name", *(name for name in PeerSettings.__struct_fields__ if name != "name")]


async def test_one_setting_is_one_change_and_every_comment_stays(file: Path) -> None:
    async with Desk(file) as pilot:
        await open_settings(pilot, "j", "e")
        await type_into(pilot, "every", "30s")
        await save(pilot)
    assert file.read_text() == SETTINGS.replace("every: 5m", "every: 30s")


async def test_a_wrong_address_is_explained_at_its_field_and_not_saved(file: Path) -> None:
    async with Desk(file) as pilot:
        await open_settings(pilot, "e")
        await type_into(pilot, "url", "hamburg")
        await until(pilot, lambda: any(row.complaint for row in form(pilot).rows() if row.entry.path == "url"))
        await press(pilot, "escape", "S")
        await until(pilot, lambda: "Not saved:" in said(pilot))
    assert file.read_text() == SETTINGS


async def test_a_peer_is_added_and_stands_in_the_list(file: Path) -> None:
    async with Desk(file) as pilot:
        await open_settings(pilot, "a")
        await type_into(pilot, "name", "kiel")
        await type_into(pilot, "url", "https://kiel.example:8470")
        await save(pilot)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, PeersScreen)
        await until(pilot, lambda: "kiel" in names(pilot))
    assert file.read_text() == SETTINGS + "  kiel: {url: 'https://kiel.example:8470'}\n"


@at_both_sizes
async def test_a_new_peer_is_typed_from_field_to_field_with_the_arrows(file: Path, size: tuple[int, int]) -> None:
    async with Desk(file, size) as pilot:
        await open_settings(pilot, "a")
        await until(pilot, lambda: pilot.app.focused is not None)
        await write(pilot, "kiel")
        await press(pilot, "down", "end")
        await write(pilot, "kiel.example")
        values, _ = form(pilot).collected()
        assert values == {"name": "kiel", "url": "https://kiel.example"}
        await press(pilot, "up")
        await write(pilot, "2")
        assert form(pilot).collected()[0]["name"] == "kiel2"


async def test_a_typed_token_goes_into_the_keyring_and_its_reference_into_the_file(file: Path) -> None:
    desk = Desk(file, (160, 50))
    async with desk as pilot:
        await open_settings(pilot, "j", "e")
        await type_into(pilot, "token", "hunter2")
        assert "hunter2" not in screen_text(pilot)
        await save(pilot)
        assert "hunter2" not in screen_text(pilot) + said(pilot)
    assert desk.secrets == {"bremen": "hunter2"}
    assert "token: keyring:bremen" in file.read_text().replace("'", "")
    assert "hunter2" not in file.read_text()


async def test_a_peer_is_renamed(file: Path) -> None:
    async with Desk(file) as pilot:
        await open_settings(pilot, "e")
        await type_into(pilot, "name", "hafen")
        await save(pilot)
    assert file.read_text() == SETTINGS.replace("  hamburg:", "  hafen:")


async def test_a_peer_that_was_never_met_is_removed_after_its_diff(file: Path) -> None:
    async with Desk(file) as pilot:
        await press(pilot, "8", "j", "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        assert "-  bremen:" in screen_text(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: names(pilot) == ["hamburg"])
    assert "bremen" not in file.read_text()
    assert "# Hanna runs it" in file.read_text()


async def test_the_name_of_one_that_was_met_must_be_typed(file: Path) -> None:
    async with Desk(file, met=True) as pilot:
        await press(pilot, "8", "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        await press(pilot, "y")
        assert isinstance(pilot.app.screen, AskText)
        assert "Events were exchanged with hamburg" in screen_text(pilot)
        await write(pilot, "hambur")
        await press(pilot, "enter")
        assert "hamburg" in file.read_text()
        await write(pilot, "g")
        await press(pilot, "enter")
        await until(pilot, lambda: "hamburg" not in file.read_text())


async def test_a_peer_removed_from_its_own_screen_leads_back_to_the_list(file: Path) -> None:
    async with Desk(file) as pilot:
        await press(pilot, "8", "enter")
        assert isinstance(pilot.app.screen, PeerScreen)
        await press(pilot, "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(pilot.app.screen, PeersScreen))
        await until(pilot, lambda: names(pilot) == ["bremen"])


# -- the test of the way -----------------------------------------------------------------------------------------------

STEPS = (
    ("address", True, "hamburg.example is 192.0.2.7."),
    ("TLS", True, "The certificate is signed by a known authority, valid until May."),
    ("token", False, "hamburg refused the token. Give it one of its server.tokens."),
)


@at_both_sizes
async def test_a_test_shows_each_step_with_its_sentence(file: Path, size: tuple[int, int]) -> None:
    desk = Desk(file, size)
    desk.engine.replication.steps = STEPS
    async with desk as pilot:
        await open_settings(pilot, "t")
        await until(pilot, lambda: "✗ The way is not open" in screen_text(pilot))
        await until(pilot, lambda: "✗ token" in screen_text(pilot))
        text = " ".join(screen_text(pilot).split())
        assert "✓ address" in text
        assert "Give it one of its server.tokens." in text


async def test_settings_are_tested_before_they_are_saved(file: Path) -> None:
    desk = Desk(file)
    async with desk as pilot:
        await open_settings(pilot, "e")
        await type_into(pilot, "url", "https://elsewhere.example")
        await press(pilot, "escape", "t")
        await until(pilot, lambda: "✓ The way is open" in screen_text(pilot))
    tested = [asked[1] for asked in desk.engine.replication.asked if asked[0] == "test"]
    assert tested == [
        PeerSettings(name="hamburg", url="https://elsewhere.example", token="keyring:hamburg", direction=Direction.BOTH)
    ]
    assert file.read_text() == SETTINGS


async def test_escape_stops_a_test_and_stays(file: Path) -> None:
    desk = Desk(file)
    desk.engine.replication.hold = asyncio.Event()
    async with desk as pilot:
        await pilot.press("8")
        await settled(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "… testing" in screen_text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "… testing" not in screen_text(pilot))
        assert isinstance(pilot.app.screen, PeerSettingsScreen)
        assert "The test was stopped." in said(pilot)
        assert deck(pilot).orders == set()
