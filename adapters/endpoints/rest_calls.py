"""The calls of a REST collection as settings: how to list, look up, add, remove and update."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from adapters.paging import Listing
from adapters.pauses import RateFamily
from adapters.templates import PLURALS, has_each, placeholders
from engine.reconcile.plan import Action
from engine.settings.catalogue import Expression

Status = Annotated[int, Meta(ge=100, le=599)]
Positive = Annotated[float, Meta(gt=0)]


class Method(StrEnum):
    """HTTP methods."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class ListCall(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How all members are read."""

    path: Annotated[str, Meta(description="Path below base_url.", examples=["/groups/7/members"])]
    key: Annotated[Expression, Meta(description="The key, within an item.", examples=["email", "user.mail"])]
    id: Annotated[
        Expression, Meta(description="What the service calls the member, within an item.", examples=["id"])
    ] = ""
    attributes: Annotated[
        dict[str, Expression],
        Meta(description="Attributes by name: where each stands within an item.", examples=[{"name": "profile.name"}]),
    ] = msgspec.field(default_factory=dict)
    pending: Annotated[
        Expression,
        Meta(description="True within an item that is only an invitation so far.", examples=["status == 'invited'"]),
    ] = ""
    kind: Annotated[
        Expression,
        Meta(
            description="What an item without key is: bot, guest, group; anything else counts as unresolved.",
            examples=["type"],
        ),
    ] = ""
    label: Annotated[
        Expression, Meta(description="What to call an item without key; default: its id.", examples=["name"])
    ] = ""
    method: Annotated[Method, Meta(description="GET, or POST for services that list by a search.")] = Method.GET
    query: Annotated[dict[str, str], Meta(description="Query parameters.", examples=[{"state": "active"}])] = (
        msgspec.field(default_factory=dict)
    )
    body: Annotated[Any, Meta(description="JSON body, for POST.")] = None


class Lookup(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a record that is about to be added is found."""

    path: Annotated[str, Meta(description="Path; {key} is what is looked up.", examples=["/users"])]
    key: Annotated[Expression, Meta(description="The key, within a hit.", examples=["email"])]
    id: Annotated[Expression, Meta(description="What the service calls it, within a hit.", examples=["id"])] = ""
    aliases: Annotated[
        Expression,
        Meta(description="Other keys of the same record, within a hit (a list or a text).", examples=["aliases"]),
    ] = ""
    query: Annotated[dict[str, str], Meta(description="Query parameters.", examples=[{"email": "{key}"}])] = (
        msgspec.field(default_factory=dict)
    )
    method: Annotated[Method, Meta(description="GET, or POST for services that look up by a search.")] = Method.GET
    body: Annotated[Any, Meta(description="JSON body, for POST.", examples=[{"email": "{key}"}])] = None
    absent: Annotated[tuple[Status, ...], Meta(description="Statuses that say: nobody of that key.")] = (404,)


class Results(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the answer to a batch tells what became of each item."""

    items: Annotated[Expression, Meta(description="Where the results stand in the body.", examples=["results"])]
    key: Annotated[Expression, Meta(description="The item's key (or id), within a result.", examples=["email"])]
    failed: Annotated[
        Expression, Meta(description="True (or an error text) within a failed result.", examples=["error.message"])
    ]


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to change the collection, and what its answers mean."""

    path: Annotated[
        str,
        Meta(
            description="Path below base_url; {key}, {id} and attributes stand for the record's own.",
            examples=["/groups/7/members/{id}"],
        ),
    ]
    method: Annotated[Method, Meta(description="POST, PUT, PATCH or DELETE.")] = Method.POST
    query: Annotated[dict[str, str], Meta(description="Query parameters, with placeholders.")] = msgspec.field(
        default_factory=dict
    )
    body: Annotated[
        Any,
        Meta(
            description='JSON body, with placeholders in its texts; {"$each": …} repeats for every item of a batch.',
            examples=[{"email": "{key}"}, {"members": {"$each": {"id": "{id}"}}}],
        ),
    ] = None
    headers: Annotated[dict[str, str], Meta(description="Headers of this call.", examples=[{"Prefer": "minimal"}])] = (
        msgspec.field(default_factory=dict)
    )
    ok: Annotated[tuple[Status, ...], Meta(description="Statuses that say: done.")] = (200, 201, 204)
    already: Annotated[tuple[Status, ...], Meta(description="Statuses that say: is there already.")] = (409,)
    already_when: Annotated[
        str,
        Meta(description="Regular expression over an error's body: is there already.", examples=["already a member"]),
    ] = ""
    absent: Annotated[tuple[Status, ...], Meta(description="Statuses that say: is not there.")] = (404, 410)
    absent_when: Annotated[
        str, Meta(description="Regular expression over an error's body: is not there.", examples=["not a member"])
    ] = ""
    error: Annotated[
        Expression, Meta(description="Found in a 2xx answer that is an error all the same.", examples=["error"])
    ] = ""
    results: Annotated[Results | None, Meta(description="How the answer to a batch speaks of each item.")] = None

    def __post_init__(self) -> None:
        for name in ("already_when", "absent_when"):
            try:
                re.compile(getattr(self, name))
            except re.error as error:
                raise ValueError(f"{name} is no regular expression: {error}.") from error
        if self.method is Method.GET:
            raise ValueError("A call that changes something cannot be GET.")

    @property
    def placeholders(self) -> frozenset[str]:
        """Names used in path, query and body."""
        return frozenset(placeholders([self.path, self.query, self.body]))

    @property
    def takes_many(self) -> bool:
        """Its body has a place for a whole batch."""
        return bool(self.placeholders & PLURALS.keys()) or has_each(self.body)

    @property
    def tolerated(self) -> frozenset[int]:
        """Statuses that `RestClient` hands over instead of raising: this call knows what they mean."""
        named = {*self.ok, *self.already, *self.absent}
        return frozenset(named | ({400, 403} if self.already_when or self.absent_when else set()))


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast the service may be called."""

    per_second: Annotated[Positive | None, Meta(description="Calls a second, all kinds together.", examples=[5])] = None
    concurrency: Annotated[int, Meta(ge=1, le=64, description="Calls under way at once.")] = 4
    family: Annotated[
        RateFamily,
        Meta(description="What the reset header means when Retry-After is missing: epoch, seconds, iso, ietf or none."),
    ] = RateFamily.NONE
    header: Annotated[
        str,
        Meta(description="Name of the reset header, where it is not the family's usual.", examples=["X-Rate-Reset"]),
    ] = ""


def placeholder_faults(
    calls: Mapping[Action, Call], lookup: Lookup | None, attributes: frozenset[str]
) -> Iterator[str]:
    """Yield a sentence for each placeholder that nothing can fill."""
    known = {"key", "id"} | attributes
    for name, call in calls.items():
        if unknown := sorted(call.placeholders - known - PLURALS.keys()):
            yield f"{name}: nothing is known for {{{'}, {'.join(unknown)}}}; there are {', '.join(sorted(known))}."
    if lookup is not None:
        used = frozenset(placeholders([lookup.path, lookup.query, lookup.body]))
        if "key" not in used:
            yield "lookup: {key} stands neither in path nor in query nor in body, so nobody in particular is looked up."
        if unknown := sorted(used - {"key"}):
            yield f"lookup: nothing is known for {{{'}, {'.join(unknown)}}}; there is key."
