"""A test fails when a screen no longer looks like its picture in `screenshots/`."""

from __future__ import annotations

import pytest

from tests.screenshots import SCENES, SIZES, Scene, draw, file_of, use_utc


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_a_screen_looks_like_its_picture(scene: Scene, size: tuple[int, int]) -> None:
    use_utc()
    kept = file_of(scene, size)
    assert kept.exists(), f"{kept.name} is not drawn yet: make screenshots"
    drawn = await draw(scene, size)
    assert drawn == kept.read_text(encoding="utf-8"), f"{kept.name}: look at what changed, then: make screenshots"
