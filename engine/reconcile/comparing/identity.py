"""Who is who: what look-ups answered for the missing, aliases of members, and records that only changed their key.

Pure. Two answers for one member, or one for two, are never acted on.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.reconcile.comparing.difference import Difference, Member
from engine.reconcile.plan import Action, Parked
from engine.reconcile.ports import Found, Miss
from engine.reconcile.records import Folding, RecordKey, fold, keep_case, text_of
from engine.settings.model import SyncSettings


class Newcomer(msgspec.Struct, frozen=True, gc=False):
    """A record to add: the key it is wanted under, how the target is called, and what it is wanted with."""

    wanted_key: RecordKey
    spelling: str
    native_id: str
    wanted: Member


class Identities(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody sorted. `additions` stand under the key that the target will list them by; `aliases` are members that
    the target spells otherwise than the source, with what is wanted of them (None: it is unclear which); `renames`
    give the new key of a surplus member's key."""

    additions: dict[RecordKey, Newcomer]
    aliases: dict[RecordKey, Member | None]
    renames: dict[RecordKey, RecordKey]
    parked: list[Parked]


def identify(difference: Difference, answers: Mapping[str, Found | Miss], sync: SyncSettings) -> Identities:
    """Sort the missing by what the target's look-up answered. With nothing asked, everybody is who he seems."""
    identities = Identities(additions={}, aliases={}, renames={}, parked=[])
    folding = keep_case if sync.case_sensitive else fold
    by_native = {member.native_id: key for key, member in difference.surplus.items() if member.native_id}
    additions = identities.additions
    elsewhere: dict[RecordKey, list[Newcomer]] = {}
    for key, member in difference.missing.items():
        spelling = member.spelling
        answer = answers.get(spelling)
        if isinstance(answer, Found):
            newcomer = Newcomer(key, answer.spelling or spelling, answer.native_id, member)
            place = _place_of(key, answer, by_native, folding) if answer.native_id or answer.spelling else key
            if place == key:
                additions[key] = newcomer
            else:
                elsewhere.setdefault(place, []).append(newcomer)
        else:
            reason = answer.reason if answer else f"{difference.target} gave no answer when it was looked up."
            identities.parked.append(Parked(spelling=spelling, reason=reason, action=Action.ADD, key=key))
    for place, claimants in elsewhere.items():
        namesake = additions.pop(place, None)
        _settle(place, [*claimants, namesake] if namesake else claimants, difference, identities)
    return identities


def _place_of(key: RecordKey, answer: Found, by_native: Mapping[str, RecordKey], folding: Folding) -> RecordKey:
    """Return the key that the target lists this record by, or would."""
    if answer.native_id and answer.native_id in by_native:
        return by_native[answer.native_id]
    return folding(answer.spelling) if answer.spelling else key


def _settle(place: RecordKey, claimants: list[Newcomer], difference: Difference, identities: Identities) -> None:
    """Decide who of those that the target calls by one key is meant. Unless all want the same of it, nobody is."""
    claimants.sort(key=lambda one: (one.wanted_key != place, one.wanted_key))
    chosen, *others = claimants
    differ = len({one.wanted.line for one in claimants}) > 1
    held = difference.holds(place)
    if held and place in difference.wanted_keys:
        reason = f"{difference.target} knows it as {place}, which {difference.source} has too."
        identities.parked.extend(_parked(claimants, reason))
    elif place in difference.doubled or place in difference.disputed or differ:
        reason = f"{difference.target} knows it as {place}, and for that there is more than one record."
        identities.parked.extend(_parked(claimants, reason))
        if place in difference.surplus:
            identities.aliases[place] = None
    else:
        reason = f"{difference.target} knows it as {place}, as it does {chosen.wanted_key}; once is enough."
        identities.parked.extend(_parked(others, reason))
        if held:
            identities.aliases[place] = chosen.wanted
        else:
            identities.additions[place] = chosen


def _parked(claimants: list[Newcomer], reason: str) -> list[Parked]:
    return [
        Parked(spelling=one.wanted.spelling, reason=reason, action=Action.ADD, key=one.wanted_key) for one in claimants
    ]


def find_renames(difference: Difference, identities: Identities, rename_by: str) -> None:
    """Pair additions with surplus members that agree on `rename_by`, where exactly one on each side has that value."""
    place = difference.names.index(rename_by)
    leaving: dict[str, list[RecordKey]] = {}
    for key, member in difference.surplus.items():
        if key not in identities.aliases:
            leaving.setdefault(text_of(member.values()[place]), []).append(key)
    coming: dict[str, list[RecordKey]] = {}
    for key, newcomer in identities.additions.items():
        coming.setdefault(text_of(newcomer.wanted.values()[place]), []).append(key)
    for mark in sorted((leaving.keys() & coming.keys()) - {""}):
        if len(leaving[mark]) == len(coming[mark]) == 1:
            identities.renames[leaving[mark][0]] = coming[mark][0]
