"""Keys in the console: a tree, values in three forms, edits by compare-and-set that lose nothing. On a scripted
coordination, through the real app."""

from __future__ import annotations

from datetime import timedelta

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from console.dialogs.edit_key import EditKey
from console.dialogs.key_clash import KeyClash
from engine.coordination.promises import Feature
from tests.console.coordinating import agree, detail, dialog, fill, lines, pane
from tests.console.scripted import scripted_console
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, press, said
from tests.doubles.engine import ScriptedEngine

at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])


def with_keys() -> ScriptedEngine:
    """Return an engine with JSON, text and bytes under a few folders."""
    engine = ScriptedEngine()
    keys = engine.coordination.keys
    keys.arrange("config/mail/limit", b'{"per_hour":200,"burst":20}')
    keys.arrange("config/motd", b"hello")
    keys.arrange("session/ann", bytes([0, 255, 16]), timedelta(minutes=4))
    keys.arrange("version", b"42")
    return engine


async def open_keys(pilot: Pilot[None], *more: str) -> None:
    await press(pilot, "9", "s", *more)


async def type_value(pilot: Pilot[None], text: str) -> None:
    """Replace what stands in the editor, and go on."""
    pilot.app.screen.query_one("#value", TextArea).text = text
    await press(pilot, "ctrl+o")


def writes(engine: ScriptedEngine) -> list[tuple[object, ...]]:
    """Return every write that was asked: key, value, expected revision, time to live, reason."""
    return [each[1:] for each in engine.coordination.asked if each[0] == "put"]


# -- looking -----------------------------------------------------------------------------------------------------------


@at_both_sizes
async def test_keys_are_a_tree_by_their_slashes(size: tuple[int, int]) -> None:
    async with scripted_console(with_keys(), size) as pilot:
        await open_keys(pilot)
        names = [line.strip().split("  ")[0] for line in lines(pilot)]
        assert names == ["▾ config/", "▾ mail/", "limit", "motd", "▾ session/", "ann", "version"]


async def test_a_folder_is_closed_and_opened_and_says_how_much_is_in_it() -> None:
    async with scripted_console(with_keys()) as pilot:
        await open_keys(pilot, "enter")
        assert lines(pilot)[0].split() == ["▸", "config/", "2"]
        assert "2 keys below, 32 B of values" in detail(pilot)
        await press(pilot, "right", "j", "left")
        assert pane(pilot).records.key == ("config/mail/", True)


async def test_a_row_tells_size_revision_and_when_it_expires() -> None:
    engine = with_keys()
    async with scripted_console(engine, (160, 50)) as pilot:
        await open_keys(pilot)
        assert lines(pilot)[5].split()[-6:] == ["3", "B", "3", "in", "4", "m"]
        assert lines(pilot)[6].split()[-4:] == ["2", "B", "4", "never"]
        engine.clock.jump(timedelta(minutes=3, seconds=30))
        await until(pilot, lambda: lines(pilot)[5].endswith("in 30 s"))


FORMS = [
    (2, 'as JSON w text { "per_hour": 200, "burst": 20 }'),
    (3, "as text w hex hello"),
    (5, "as hex w JSON 000000 00 ff 10"),
]


@pytest.mark.parametrize(("row", "told"), FORMS, ids=["JSON", "text", "bytes"])
async def test_a_value_is_shown_as_it_is_best_read(row: int, told: str) -> None:
    async with scripted_console(with_keys()) as pilot:
        await open_keys(pilot, *"j" * row)
        assert told in detail(pilot)


async def test_the_form_goes_round_and_what_a_value_is_not_is_shown_as_bytes() -> None:
    async with scripted_console(with_keys()) as pilot:
        await open_keys(pilot, *"jj", "w")
        assert 'as text w hex {"per_hour":200,"burst":20}' in detail(pilot)
        await press(pilot, "w", "w", *"jjj")
        assert "as hex, because it is no JSON" in detail(pilot)


