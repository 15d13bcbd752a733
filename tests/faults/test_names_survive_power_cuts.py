"""A file whose name is not on the disk is no file: whatever is given up because of an archive waits for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console.commands.packed_files import writing
from engine.storage.connection import create_private


@pytest.fixture
def deeds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is synced and named, in order, from now on."""
    noted: list[str] = []
    sync, rename = os.fsync, Path.rename

    def noted_sync(descriptor: int) -> None:
        noted.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        sync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        noted.append(f"name {Path(target).name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    return noted


def test_the_folder_of_a_new_state_file_is_there_after_a_power_cut(tmp_path: Path, deeds: list[str]) -> None:
    create_private(tmp_path / "new" / ".syncdeck" / "state.db")

    assert deeds == ["sync new", f"sync {tmp_path.name}"]


def test_an_archive_is_there_after_a_power_cut_under_the_name_it_was_given(tmp_path: Path, deeds: list[str]) -> None:
    with writing(str(tmp_path / "archive.ndjson")) as sink:
        sink.write(b"{}\n")

    assert deeds == ["sync archive.ndjson.unfinished", "name archive.ndjson", f"sync {tmp_path.name}"]
