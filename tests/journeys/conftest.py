"""A small workspace for every journey."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.command import Command, small_workspace


@pytest.fixture
def syncdeck(tmp_path: Path) -> Command:
    """The command in a small workspace."""
    return small_workspace(tmp_path)