async def test_a_change_by_somebody_else_is_on_the_screen_and_only_that_key_is_read() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await open_keys(pilot, *"jjj")
        lists = engine.coordination.wire.count("list")
        engine.coordination.keys.arrange("config/motd", b"good bye")
        await until(pilot, lambda: "good bye" in detail(pilot))
        engine.coordination.keys.arrange("config/new", b"1")
        await until(pilot, lambda: len(lines(pilot)) == 8)
        engine.coordination.keys.vanish("config/new")
        await until(pilot, lambda: len(lines(pilot)) == 7)
        assert engine.coordination.wire.count("list") == lists


async def test_ten_thousand_keys_are_read_in_pages_and_stay_folded() -> None:
    engine = ScriptedEngine()
    for number in range(10_000):
        engine.coordination.keys.arrange(f"user/{number % 100:02}/{number:05}", b"x")
    async with scripted_console(engine) as pilot:
        await open_keys(pilot)
        assert [line.split() for line in lines(pilot)] == [["▸", "user/", "10,000"]]
        await press(pilot, "enter", "j", "enter")
        assert len(lines(pilot)) == 1 + 100 + 100
        await press(pilot, "slash", *"09999", "enter")
        await until(pilot, lambda: len(lines(pilot)) == 3)


# -- writing -----------------------------------------------------------------------------------------------------------


async def test_an_edit_shows_what_changes_and_is_written_on_the_revision_that_was_shown() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await open_keys(pilot, *"jjj", "e")
        await type_value(pilot, "hello you")
        assert "written only if revision 2 still stands there" in dialog(pilot)
        await agree(pilot, reason="greeting")
        assert writes(engine) == [("config/motd", b"hello you", 2, None, "greeting")]
        await until(pilot, lambda: "hello you" in detail(pilot))
        assert "config/motd was written, revision 5." in said(pilot)


async def test_json_is_laid_out_to_edit_and_kept_without_its_line_breaks() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await open_keys(pilot, *"jj", "e")
        text = pilot.app.screen.query_one("#value", TextArea).text
        assert text == '{\n  "per_hour": 200,\n  "burst": 20\n}'
        await type_value(pilot, text.replace("200", "300"))
        await agree(pilot)
        assert writes(engine)[0][1] == b'{"per_hour":300,"burst":20}'


async def test_what_is_no_json_is_not_taken() -> None:
    async with scripted_console(with_keys()) as pilot:
        await open_keys(pilot, *"jj", "e")
        await type_value(pilot, "{")
        assert isinstance(pilot.app.screen, EditKey)
        assert "This is no JSON" in dialog(pilot)


async def test_bytes_are_edited_as_digits() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await open_keys(pilot, *"jjjjj", "e")
        assert pilot.app.screen.query_one("#value", TextArea).text == "00 ff 10"
        await type_value(pilot, "00ff 11")
        await agree(pilot)
        assert writes(engine)[0][1] == bytes([0, 255, 17])


async def test_a_time_that_runs_runs_on_unless_somebody_types_another() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await open_keys(pilot, *"jjjjj", "e")
        assert pilot.app.screen.query_one("#expires", Input).value == "4m"
        await type_value(pilot, "01")
        engine.clock.jump(timedelta(minutes=1))
        await agree(pilot)
        assert writes(engine)[0][3] == timedelta(minutes=3)
        await press(pilot, "e")
        await fill(pilot, "expires", "2h")
        await press(pilot, "ctrl+o")
        await agree(pilot)
        assert writes(engine)[1][3] == timedelta(hours=2)
        await press(pilot, "e")
        await fill(pilot, "expires", "")
        await press(pilot, "ctrl+o")
        assert "It never expires." in dialog(pilot)


async def test_where_keys_do_not_expire_the_field_says_so() -> None:
    engine = with_keys()
    sentence = "Consul has no keys that expire. Take Redis or etcd."
    engine.coordination.wire.promises.refusals[Feature.EXPIRY] = sentence
    async with scripted_console(engine) as pilot:
        await open_keys(pilot, *"jjj", "e")
        field = pilot.app.screen.query_one("#expires", Input)
        assert field.disabled
        assert field.placeholder == sentence


