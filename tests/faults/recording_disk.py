"""Listens to what SQLite asks of the disk: a VFS in front of the machine's own, in the library that Python itself uses.

Nothing of the program under test is replaced. Its files are opened by SQLite's own unix VFS; only writing, truncating,
syncing, deleting and opening pass by here on their way, one at a time, and are noted in the order in which they took
effect. A sync is noted after it returned, for only then may anybody rely on it.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OK, IO_ERROR, CANNOT_OPEN = 0, 10, 14


@dataclass(frozen=True, slots=True)
class Created:
    """A file came into being; its folder does not durably know yet."""

    name: str


@dataclass(frozen=True, slots=True)
class Written:
    name: str
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """All that was written to the file before is on the disk."""

    name: str


@dataclass(frozen=True, slots=True)
class FolderSynced:
    """All files created and deleted before are so on the disk."""


@dataclass(frozen=True, slots=True)
class Deleted:
    name: str


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told that something is durable: here, not of the disk."""

    what: Any


Deed = Created | Written | Truncated | Synced | FolderSynced | Deleted | Told


@dataclass(slots=True)
class Recording:
    """What happened to the files of one folder since the recording began, in order."""

    folder: Path
    deeds: list[Deed] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    turn: threading.RLock = field(default_factory=threading.RLock)

    def told(self, what: Any) -> None:
        """Note an acknowledgement among the deeds."""
        with self.turn:
            self.deeds.append(Told(what))


_XOpen = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_XDelete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_XWrite = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_XTruncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_XSync = CFUNCTYPE(c_int, c_void_p, c_int)
_XClose = CFUNCTYPE(c_int, c_void_p)
_XSetSystemCall = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)
_XGetSystemCall = CFUNCTYPE(c_void_p, c_void_p, c_char_p)
_OpenDirectory = CFUNCTYPE(c_int, c_char_p, POINTER(c_int))


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 3."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _XOpen),
        ("delete", _XDelete),
        *((f"_unchanged{number}", c_void_p) for number in range(11)),
        ("set_system_call", _XSetSystemCall),
        ("get_system_call", _XGetSystemCall),
        ("_next_system_call", c_void_p),
    )


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = (
        ("version", c_int),
        ("close", _XClose),
        ("_read", c_void_p),
        ("write", _XWrite),
        ("truncate", _XTruncate),
        ("sync", _XSync),
        *((f"_unchanged{number}", c_void_p) for number in range(13)),
    )


class _File(ctypes.Structure):
    """`sqlite3_file`: all that a VFS may have behind it stays the unix VFS's own."""

    _fields_ = (("methods", POINTER(_Methods)),)


