"""SCIM's messages and words: filters, patches, errors, what a server announces. Pure. RFC 7643, RFC 7644, RFC 9865."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.answers import Answer
from adapters.endpoints.scim_settings import Removal, ScimKey
from engine.reconcile.ports import Found, Miss
from engine.reconcile.records import RecordKey, fold

MEDIA_TYPE = "application/scim+json"
PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_TYPES: dict[str, str] = {
    "invalidFilter": "it does not understand the filter",
    "tooMany": "the filter finds more than it is willing to answer",
    "uniqueness": "another resource has this value already",
    "mutability": "the attribute may not be changed there; the group may be managed elsewhere",
    "invalidSyntax": "it does not understand the request",
    "invalidPath": "it does not understand the path of the change",
    "noTarget": "there is nothing at the path of the change",
    "invalidValue": "a value does not fit, or the user does not exist",
    "invalidVers": "it speaks another version of SCIM",
    "sensitive": "the request would put something confidential into an address",
    "invalidCursor": "the paging cursor is not valid",
    "expiredCursor": "the paging cursor has expired; ask for larger pages",
    "invalidCount": "the page size changed on the way",
}


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What a service says of itself (RFC 7643 §5); what it does not mention it is taken to have, but for cursors."""

    patch: bool = True
    filters: bool = True
    etag: bool = False
    sort: bool = False
    cursor: bool = False
    most_results: int = 0
    """The most resources of one answer; 0: untold."""


def announced(data: Any) -> Announced:
    """Return what a ServiceProviderConfig says; anything else says nothing."""
    if not isinstance(data, dict):
        return Announced()

    def supports(name: str, *, untold: bool) -> bool:
        told = data.get(name)
        return bool(told.get("supported", untold)) if isinstance(told, dict) else untold

    limits, pagination = data.get("filter"), data.get("pagination")
    most = limits.get("maxResults") if isinstance(limits, dict) else 0
    paging = pagination if isinstance(pagination, dict) else {}
    return Announced(
        patch=supports("patch", untold=True),
        filters=supports("filter", untold=True),
        etag=supports("etag", untold=False),
        sort=supports("sort", untold=False),
        cursor=bool(paging.get("cursor")),
        most_results=most if isinstance(most, int) and not isinstance(most, bool) else 0,
    )


def literal(text: str) -> str:
    """Return a text as it stands in a filter or a path: quoted and escaped as JSON (RFC 7644 §3.4.2.2)."""
    return json.dumps(text, ensure_ascii=False)


def user_filter(key: ScimKey, name: str) -> str:
    """Return a filter for users that answer to a name."""
    return f"{'userName' if key is ScimKey.USER_NAME else 'emails.value'} eq {literal(name)}"


def addition(ids: Sequence[str]) -> dict[str, Any]:
    """Return the patch that adds members."""
    return _patch([{"op": "add", "path": "members", "value": [{"value": each} for each in ids]}])


def removal(ids: Sequence[str], style: Removal) -> dict[str, Any]:
    """Return the patch that removes these members; one that names nobody would empty the group and is not made."""
    if not all(ids) or not ids:
        raise ValueError("a removal without a member would empty the group")
    if style is Removal.VALUES:
        return _patch([{"op": "remove", "path": "members", "value": [{"value": each} for each in ids]}])
    return _patch([{"op": "remove", "path": f"members[value eq {literal(each)}]"} for each in ids])


def _patch(operations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"schemas": [PATCH_SCHEMA], "Operations": operations}


def scim_type(answer: Answer) -> str:
    """Return the kind of a SCIM error, if it is one."""
    return str(answer.data.get("scimType") or "") if isinstance(answer.data, dict) else ""


def words(answer: Answer) -> str:
    """Return an error in words: what its scimType means, and what the service says itself."""
    meaning = _TYPES.get(scim_type(answer), "")
    said = [part for part in (meaning, answer.words) if part]
    return f"{answer.status}: {'; '.join(said)}" if said else str(answer.status)


def spelling_of(user: Any, key: ScimKey) -> str:
    """Return a user's key: the userName, or the primary (else the work, else the first) address."""
    if key is ScimKey.USER_NAME:
        return str(user.get("userName") or "").strip()
    addresses = [each for each in user.get("emails") or () if isinstance(each, dict) and each.get("value")]
    addresses.sort(key=lambda each: (not each.get("primary"), each.get("type") != "work"))
    return str(addresses[0]["value"]).strip() if addresses else ""


def names_of(user: Any, key: ScimKey) -> set[RecordKey]:
    """Return every key that a user answers to: with addresses, the secondary ones too."""
    if key is ScimKey.USER_NAME:
        return {fold(spelling_of(user, key))}
    return {
        fold(str(each["value"])) for each in user.get("emails") or () if isinstance(each, dict) and each.get("value")
    }


def verdict(name: str, key: ScimKey, users: Sequence[Any]) -> Found | Miss:
    """Return whom a look-up found among users: exactly one who answers to the name, and who is active."""
    hits = {str(user.get("id")): user for user in users if fold(name) in names_of(user, key)}
    if not hits:
        return Miss(reason=f"No user there has {key} {name}.")
    if len(hits) > 1:
        return Miss(reason=f"{len(hits)} users there have {key} {name}; which one is meant cannot be told.")
    native_id, user = hits.popitem()
    if user.get("active") is False:
        return Miss(reason=f"The user {name} is deactivated there.")
    return Found(native_id=native_id, spelling=spelling_of(user, key) or name)


class GroupMember(msgspec.Struct, frozen=True, kw_only=True):
    """Who stands in a group: a user, or another group."""

    nested: bool
    display: str


def members_of(group: Any) -> dict[str, GroupMember]:
    """Return a group's members by id; without `members` a group is empty (RFC 7643 §2.5)."""
    return {
        str(member["value"]): GroupMember(
            nested=str(member.get("type", "")).lower() == "group" or "/Groups/" in str(member.get("$ref", "")),
            display=str(member.get("display") or ""),
        )
        for member in group.get("members") or ()
        if isinstance(member, dict) and member.get("value")
    }


def version_of(group: Answer) -> str:
    """Return the version that a change is made on (RFC 7644 §3.14); empty where the service has none."""
    meta = group.data.get("meta")
    return str((meta.get("version") if isinstance(meta, dict) else "") or group.headers.get("etag", ""))
