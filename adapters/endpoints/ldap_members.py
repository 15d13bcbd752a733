"""The member values of a group: which attribute holds them, and how Active Directory hands out many of them."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from adapters.endpoints.ldap_directory import Entry
from engine.errors import IncompleteRead, RemoteRefused

BY_CLASS = {
    "groupofnames": "member",
    "groupofuniquenames": "uniqueMember",
    "posixgroup": "memberUid",
    "group": "member",
}
"""Where members stand, by the class of the group; the first that fits, in this order."""

NEEDS_MEMBER = {"groupofnames", "groupofuniquenames"}
"""Classes that cannot be emptied (RFC 4519 §3.5, §3.6)."""

_RANGE = re.compile(r"^(?P<name>.+);range=(?P<start>\d+)-(?P<end>\d+|\*)$", re.IGNORECASE)


def member_attribute(name: str, entry: Entry) -> str:
    """Return the attribute that holds the members of this group. Raises `RemoteRefused` for what is no group."""
    classes = {each.lower() for each in entry.texts("objectClass")}
    for group_class, attribute in BY_CLASS.items():
        if group_class in classes:
            return attribute
    raise RemoteRefused(
        f"{name}: {entry.dn} is no group that Syncdeck knows (classes {', '.join(sorted(classes))}). "
        "Name its attribute in member_attribute."
    )


def needs_member(entry: Entry) -> bool:
    """Return whether the group's class demands at least one member."""
    return bool({each.lower() for each in entry.texts("objectClass")} & NEEDS_MEMBER)


class Entries(Protocol):
    """A directory as far as it gives single entries."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The adapter's name, for messages."""

    @abstractmethod
    async def entry(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """Return one entry by its name; None when it does not exist."""


async def member_values(directory: Entries, group: str, attribute: str) -> list[str]:
    """Return every member value, all ranges of them ([MS-ADTS] 3.1.1.3.1.3.3: Active Directory gives 1,500 at a time).

    Raises `RemoteRefused` when the group is gone, `IncompleteRead` when a range does not follow the one before.
    """
    values: list[str] = []
    wanted = attribute
    while True:
        entry = await directory.entry(group, [wanted])
        if entry is None:
            raise gone(directory.name, group)
        ranged = _range(entry, attribute)
        if ranged is None:
            if values:
                raise IncompleteRead(
                    f"{directory.name}: {group} stopped answering in ranges after {len(values)} members."
                )
            return entry.texts(attribute)
        found, start, end = ranged
        if start != len(values):
            raise IncompleteRead(
                f"{directory.name}: members {start} and on of {group} came where {len(values)} and on were asked for. "
                "Nothing may be concluded from this read; try again."
            )
        values += entry.texts(found)
        if end == "*":
            return values
        wanted = f"{attribute};range={len(values)}-*"


def gone(name: str, group: str) -> RemoteRefused:
    """Return the error for a group that does not exist (or that this account may not see)."""
    return RemoteRefused(
        f"{name}: there is no entry {group}, or this account may not see it. Check group and the account's rights."
    )


def _range(entry: Entry, attribute: str) -> tuple[str, int, str] | None:
    for name in entry.values:
        fitting = _RANGE.match(name)
        if fitting and fitting["name"].lower() == attribute.lower():
            return name, int(fitting["start"]), fitting["end"]
    return None
