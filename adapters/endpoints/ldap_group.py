"""The members of a group in OpenLDAP or Active Directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Self

import msgspec

from adapters.bisection import bisect
from adapters.endpoints import ldap_people
from adapters.endpoints.ldap_codes import Meaning, error, meaning, words
from adapters.endpoints.ldap_directory import Directory, Entry, Modification, Reply
from adapters.endpoints.ldap_members import gone, member_attribute, member_values, needs_member
from adapters.endpoints.ldap_names import fold_dn, is_below, suffix_of
from adapters.endpoints.ldap_people import Folk
from adapters.endpoints.ldap_settings import LdapSettings, access_of
from engine.errors import RemoteError, RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Result, Target
from engine.reconcile.records import Batch, Carried, Value, fold
from engine.redaction import REDACTOR
from engine.settings.catalogue import EndpointContext

DONE = Outcome(result=Result.DONE)
ALREADY = Outcome(result=Result.ALREADY)
READ_BATCH = 1_000


class LdapGroup(Target):
    """A group of a directory; its members are compared by mail and called by their names in the directory (DN)."""

    Settings = LdapSettings

    def __init__(self, settings: LdapSettings, context: EndpointContext) -> None:
        self._settings = settings
        self._context = context
        self._name = context.name
        self._directory: Directory | None = None
        self._attribute: str = settings.member_attribute or "member"
        self._least = 0
        self._folk = Folk(base="", suffix="", user_filter="", key=settings.key, attributes=(), active_directory=False)

    async def __aenter__(self) -> Self:
        directory = Directory(access_of(self._settings, self._context))
        try:
            await directory.open()
            self._folk = await self._survey(directory)
            entry = await directory.entry(self._settings.group, ["objectClass"])
            if entry is None:
                raise gone(self._name, self._settings.group)
            self._attribute = self._settings.member_attribute or member_attribute(self._name, entry)
            self._least = int(needs_member(entry) and not self._settings.placeholder)
        except RemoteError:
            await directory.close()
            raise
        self._directory = directory
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._directory is not None:
            await self._directory.close()
            self._directory = None

    @property
    def limits(self) -> Limits:
        """One connection; `least_members` is known once it is entered."""
        return Limits(batch_size=self._settings.batch, least_members=self._least)

    async def read(self) -> AsyncIterator[Batch]:
        """Return members by their key; groups, bots, people without key and names that lead nowhere are carried."""
        values = await member_values(self._open, self._settings.group, self._attribute)
        for start in range(0, len(values), READ_BATCH):
            part = values[start : start + READ_BATCH]
            known = await self._known(part)
            last = start + READ_BATCH >= len(values)
            yield self._batch(part, known, f"the group holds {len(values):,} values, each looked up" if last else "")
        if not values:
            yield self._batch([], {}, "the group holds no values")

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        """Look people up by key (Active Directory: also by user principal name and proxy addresses)."""
        hits = await ldap_people.by_keys(self._open, self._folk, spellings)
        by_uid = self._attribute == "memberUid"
        return {asked: ldap_people.verdict(self._folk, asked, found, by_uid=by_uid) for asked, found in hits.items()}

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Send the batch as one modify request; when one member makes it fail as a whole, halve it."""
        lacking = [change for change in changes if not change.native_id]
        known = await self._identities(lacking) if lacking else {}
        named: list[Change] = []
        settled: dict[int, Outcome] = {}
        for index, change in enumerate(changes):
            hit = Found(native_id=change.native_id) if change.native_id else known[change.spelling]
            if isinstance(hit, Found):
                named.append(msgspec.structs.replace(change, native_id=hit.native_id))
            elif change.action is Action.REMOVE:
                settled[index] = ALREADY
            else:
                settled[index] = Outcome(result=Result.REFUSED, reason=hit.reason)
        done = iter(await bisect(named, self._attempt))
        return [settled[index] if index in settled else next(done) for index in range(len(changes))]

    async def _attempt(self, changes: Sequence[Change]) -> Sequence[Outcome] | None:
        action, group, alone = changes[0].action, self._settings.group, len(changes) == 1
        wanted = Modification(
            adds=action is Action.ADD, attribute=self._attribute, values=[change.native_id for change in changes]
        )
        reply = await self._open.modify(group, [wanted])
        said = meaning(reply.code, reply.message, action)
        if said is Meaning.LAST_MEMBER and self._settings.placeholder:
            # In one request: between two, the group would be refused or somebody else could come in between.
            stand_in = Modification(adds=True, attribute=self._attribute, values=[self._settings.placeholder])
            reply = await self._open.modify(group, [stand_in, wanted])
            said = meaning(reply.code, reply.message, action)
        match said:
            case Meaning.DONE:
                return [DONE] * len(changes)
            case Meaning.AWAY:
                raise error(reply.code, reply.message, f"{self._name}: changing {group}")
            case Meaning.HOPELESS:
                raise self._hopeless(reply)
            case Meaning.NO_OBJECT if await self._open.entry(group, ["objectClass"]) is None:
                raise gone(self._name, group)
        return [await self._alone(changes[0], said, reply)] if alone else None

    async def _alone(self, change: Change, said: Meaning, reply: Reply) -> Outcome:
        """Return the outcome of one change that did not simply succeed."""
        match said:
            case Meaning.ALREADY:
                return ALREADY
            case Meaning.ASK if not await self._open.holds(self._settings.group, self._attribute, change.native_id):
                return ALREADY
            case Meaning.LAST_MEMBER:
                reason = (
                    f"{change.spelling} is the last member, and the class of the group demands one. Add somebody "
                    "first, or set `placeholder` to a name that stands in."
                )
            case Meaning.NO_OBJECT:
                reason = f"The directory has no entry {change.native_id}."
            case _:
                reason = f"The directory refused {change.native_id}: {words(reply.code, reply.message)}."
        return Outcome(result=Result.REFUSED, reason=REDACTOR.text(reason))

    async def _identities(self, changes: Sequence[Change]) -> Mapping[str, Found | Miss]:
        """Return whom changes without a native id mean: people for additions, members for removals."""
        if changes[0].action is Action.ADD:
            return await self.resolve([change.spelling for change in changes])
        members: dict[str, str] = {}
        async for batch in self.read():
            members |= {fold(name): dn for name, dn in zip(batch.spellings, batch.native_ids, strict=True)}
        return {
            change.spelling: Found(native_id=members[fold(change.spelling)])
            if fold(change.spelling) in members
            else Miss(reason=f"{change.spelling} is not a member.")
            for change in changes
        }

    def _hopeless(self, reply: Reply) -> RemoteRefused:
        account = self._settings.bind_dn or "nobody in particular"
        return RemoteRefused(
            f"{self._name}: {account} may not write {self._attribute} of {self._settings.group}: "
            f"{words(reply.code, reply.message)}."
        )

    async def _known(self, values: Sequence[str]) -> dict[str, Entry]:
        if self._attribute == "memberUid":
            return await ldap_people.by_uids(self._open, self._folk, values)
        return await ldap_people.by_names(self._open, self._folk, values)

    def _batch(self, values: Sequence[str], known: Mapping[str, Entry], proof: str) -> Batch:
        spellings: list[str] = []
        ids: list[str] = []
        rows: list[tuple[Value, ...]] = []
        carried: list[Carried] = []
        names = self._settings.attributes
        for value in values:
            entry = known.get(value)
            key = entry.text(self._settings.key).strip() if entry and not ldap_people.is_group(entry) else ""
            if entry is None or not key:
                carried.append(self._carried(value, entry))
                continue
            spellings.append(key)
            ids.append(value)
            if names:
                rows.append(tuple(ldap_people.value_of(entry, name) for name in names))
        return Batch(spellings=spellings, names=names, rows=rows, native_ids=ids, carried=carried, proof=proof)

    def _carried(self, value: str, entry: Entry | None) -> Carried:
        placeholder = self._settings.placeholder
        if placeholder and fold_dn(value) == fold_dn(placeholder):
            kind = "placeholder"
        else:
            kind = ldap_people.kind_of(entry) if entry else "unresolved"
        return Carried(label=(entry.text("cn") if entry else "") or value, kind=kind, native_id=value)

    async def _survey(self, directory: Directory) -> Folk:
        """Learn from the root entry (RFC 4512 §5.1) which kind of server it is and where everything stands."""
        root = await directory.entry("", ["namingContexts", "defaultNamingContext", "supportedCapabilities"])
        contexts = root.texts("namingContexts") if root else []
        active_directory = bool(root and ldap_people.ACTIVE_DIRECTORY in root.texts("supportedCapabilities"))
        above = [context for context in contexts if is_below(self._settings.group, context)]
        suffix = max(above, key=len, default=suffix_of(self._settings.group))
        settings = self._settings
        return Folk(
            base=settings.people_base or suffix,
            suffix=suffix,
            user_filter=settings.user_filter or ldap_people.default_filter(active_directory=active_directory),
            key=settings.key,
            attributes=settings.attributes,
            active_directory=active_directory,
        )

    @property
    def _open(self) -> Directory:
        if self._directory is None:
            raise RemoteUnavailable(f"{self._name} is not connected; enter the endpoint first.")
        return self._directory
