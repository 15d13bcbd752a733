"""People of a directory: from names to entries and from addresses to entries, in batches."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from adapters.endpoints.ldap_directory import Directory, Entry
from adapters.endpoints.ldap_names import Folded, any_of, fold_dn
from engine.reconcile.ports import Found, Miss
from engine.reconcile.records import RecordKey, Value, fold

BATCH = 100
"""Names or addresses in one filter; servers bound the length of a filter, and 100 keep well below."""

ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"
GROUP_CLASSES = {"group", "groupofnames", "groupofuniquenames", "posixgroup", "groupofurls", "organizationalunit"}
BOT_CLASSES = {
    "account", "applicationprocess", "computer", "device", "msds-groupmanagedserviceaccount",
    "msds-managedserviceaccount", "simplesecurityobject",
}  # fmt: skip
DISABLED_BIT = 2
"""ACCOUNTDISABLE in userAccountControl ([MS-ADTS] 2.2.16)."""


class Folk(msgspec.Struct, frozen=True, kw_only=True):
    """Where people stand, and by which attributes they are known."""

    base: str
    """Where look-ups search."""
    suffix: str
    """Where members may stand."""
    user_filter: str
    key: str
    attributes: tuple[str, ...]
    active_directory: bool

    @property
    def wanted(self) -> list[str]:
        """Every attribute that is asked for."""
        names = ["objectClass", "cn", "uid", "userAccountControl", "nsAccountLock", self.key, *self.aliases]
        return list(dict.fromkeys([*names, *self.attributes]))

    @property
    def aliases(self) -> tuple[str, ...]:
        """Attributes beside the key under which a person is found by an address."""
        by_mail = self.active_directory and self.key.lower() == "mail"
        return ("userPrincipalName", "proxyAddresses") if by_mail else ()

    @property
    def name_attribute(self) -> str:
        """The attribute that holds an entry's own name (RFC 5020 where it is not Active Directory)."""
        return "distinguishedName" if self.active_directory else "entryDN"


def default_filter(*, active_directory: bool) -> str:
    """Return the filter for people where the settings have none."""
    if active_directory:
        return "(&(objectCategory=person)(objectClass=user))"
    return "(|(objectClass=person)(objectClass=inetOrgPerson)(objectClass=posixAccount))"


async def by_names(directory: Directory, folk: Folk, names: Sequence[str]) -> dict[str, Entry]:
    """Return the entries of names as they were asked for; a name that leads nowhere is left out.

    Asked in batches first; whoever was not among the answers is asked for alone, so that a server which cannot search
    by name loses time and nobody.
    """
    asked: dict[Folded, list[str]] = {}
    for name in names:
        asked.setdefault(fold_dn(name), []).append(name)
    entries: dict[Folded, Entry] = {}
    for batch in _batches([several[0] for several in asked.values()]):
        for entry in await directory.search(folk.suffix, any_of(folk.name_attribute, batch), folk.wanted):
            entries[fold_dn(entry.dn)] = entry
    for folded in asked.keys() - entries.keys():
        alone = await directory.entry(asked[folded][0], folk.wanted)
        if alone is not None:
            entries[folded] = alone
    return {name: entry for folded, entry in entries.items() for name in asked.get(folded, ())}


async def by_uids(directory: Directory, folk: Folk, uids: Sequence[str]) -> dict[str, Entry]:
    """Return the entries of login names (memberUid of a posixGroup); unknown ones are left out."""
    entries: dict[str, Entry] = {}
    for batch in _batches(list(dict.fromkeys(uids))):
        wanted = f"(&{folk.user_filter}{any_of('uid', batch)})"
        for entry in await directory.search(folk.base, wanted, folk.wanted):
            entries |= dict.fromkeys(entry.texts("uid"), entry)
    return {uid: entries[uid] for uid in uids if uid in entries}


async def by_keys(directory: Directory, folk: Folk, keys: Sequence[str]) -> dict[str, list[Entry]]:
    """Return all entries that answer to each key, by the key as asked; nobody is an empty list."""
    hits: dict[RecordKey, dict[Folded, Entry]] = {}
    for batch in _batches(keys):
        for entry in await directory.search(folk.base, f"(&{folk.user_filter}{_known_as(folk, batch)})", folk.wanted):
            for name in _keys_of(folk, entry):
                hits.setdefault(name, {})[fold_dn(entry.dn)] = entry
    return {key: list(hits.get(fold(key), {}).values()) for key in keys}


def verdict(folk: Folk, asked: str, hits: Sequence[Entry], *, by_uid: bool) -> Found | Miss:
    """Return whom a look-up found: exactly one entry, enabled, and with a login name where the group wants one."""
    if not hits:
        return Miss(reason=f"Nobody in {folk.base} has {folk.key} {asked}.")
    if len(hits) > 1:
        names = ", ".join(entry.dn for entry in hits[:3])
        return Miss(reason=f"{len(hits)} entries have {folk.key} {asked} ({names}); which one is meant cannot be told.")
    entry = hits[0]
    if disabled(entry):
        return Miss(reason=f"The account of {asked} is disabled in the directory ({entry.dn}).")
    native_id = entry.text("uid") if by_uid else entry.dn
    if not native_id:
        return Miss(reason=f"{entry.dn} has no uid, which a posixGroup needs.")
    return Found(native_id=native_id, spelling=entry.text(folk.key) or asked)


def disabled(entry: Entry) -> bool:
    """Return whether the account may not log in (Active Directory, 389 Directory Server)."""
    control = entry.text("userAccountControl")
    return (control.isdigit() and bool(int(control) & DISABLED_BIT)) or entry.text("nsAccountLock").lower() == "true"


def kind_of(entry: Entry) -> str:
    """Return what a member without a key is: group, bot, or unresolved."""
    classes = {name.lower() for name in entry.texts("objectClass")}
    if is_group(entry):
        return "group"
    return "bot" if classes & BOT_CLASSES else "unresolved"


def is_group(entry: Entry) -> bool:
    """Return whether a member is itself a group; its address, if it has one, is nobody's."""
    return bool({name.lower() for name in entry.texts("objectClass")} & GROUP_CLASSES)


def value_of(entry: Entry, name: str) -> Value:
    """Return an attribute as a record's value: one text, a list of several, None for none; GUIDs as text."""
    if name.lower() == "objectguid":
        raw = next(iter(entry.values.get(name.lower(), ())), b"")
        return str(uuid.UUID(bytes_le=bytes(raw))) if len(raw) == 16 else None
    texts = entry.texts(name)
    return texts if len(texts) > 1 else next(iter(texts), None)


def _known_as(folk: Folk, keys: Sequence[str]) -> str:
    named = any_of(folk.key, list(keys))
    if not folk.aliases:
        return named
    proxies = any_of("proxyAddresses", [f"smtp:{key}" for key in keys])
    return f"(|{named}{any_of('userPrincipalName', list(keys))}{proxies})"


def _keys_of(folk: Folk, entry: Entry) -> Iterator[RecordKey]:
    for name in (folk.key, *folk.aliases):
        for text in entry.texts(name):
            yield fold(text[5:] if text.lower().startswith("smtp:") else text)


def _batches(items: Sequence[str]) -> Iterable[list[str]]:
    return (list(items[start : start + BATCH]) for start in range(0, len(items), BATCH))
