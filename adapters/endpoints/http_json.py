"""A REST collection described by settings: any service that lists, adds and removes members over HTTP and JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from adapters.abreast import abreast
from adapters.answers import Request
from adapters.bisection import bisect
from adapters.connection import Auth, Service, Tls
from adapters.endpoints.rest_calls import Call, ListCall, Lookup, Positive, Rate, placeholder_faults
from adapters.endpoints.rest_items import ItemReader
from adapters.endpoints.rest_verdicts import ALREADY, error_text, item_outcomes, recognised, verdict
from adapters.paging import found, pages
from adapters.rest import RestClient
from adapters.templates import PLACEHOLDER, Unfit, fill_body, fill_path, fill_query
from engine.clock import Clock
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Result, Target
from engine.reconcile.records import Batch, RecordKey, Value, fold
from engine.settings.catalogue import EndpointContext

NEEDS = {Action.ADD: "add members", Action.REMOVE: "remove members", Action.UPDATE: "change members"}


class HttpJson(Target):
    """The members of a collection. Without `add`, `remove` and `update` it can only be read."""

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Settings of a REST collection."""

        base_url: Annotated[str, Meta(description="Address of the service.", examples=["https://wiki.example/api/v2"])]
        list: Annotated[ListCall, Meta(description="How all members are read.")]
        auth: Annotated[Auth, Meta(description="Credentials.")] = Auth()
        add: Annotated[Call | None, Meta(description="How members are added; without it, never.")] = None
        remove: Annotated[Call | None, Meta(description="How members are removed; without it, never.")] = None
        update: Annotated[Call | None, Meta(description="How attributes are changed; without it, never.")] = None
        lookup: Annotated[
            Lookup | None, Meta(description="How records about to be added are found; without it, any goes.")
        ] = None
        rate: Annotated[Rate, Meta(description="How fast the service may be called.")] = Rate()
        batch: Annotated[
            int, Meta(ge=1, le=10_000, description="Changes in one call; more than 1 needs {keys}, {ids} or $each.")
        ] = 1
        headers: Annotated[
            dict[str, str], Meta(description="Headers of every call; never secrets.", examples=[{"X-Version": "3"}])
        ] = {}
        tls: Annotated[Tls, Meta(description="Whom to trust, and what to show.")] = Tls()
        timeout_seconds: Annotated[Positive, Meta(description="Longest silence of the service.")] = 30.0
        body_limit_mib: Annotated[int, Meta(ge=1, description="Largest answer, unpacked, in MiB.")] = 64
        allow_plain: Annotated[
            bool, Meta(description="Send credentials over http (never needed for this machine itself).")
        ] = False

        @property
        def calls(self) -> dict[Action, Call]:
            """The configured ways to change it."""
            calls = {Action.ADD: self.add, Action.REMOVE: self.remove, Action.UPDATE: self.update}
            return {action: call for action, call in calls.items() if call is not None}

        def __post_init__(self) -> None:
            faults = [*placeholder_faults(self.calls, self.lookup, frozenset(self.list.attributes))]
            alone = [name for name, call in self.calls.items() if self.batch > 1 and not call.takes_many]
            if alone:
                faults.append(f"batch is {self.batch}, but {' and '.join(alone)} has no place for many in its body.")
            if faults:
                raise ValueError(" ".join(faults))

    def __init__(self, settings: Settings, context: EndpointContext, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._calls = settings.calls
        self._client = RestClient(_service(settings), context, clock=clock)
        self._invited: frozenset[RecordKey] | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    @property
    def limits(self) -> Limits:
        """What the settings configure; a collection without add, remove and update has no actions."""
        return Limits(
            actions=frozenset(self._calls),
            batch_size=self._settings.batch,
            concurrency=self._settings.rate.concurrency,
            per_second=self._settings.rate.per_second,
        )

    async def read(self) -> AsyncIterator[Batch]:
        """Return the items with a key; invitations and items without key are carried."""
        listing = self._settings.list
        request = _list_request(listing)
        reader = ItemReader(self._client.name, listing)
        async for page in pages(self._client, request, listing, needs="read the members"):
            yield reader.batch(page.items, page.proof)
        self._invited = frozenset(reader.invited)

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        """Look each one up, if a look-up is configured; somebody whose invitation is open is a miss that says so."""
        if self._settings.list.pending and self._invited is None:
            async for _ in self.read():
                pass
        invited = self._invited or frozenset()
        answers = await abreast(
            lambda spelling: self._resolve(spelling, invited), spellings, self._settings.rate.concurrency
        )
        return dict(zip(spellings, answers, strict=True))

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Carry out changes of one action; a batch that is refused as a whole is halved to find the culprit."""
        if not changes:
            return []
        action = changes[0].action
        if action not in self._calls:
            reason = f"The settings of {self._client.name} do not say how to {action} members."
            return [Outcome(result=Result.REFUSED, reason=reason) for _ in changes]
        changes, settled = await self._identified(changes, self._calls[action])
        left = [change for index, change in enumerate(changes) if index not in settled]
        outcomes = await bisect(left, self._attempt)
        if action is not Action.ADD and any(outcome.result in {Result.ALREADY, Result.REFUSED} for outcome in outcomes):
            await self._still_there()
        done = iter(outcomes)
        return [settled[index] if index in settled else next(done) for index in range(len(changes))]

    async def _still_there(self) -> None:
        """Tell "this member is gone" from "the whole collection is gone", which services answer alike (404)."""
        request = _list_request(self._settings.list)
        answer = await self._client.call(request, needs="read the members")
        if not answer.good:
            raise self._client.refusal(request, answer, "read the members")

    async def _attempt(self, changes: Sequence[Change]) -> Sequence[Outcome] | None:
        """Make one call; None when a batch was refused as a whole. Raises `RemoteRefused`, `RemoteUnavailable`."""
        call = self._calls[changes[0].action]
        action, needs, alone = changes[0].action, NEEDS[changes[0].action], len(changes) == 1
        try:
            request = _request(call, changes)
        except Unfit as unfit:
            return [Outcome(result=Result.REFUSED, reason=str(unfit))] if alone else None
        answer = await self._client.call(request, needs=needs, tolerate=call.tolerated)
        if not recognised(call, action, answer):
            self._client.judge(request, answer, needs)
        if action is Action.ADD and answer.status in call.absent and not PLACEHOLDER.search(call.path):
            raise self._client.refusal(request, answer, needs)
        if call.results is not None and answer.status in call.ok and not error_text(call, answer):
            return item_outcomes(call.results, changes, answer)
        outcome = verdict(call, action, answer)
        if alone or outcome.result in {Result.DONE, Result.UNKNOWN}:
            return [outcome] * len(changes)
        return None

    async def _resolve(self, spelling: str, invited: frozenset[RecordKey]) -> Found | Miss:
        lookup = self._settings.lookup
        if fold(spelling) in invited:
            return Miss(reason=f"{spelling} is invited already; the invitation has not been accepted yet.")
        if lookup is None:
            return Found()
        try:
            request = _lookup_request(lookup, spelling)
        except Unfit as unfit:
            return Miss(reason=str(unfit))
        hits: list[Any] = []
        async for page in pages(self._client, request, lookup, needs="look members up", nobody=lookup.absent):
            hits += page.items
        return chosen(lookup, spelling, hits)

    async def _identified(self, changes: Sequence[Change], call: Call) -> tuple[Sequence[Change], dict[int, Outcome]]:
        """Give ids to changes that lack one, where the call needs it; return those that are settled without a call."""
        lacking = [index for index, change in enumerate(changes) if not change.native_id]
        if not lacking or not call.placeholders & {"id", "ids"}:
            return changes, {}
        settled: dict[int, Outcome] = {}
        known = await self._ids([changes[index] for index in lacking])
        filled = list(changes)
        for index in lacking:
            found_id = known.get(changes[index].spelling, "")
            if found_id:
                filled[index] = msgspec.structs.replace(changes[index], native_id=found_id)
            elif changes[index].action is Action.REMOVE:
                settled[index] = ALREADY
            else:
                settled[index] = Outcome(result=Result.REFUSED, reason=f"No id is known for {changes[index].spelling}.")
        return filled, settled

    async def _ids(self, changes: Sequence[Change]) -> dict[str, str]:
        """Return ids by spelling: of people for additions, of members for everything else."""
        if changes[0].action is Action.ADD:
            hits = await self.resolve([change.spelling for change in changes])
            return {spelling: hit.native_id for spelling, hit in hits.items() if isinstance(hit, Found)}
        members: dict[RecordKey, str] = {}
        async for batch in self.read():
            members |= {fold(name): id_ for name, id_ in zip(batch.spellings, batch.native_ids, strict=True)}
        return {change.spelling: members.get(fold(change.spelling), "") for change in changes}


def chosen(lookup: Lookup, spelling: str, hits: Sequence[Any]) -> Found | Miss:
    """Return the one hit whose key, or one of whose aliases, is what was looked up.

    Searches of services are often fuzzy: a hit that is merely similar is nobody.
    """
    asked = fold(spelling)
    by_key = [hit for hit in hits if fold(str(found(lookup.key, hit) or "")) == asked]
    fitting = by_key or [hit for hit in hits if lookup.aliases and asked in _aliases(found(lookup.aliases, hit))]
    if not fitting:
        return Miss(reason=f"Nobody is called {spelling} there.")
    if len(fitting) > 1:
        return Miss(reason=f"{len(fitting)} are called {spelling} there; which one is meant cannot be told.")
    native_id = found(lookup.id, fitting[0]) if lookup.id else ""
    return Found(native_id=str(native_id or ""), spelling=str(found(lookup.key, fitting[0]) or ""))


def _aliases(told: Any) -> set[RecordKey]:
    return {fold(str(alias)) for alias in (told if isinstance(told, list) else [told]) if alias}


def _values(change: Change) -> dict[str, Value]:
    return {**(change.after or {}), "key": change.spelling, "id": change.native_id}


def _request(call: Call, changes: Sequence[Change]) -> Request:
    batch = [_values(change) for change in changes]
    return Request(
        method=call.method,
        path=fill_path(call.path, batch[0]),
        query=fill_query(call.query, batch[0]),
        body=fill_body(call.body, batch),
        headers=call.headers,
        writes=True,
    )


def _list_request(listing: ListCall) -> Request:
    return Request(method=listing.method, path=listing.path, query=listing.query, body=listing.body)


def _lookup_request(lookup: Lookup, spelling: str) -> Request:
    values: dict[str, Value] = {"key": spelling}
    return Request(
        method=lookup.method,
        path=fill_path(lookup.path, values),
        query=fill_query(lookup.query, values),
        body=fill_body(lookup.body, [values]),
    )


def _service(settings: HttpJson.Settings) -> Service:
    return Service(
        base_url=settings.base_url,
        auth=settings.auth,
        tls=settings.tls,
        headers=settings.headers,
        read_timeout=timedelta(seconds=settings.timeout_seconds),
        body_limit_bytes=settings.body_limit_mib * 1024 * 1024,
        rate_family=settings.rate.family,
        rate_header=settings.rate.header,
        per_second=settings.rate.per_second,
        concurrency=settings.rate.concurrency,
        allow_plain=settings.allow_plain,
    )
