"""A file whose name is not on the disk is no file: whatever is given up because of an archive waits for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console.commands.packed_files import writing


def test_an_archive_is_there_after_a_power_cut_under_the_name_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deeds: list[str] = []
    sync, rename = os.fsync, Path.rename

    def noted_sync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        deeds.append(f"sync {name}")
        sync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        deeds.append(f"name {Path(target).name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    with writing(str(tmp_path / "archive.ndjson")) as sink:
        sink.write(b"{}\n")

    assert deeds == ["sync archive.ndjson.unfinished", "name archive.ndjson", f"sync {tmp_path.name}"]
