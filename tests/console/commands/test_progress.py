"""What is said while a run is under way, or waits to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from console.commands.progress import following
from console.commands.session import Session
from console.outside import Outside
from engine.assembly import Engine
from engine.errors import Locked
from engine.notices import Notice, Notices
from tests.doubles.coordinated import soon


@dataclass
class TellsAlone:
    """An engine of which nothing is asked but its notices."""

    notices: Notices = field(default_factory=Notices)


def session(*, json: bool) -> Session:
    return Session(
        outside=cast("Outside", None), folder=Path(), json=json, colour=False, interactive=False, read_only=False
    )


@pytest.mark.parametrize("json", [False, True], ids=["for people", "for programs"])
async def test_a_run_that_waits_for_a_silent_holder_says_so_beside_its_result(
    json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, heard = TellsAlone(), ""

    def said() -> bool:
        nonlocal heard
        heard += capsys.readouterr().err
        return heard != ""

    async with following(cast("Engine", engine), session(json=json)):
        engine.notices.publish(Notice(topic="lock.silent", subject="target:list", detail="It gives no sign of life."))
        await soon(said)
    assert heard == "It gives no sign of life.\n"


async def test_what_ends_a_run_is_raised_as_it_is() -> None:
    with pytest.raises(Locked):
        async with following(cast("Engine", TellsAlone()), session(json=True)):
            raise Locked("somebody else is at it")
