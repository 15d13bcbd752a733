"""The members of a group behind SCIM 2.0 (RFC 7643, RFC 7644)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import msgspec

from adapters.answers import Answer, Request
from adapters.bisection import bisect
from adapters.connection import Auth, AuthKind, Service
from adapters.endpoints.scim_protocol import (
    MEDIA_TYPE,
    GroupMember,
    addition,
    members_of,
    removal,
    scim_type,
    spelling_of,
    verdict,
    version_of,
    words,
)
from adapters.endpoints.scim_service import ScimService
from adapters.endpoints.scim_settings import ScimSettings
from adapters.endpoints.values import as_value
from adapters.paging import found
from adapters.rest import RestClient
from engine.clock import Clock
from engine.errors import RemoteError, RemoteUnavailable
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Result, Target
from engine.reconcile.records import Batch, Carried, Value, fold
from engine.settings.catalogue import EndpointContext

DONE = Outcome(result=Result.DONE)
ALREADY = Outcome(result=Result.ALREADY)
ATTEMPTS = 5
"""How often a change is tried when somebody else changes the group at the same time (412)."""


class ScimGroup(Target):
    """A group whose members are users, compared by userName or address and called by their ids."""

    Settings = ScimSettings

    def __init__(self, settings: ScimSettings, context: EndpointContext, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._name = context.name
        self._client = RestClient(_service(settings), context, clock=clock)
        self._scim = ScimService(self._client, settings)
        self._group = ""

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        try:
            await self._scim.learn()
            self._group = await self._scim.group_id(self._settings.group)
        except RemoteError:
            await self._client.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    @property
    def limits(self) -> Limits:
        """One change of the group at a time; a service without PATCH can only be read."""
        actions = frozenset({Action.ADD, Action.REMOVE}) if self._scim.can.patch else frozenset[Action]()
        return Limits(actions=actions, batch_size=self._settings.batch, per_second=self._settings.per_second)

    async def read(self) -> AsyncIterator[Batch]:
        """Return members by their key; nested groups, users without key and unknown ids are carried.

        The users are swept until every member is known; members whom the whole sweep did not show are unknown to it.
        """
        members = members_of((await self._scim.group(self._group)).data)
        people = {identity for identity, member in members.items() if not member.nested}
        known: dict[str, Any] = {}
        swept = 0
        if people:
            async for user in self._scim.users():
                swept += 1
                if user["id"] in people:
                    known[user["id"]] = user
                    if len(known) == len(people):
                        break
        yield self._batch(members, known, f"the group names {len(members):,} members; {swept:,} users were swept")

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        """Look users up by userName or address; deactivated users are a miss that says so."""
        users = await self._scim.users_called(self._settings.key, spellings)
        return {name: verdict(name, self._settings.key, users) for name in spellings}

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Patch the group once for the batch, on the version that was just read where the service has versions."""
        if not changes:
            return []
        named = await self._named(changes)
        settled = {index: hit for index, hit in enumerate(named) if isinstance(hit, Outcome)}
        left = [hit for hit in named if isinstance(hit, Change)]
        done = iter(await bisect(left, self._attempt))
        return [settled[index] if index in settled else next(done) for index in range(len(changes))]

    async def _attempt(self, changes: Sequence[Change]) -> Sequence[Outcome] | None:
        action, ids = changes[0].action, [change.native_id for change in changes]
        refused = ""
        for _ in range(ATTEMPTS):
            group = await self._scim.group(self._group)
            held = members_of(group.data)
            outcomes = [DONE if (identity in held) is (action is Action.REMOVE) else ALREADY for identity in ids]
            # Removals are sent for absent members too: the read may lag behind, and they harm nobody. Additions of
            # present ones are not: there are servers that would list them twice.
            wanted = ids if action is Action.REMOVE else [identity for identity in ids if identity not in held]
            if not wanted:
                return outcomes
            # A version refused twice running comes from a read that lags behind. Then the patch goes without it: it
            # names its members one by one, so it undoes nobody else's change.
            version = version_of(group)
            answer = await self._patch(action, wanted, version if version != refused else "")
            if answer.good:
                return outcomes
            if answer.status == 404:
                raise self._scim.gone(self._group)
            if answer.status != 412:
                return self._alone(changes[0], outcomes[0], answer) if len(changes) == 1 else None
            refused = version
        raise RemoteUnavailable(
            f"{self._name}: somebody else changed the group {ATTEMPTS} times meanwhile. Try again when it is quiet."
        )

    async def _patch(self, action: Action, ids: Sequence[str], version: str) -> Answer:
        body = addition(ids) if action is Action.ADD else removal(ids, self._settings.removal)
        request = Request(
            method="PATCH",
            path=self._scim.group_path(self._group),
            body=body,
            headers={"if-match": version} if version else {},
            writes=True,
        )
        return await self._client.call(request, needs=f"{action} members of the group")

    def _alone(self, change: Change, before: Outcome, answer: Answer) -> list[Outcome]:
        """Return the outcome of one change whose patch was refused."""
        removes, kind = change.action is Action.REMOVE, scim_type(answer)
        if before is ALREADY or (removes and kind == "noTarget"):
            return [ALREADY]
        hint = ""
        if removes and kind in {"invalidPath", "invalidFilter", "invalidSyntax"}:
            hint = " If its documentation removes members by a list of values, set removal: values."
        reason = f"The service refused {change.spelling} ({words(answer)}).{hint}"
        return [Outcome(result=Result.REFUSED, reason=reason)]

    async def _named(self, changes: Sequence[Change]) -> list[Change | Outcome]:
        """Give ids to changes that lack one: users for additions, members for removals."""
        lacking = [change.spelling for change in changes if not change.native_id]
        if not lacking:
            return list(changes)
        removes = changes[0].action is Action.REMOVE
        ids: dict[str, Found | Miss] = {}
        if removes:
            async for batch in self.read():
                members = {fold(name): id_ for name, id_ in zip(batch.spellings, batch.native_ids, strict=True)}
                ids = {name: Found(native_id=members[fold(name)]) for name in lacking if fold(name) in members}
        else:
            ids = dict(await self.resolve(lacking))
        named: list[Change | Outcome] = []
        for change in changes:
            hit = Found(native_id=change.native_id) if change.native_id else ids.get(change.spelling)
            match hit:
                case Found():
                    named.append(msgspec.structs.replace(change, native_id=hit.native_id))
                case Miss():
                    named.append(Outcome(result=Result.REFUSED, reason=hit.reason))
                case None:
                    named.append(ALREADY)
        return named

    def _batch(self, members: Mapping[str, GroupMember], known: Mapping[str, Any], proof: str) -> Batch:
        spellings: list[str] = []
        ids: list[str] = []
        rows: list[tuple[Value, ...]] = []
        carried: list[Carried] = []
        names = self._settings.attributes
        for identity, member in members.items():
            user = known.get(identity)
            key = spelling_of(user, self._settings.key) if user else ""
            if not key:
                label = member.display or str((user or {}).get("userName") or identity)
                kind = "group" if member.nested else "unresolved"
                carried.append(Carried(label=label, kind=kind, native_id=identity))
                continue
            spellings.append(key)
            ids.append(identity)
            if names:
                rows.append(tuple(as_value(found(name, user), where=f"{self._name}: {name}") for name in names))
        return Batch(spellings=spellings, names=names, rows=rows, native_ids=ids, carried=carried, proof=proof)


def _service(settings: ScimSettings) -> Service:
    return Service(
        base_url=settings.base_url,
        auth=Auth(kind=AuthKind.BEARER, token=settings.token) if settings.token else Auth(),
        tls=settings.tls,
        media_type=MEDIA_TYPE,
        read_timeout=timedelta(seconds=settings.timeout_seconds),
        per_second=settings.per_second,
        allow_plain=settings.allow_plain,
    )
