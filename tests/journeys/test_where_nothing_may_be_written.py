"""A workspace that may be read and not written: what can be seen is shown, and what cannot be done is said in words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.journeys.command import TEAM, Command

WITHOUT_ALL_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root as others are: the rights of files hold for it (capabilities(7), CAP_DAC_OVERRIDE)."""

CHANGING = [("plan", "engineering"), ("apply", "engineering", "--yes")]

Forbid = Callable[[Path], None]


@pytest.fixture
def syncdeck(syncdeck: Command) -> Command:
    """The command, as somebody for whom the rights of files hold."""
    return replace(syncdeck, behind=WITHOUT_ALL_RIGHTS if os.geteuid() == 0 else ())


@pytest.fixture
def forbid() -> Iterator[Forbid]:
    """Make files and folders read-only until the test has ended."""
    with ExitStack() as again:
        yield lambda path: again.enter_context(_read_only(path))


@contextmanager
def _read_only(path: Path) -> Iterator[None]:
    mode = path.stat().st_mode
    path.chmod(mode & ~0o222)
    yield
    path.chmod(mode)


@pytest.mark.parametrize("words", [*CHANGING, ("status",)], ids=" ".join)
def test_a_workspace_that_cannot_have_a_state_file_says_so(
    syncdeck: Command, forbid: Forbid, words: tuple[str, ...]
) -> None:
    forbid(syncdeck.folder)

    refused = syncdeck(*words)

    assert refused.code == 1
    assert f"The state file {syncdeck.folder / '.syncdeck' / 'state.db'} cannot be opened: Permission denied." in (
        refused.err
    )
    assert "Check the folder's rights" in refused.err
    assert syncdeck.read("team.yaml") == TEAM


def test_looking_at_a_workspace_without_a_state_file_says_how_one_begins(syncdeck: Command, forbid: Forbid) -> None:
    forbid(syncdeck.folder)

    refused = syncdeck("--read-only", "status")

    assert refused.code == 1
    assert "There is no state file" in refused.err
    assert "without --read-only" in refused.err


@pytest.mark.parametrize("words", CHANGING, ids=" ".join)
@pytest.mark.parametrize("also", ["", ".syncdeck", "."])
def test_a_state_file_that_may_only_be_read_says_so_and_nothing_is_changed(
    syncdeck: Command, forbid: Forbid, words: tuple[str, ...], also: str
) -> None:
    assert syncdeck("plan", "engineering").code == 2
    _forbid_the_state(syncdeck, forbid, also)

    refused = syncdeck(*words)

    assert refused.code == 1
    assert "It may only be read here. Check the rights of the file and of its folder" in refused.err
    assert "--read-only" in refused.err
    assert syncdeck.read("team.yaml") == TEAM


@pytest.mark.parametrize(
    ("words", "also"),
    [(("status",), ""), (("status",), "."), *((("--read-only", "status"), also) for also in ("", ".syncdeck", "."))],
)
def test_how_everything_stands_is_shown_from_a_state_file_that_may_only_be_read(
    syncdeck: Command, forbid: Forbid, words: tuple[str, ...], also: str
) -> None:
    assert syncdeck("plan", "engineering").code == 2
    _forbid_the_state(syncdeck, forbid, also)

    shown = syncdeck(*words)

    assert shown.code == 0
    assert "out of step" in shown.out


def _forbid_the_state(syncdeck: Command, forbid: Forbid, also: str) -> None:
    forbid(syncdeck.folder / ".syncdeck" / "state.db")
    if also:
        forbid(syncdeck.folder / also)
