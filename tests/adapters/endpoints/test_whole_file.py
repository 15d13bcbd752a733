"""Replacing a file: in one step, durably, with its mode and links, and never over somebody else's change."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.endpoints import whole_file
from adapters.endpoints.whole_file import read_whole, rewrite
from engine.errors import RemoteRefused, RemoteUnavailable


def appending(line: bytes) -> Callable[[bytes], tuple[bytes, int]]:
    return lambda data: (data + line, len(data))


def test_the_edit_gets_what_is_there_and_its_answer_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one\n")
    assert rewrite(file, appending(b"two\n")) == 4
    assert file.read_bytes() == b"one\ntwo\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a"], "neither lock nor temporary file is left"


def test_mode_and_symbolic_link_stay(tmp_path: Path) -> None:
    file, link = tmp_path / "a", tmp_path / "link"
    file.write_bytes(b"")
    file.chmod(0o640)
    link.symlink_to(file)
    rewrite(link, appending(b"x"))
    assert link.is_symlink()
    assert file.read_bytes() == b"x"
    assert file.stat().st_mode & 0o777 == 0o640


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"")
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(rewrite, file, appending(f"{number}\n".encode())) for number in range(40)]:
            future.result()
    assert sorted(map(int, file.read_text().split())) == list(range(40))


def test_what_an_editor_without_locks_saves_meanwhile_is_merged(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one\n")
    saved = iter([b"one\nby hand\n"])

    def edit(data: bytes) -> tuple[bytes, None]:
        for content in saved:
            file.write_bytes(content)
        return data + b"ours\n", None

    rewrite(file, edit)
    assert file.read_bytes() == b"one\nby hand\nours\n"


def test_somebody_who_saves_all_the_time_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"")

    def edit(data: bytes) -> tuple[bytes, None]:
        file.write_bytes(data + b"by hand\n")
        return data + b"ours\n", None

    with pytest.raises(RemoteUnavailable, match="changed by somebody else 5 times"):
        rewrite(file, edit)
    assert b"ours" not in file.read_bytes()


def test_a_lock_that_is_held_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_file, "LOCK_ATTEMPTS", 2)
    file = tmp_path / "a"
    file.write_bytes(b"")
    entered, done = threading.Event(), threading.Event()

    def edit(data: bytes) -> tuple[bytes, None]:
        entered.set()
        done.wait(20)
        return data, None

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(rewrite, file, edit)
        assert entered.wait(20)
        with pytest.raises(RemoteUnavailable, match="held by another Syncdeck"):
            rewrite(file, appending(b"x"))
        done.set()
        holder.result()
    rewrite(file, appending(b"x"))
    assert file.read_bytes() == b"x"


def test_a_full_disk_is_worth_another_try_and_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one\n")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RemoteUnavailable, match="No space left on device") as caught:
            rewrite(file, appending(b"two\n"))
    assert not caught.value.maybe_done
    assert file.read_bytes() == b"one\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("act", [read_whole, lambda path: rewrite(path, appending(b"x"))], ids=["read", "rewrite"])
def test_what_is_not_a_file_is_refused_in_words(act: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(RemoteRefused, match="is not a file"):
        act(tmp_path)
    with pytest.raises(RemoteRefused, match=r"does not exist\. The folder .*nowhere does not exist either"):
        act(tmp_path / "nowhere" / "a")