# -- somebody was quicker ----------------------------------------------------------------------------------------------


async def clash(pilot: Pilot[None], engine: ScriptedEngine) -> None:
    """Write a key that somebody else writes just before."""
    engine.coordination.keys.quicker["config/motd"] = b"their words"
    await open_keys(pilot, *"jjj", "e")
    await type_value(pilot, "my words")
    await agree(pilot)
    await until(pilot, lambda: isinstance(pilot.app.screen, KeyClash))
    await settled(pilot)


@at_both_sizes
async def test_both_values_are_shown_and_nothing_was_written(size: tuple[int, int]) -> None:
    engine = with_keys()
    async with scripted_console(engine, size) as pilot:
        await clash(pilot, engine)
        text = dialog(pilot)
        assert "Somebody wrote config/motd before you" in text
        assert text.index("WHAT STANDS THERE NOW their words") < text.index("WHAT YOU WROTE my words")
        assert engine.coordination.keys.entries["config/motd"].value == b"their words"


async def test_the_key_that_wrote_does_not_write_over_it() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await clash(pilot, engine)
        await press(pilot, "y")
        assert engine.coordination.keys.entries["config/motd"].value == b"their words"


async def test_mine_is_written_over_theirs_only_on_the_revision_that_was_shown() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await clash(pilot, engine)
        engine.coordination.keys.quicker["config/motd"] = b"quicker again"
        await press(pilot, "m")
        await until(pilot, lambda: isinstance(pilot.app.screen, KeyClash) and "quicker again" in dialog(pilot))
        await press(pilot, "m")
        await until(pilot, lambda: engine.coordination.keys.entries["config/motd"].value == b"my words")


async def test_leaving_theirs_keeps_mine_as_a_draft() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await clash(pilot, engine)
        await press(pilot, "escape")
        assert "What you wrote is kept: e brings it back." in said(pilot)
        await until(pilot, lambda: "their words" in detail(pilot))
        await press(pilot, "e")
        assert pilot.app.screen.query_one("#value", TextArea).text == "my words"
        assert "What you wrote before was kept." in dialog(pilot)


async def test_mine_can_be_edited_on_what_stands_there_now() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await clash(pilot, engine)
        await press(pilot, "e")
        await type_value(pilot, "their words and mine")
        await agree(pilot)
        assert engine.coordination.keys.entries["config/motd"].value == b"their words and mine"


# -- adding, deleting --------------------------------------------------------------------------------------------------


async def test_a_key_is_added_only_if_it_is_not_there_yet() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await open_keys(pilot, "G", "a")
        await fill(pilot, "text", "version")
        assert "There is a key version already: e edits it." in dialog(pilot)
        await fill(pilot, "text", "flags/new")
        await press(pilot, "enter")
        await type_value(pilot, "on")
        await agree(pilot)
        assert writes(engine) == [("flags/new", b"on", 0, None, "by hand")]
        await until(pilot, lambda: any("new" in line for line in lines(pilot)))


async def test_a_key_is_deleted_only_as_it_was_shown() -> None:
    engine = with_keys()
    async with scripted_console(engine) as pilot:
        await open_keys(pilot, "G", "D")
        assert "value now 42" in dialog(pilot)
        engine.coordination.keys.arrange("version", b"43")
        await agree(pilot, reason="old")
        assert "Nothing was deleted." in said(pilot)
        await until(pilot, lambda: "43" in detail(pilot))
        await press(pilot, "D")
        await agree(pilot, reason="old")
        await until(pilot, lambda: "version" not in engine.coordination.keys.entries)


async def test_a_folder_is_neither_edited_nor_deleted() -> None:
    async with scripted_console(with_keys()) as pilot:
        await open_keys(pilot, "D")
        assert "This is a folder: go to one of its keys." in said(pilot)
