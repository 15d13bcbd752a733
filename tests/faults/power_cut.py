"""What may lie on a disk after the power went: all that was synced, and of the rest whatever the disk happened to keep.

The rules are those of POSIX, not of one file system. A sync of a file covers what was written to it before; a sync of
its folder covers the names that came and went before; nothing else is certain. Of the rest the disk keeps nothing, all,
the first so many, or any sectors of any writes in any order, the last one perhaps torn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from types import MappingProxyType
from typing import Any

from tests.faults.recording_disk import Created, Deed, Deleted, FolderSynced, Synced, Told, Truncated, Written

SECTOR = 512
NOTHING: Mapping[str, bytes] = MappingProxyType({})


class Kept(Enum):
    """How much of what was not synced the disk kept."""

    NOTHING = auto()
    EVERYTHING = auto()
    BEGINNING = auto()
    BEGINNING_TORN = auto()
    """As before, and a piece of the next write."""
    SOME = auto()
    """Any sectors of any writes."""


@dataclass(slots=True, eq=False)
class _Inode:
    content: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class _Named:
    """A name came (with its inode) or went (without one)."""

    name: str
    inode: _Inode | None


@dataclass(frozen=True, slots=True)
class _Change:
    inode: _Inode
    deed: Written | Truncated


@dataclass(frozen=True, slots=True)
class Cut:
    """A disk after a power cut, and all that anybody had been told before."""

    after: int
    """How many deeds came before."""
    kept: Kept
    files: Mapping[str, bytes]
    told: Sequence[Any]


class Disk:
    """Takes deeds in order, and can say at any moment what a power cut would leave."""

    def __init__(self, before: Mapping[str, bytes]) -> None:
        """`before` is what lay there, safe, when the recording began."""
        self.told: list[Any] = []
        self._after = 0
        self._names = {name: _Inode(bytearray(content)) for name, content in before.items()}
        self._durable_names = dict(self._names)
        self._unsure: list[_Change | _Named] = []

    def take(self, deed: Deed) -> None:
        """Let something happen."""
        self._after += 1
        match deed:
            case Told(what):
                self.told.append(what)
            case Created(name):
                self._names[name] = inode = _Inode()
                self._unsure.append(_Named(name, inode))
            case Deleted(name):
                del self._names[name]
                self._unsure.append(_Named(name, None))
            case Written(name) | Truncated(name):
                self._unsure.append(_Change(self._names[name], deed))
            case Synced(name):
                self._settle(self._names[name])
            case FolderSynced():
                self._durable_names = dict(self._names)
                self._unsure = [each for each in self._unsure if isinstance(each, _Change)]

    def _settle(self, inode: _Inode) -> None:
        rest: list[_Change | _Named] = []
        for each in self._unsure:
            if isinstance(each, _Change) and each.inode is inode:
                _apply(inode.content, each.deed)
            else:
                rest.append(each)
        self._unsure = rest

    def cut(self, kept: Kept, chance: Random) -> Cut:
        """Return what a power cut now may leave."""
        names = dict(self._durable_names)
        contents: dict[_Inode, bytearray] = {}
        for each in _surviving(self._unsure, kept, chance):
            if isinstance(each, _Change):
                if each.inode not in contents:
                    contents[each.inode] = bytearray(each.inode.content)
                _apply(contents[each.inode], each.deed)
            elif each.inode is None:
                names.pop(each.name, None)
            else:
                names[each.name] = each.inode
        files = {name: bytes(contents.get(inode, inode.content)) for name, inode in names.items()}
        return Cut(self._after, kept, files, tuple(self.told))


def cuts(deeds: Sequence[Deed], number: int, chance: Random, before: Mapping[str, bytes] = NOTHING) -> Iterator[Cut]:
    """Cut the power at so many moments, spread over a recording; one after the other each kind of what is kept."""
    kinds = list(Kept)
    disk = Disk(before)
    moments = sorted((chance.randrange(len(deeds) + 1), index) for index in range(number))
    taken = 0
    for moment, index in moments:
        for deed in deeds[taken:moment]:
            disk.take(deed)
        taken = moment
        yield disk.cut(kinds[index % len(kinds)], chance)


def _surviving(unsure: Sequence[_Change | _Named], kept: Kept, chance: Random) -> Iterator[_Change | _Named]:
    """Yield what of the unsure things is on the disk."""
    match kept:
        case Kept.NOTHING:
            return
        case Kept.EVERYTHING:
            yield from unsure
        case Kept.BEGINNING | Kept.BEGINNING_TORN:
            upto = chance.randrange(len(unsure) + 1)
            yield from unsure[:upto]
            if kept is Kept.BEGINNING_TORN and upto < len(unsure):
                yield from _torn(unsure[upto], chance)
        case Kept.SOME:
            share = chance.choice((0.1, 0.5, 0.9))
            for each in unsure:
                for piece in _sectors(each):
                    if chance.random() < share:
                        yield from _torn(piece, chance) if chance.random() < 0.05 else (piece,)


def _sectors(each: _Change | _Named) -> Iterator[_Change | _Named]:
    if isinstance(each, _Named) or isinstance(each.deed, Truncated):
        yield each
        return
    name, offset, content = each.deed.name, each.deed.offset, each.deed.content
    begin = 0
    while begin < len(content):
        end = min(len(content), begin + SECTOR - (offset + begin) % SECTOR)
        yield _Change(each.inode, Written(name, offset + begin, content[begin:end]))
        begin = end


def _torn(each: _Change | _Named, chance: Random) -> Iterator[_Change]:
    """Yield the beginning of a write; of anything else nothing."""
    if isinstance(each, _Change) and isinstance(each.deed, Written):
        deed = each.deed
        yield _Change(each.inode, Written(deed.name, deed.offset, deed.content[: chance.randrange(len(deed.content))]))


def _apply(content: bytearray, deed: Written | Truncated) -> None:
    if isinstance(deed, Truncated):
        del content[deed.size :]
        content.extend(bytes(deed.size - len(content)))
        return
    content.extend(bytes(max(0, deed.offset - len(content))))
    content[deed.offset : deed.offset + len(deed.content)] = deed.content