def _library() -> ctypes.CDLL:
    """Return the SQLite that this Python's own module uses."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_libversion.restype = c_char_p
    library.sqlite3_vfs_find.restype = POINTER(_Vfs)
    found = library.sqlite3_libversion().decode()
    assert found == sqlite3.sqlite_version, f"found SQLite {found}, Python uses {sqlite3.sqlite_version}"
    return library


@contextmanager
def recording(folder: Path) -> Iterator[Recording]:
    """Record what SQLite does to files in a folder, by whatever connection this process opens meanwhile."""
    disk = _RecordingDisk(Recording(folder))
    disk.install()
    try:
        yield disk.recording
    finally:
        disk.remove()
    assert disk.recording.faults == []


class _RecordingDisk:
    """The VFS in front. Everything that C calls is kept in attributes, or it would be collected."""

    def __init__(self, noted: Recording) -> None:
        self.recording = noted
        self._library = _library()
        self._below: _Vfs = self._library.sqlite3_vfs_find(None).contents
        self._names: dict[int, str] = {}
        self._ours: dict[int, _Methods] = {}
        self._seen: set[str] = {path.name for path in noted.folder.iterdir()}
        self._folder_sync_begun = False
        self._vfs = _Vfs.from_buffer_copy(self._below)
        self._vfs.name = b"syncdeck-recording"
        self._vfs.open = _XOpen(self._guarded(self._open, CANNOT_OPEN))
        self._vfs.delete = _XDelete(self._guarded(self._delete, IO_ERROR))
        self._close_here = _XClose(self._guarded(self._close, IO_ERROR))
        self._write_here = _XWrite(self._guarded(self._write, IO_ERROR))
        self._truncate_here = _XTruncate(self._guarded(self._truncate, IO_ERROR))
        self._sync_here = _XSync(self._guarded(self._sync, IO_ERROR))
        below = self._below.get_system_call(byref(self._below), b"openDirectory")
        self._open_directory_below = _OpenDirectory(below)
        self._open_directory_here = _OpenDirectory(self._guarded(self._open_directory, CANNOT_OPEN))

    def install(self) -> None:
        """Make every connection that is opened from now on pass by here."""
        pointer = ctypes.cast(self._open_directory_here, c_void_p)
        self._below.set_system_call(byref(self._below), b"openDirectory", pointer)
        assert self._library.sqlite3_vfs_register(byref(self._vfs), 1) == OK

    def remove(self) -> None:
        """Let later connections go straight to the machine's VFS again."""
        assert self._names == {}, f"still open: {sorted(self._names.values())}"
        self._library.sqlite3_vfs_unregister(byref(self._vfs))
        self._library.sqlite3_vfs_register(byref(self._below), 1)
        self._below.set_system_call(byref(self._below), b"openDirectory", None)

    def _guarded(self, act: Callable[..., int], failure: int) -> Callable[..., int]:
        """Return a function that C may call: an exception there would vanish, and the call look successful."""

        def guarded(*arguments: Any) -> int:
            with self.recording.turn:
                try:
                    return act(*arguments)
                except BaseException as error:  # noqa: BLE001  raised again when the recording ends
                    self.recording.faults.append(error)
                    return failure

        return guarded

    def _open(self, vfs: int, name: int | None, file: int, flags: int, flags_out: int | None) -> int:
        answer: int = self._below.open(vfs, name, file, flags, flags_out)
        path = Path(os.fsdecode(ctypes.string_at(name))) if name else None
        if answer != OK or path is None or path.parent != self.recording.folder:
            return answer
        if path.name not in self._seen:
            self._seen.add(path.name)
            self.recording.deeds.append(Created(path.name))
        opened = _File.from_address(file)
        below = ctypes.addressof(opened.methods.contents)
        opened.methods = ctypes.pointer(self._ours.setdefault(below, self._methods(opened.methods.contents)))
        self._names[file] = path.name
        return answer

    def _methods(self, below: _Methods) -> _Methods:
        ours = _Methods.from_buffer_copy(below)
        ours.close, ours.write = self._close_here, self._write_here
        ours.truncate, ours.sync = self._truncate_here, self._sync_here
        self._methods_below = below
        return ours

    def _close(self, file: int) -> int:
        del self._names[file]
        return int(self._methods_below.close(file))

    def _write(self, file: int, content: int, length: int, offset: int) -> int:
        self.recording.deeds.append(Written(self._names[file], offset, ctypes.string_at(content, length)))
        return int(self._methods_below.write(file, content, length, offset))

    def _truncate(self, file: int, size: int) -> int:
        self.recording.deeds.append(Truncated(self._names[file], size))
        return int(self._methods_below.truncate(file, size))

    def _sync(self, file: int, flags: int) -> int:
        self._folder_sync_begun = False
        answer: int = self._methods_below.sync(file, flags)
        if answer == OK:
            self.recording.deeds.append(Synced(self._names[file]))
            self._note_folder_sync()
        return answer

    def _delete(self, vfs: int, name: bytes, sync_folder: int) -> int:
        self._folder_sync_begun = False
        answer: int = self._below.delete(vfs, name, sync_folder)
        path = Path(os.fsdecode(name))
        if answer == OK and path.parent == self.recording.folder:
            self._seen.discard(path.name)
            self.recording.deeds.append(Deleted(path.name))
            self._note_folder_sync()
        return answer

    def _open_directory(self, name: bytes, descriptor: Any) -> int:
        """SQLite opens a folder for one reason: to sync it, within the call that is under way."""
        self._folder_sync_begun = Path(os.fsdecode(name)).parent == self.recording.folder
        return int(self._open_directory_below(name, descriptor))

    def _note_folder_sync(self) -> None:
        if self._folder_sync_begun:
            self.recording.deeds.append(FolderSynced())
