"""Who is who: what look-ups answered for the missing, aliases of members, and records that only changed their key.

Pure. Two answers for one member, or one for two, are never acted on.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.reconcile.canonical import canonical_row
from engine.reconcile.difference import Difference, Member
from engine.reconcile.plan import Action, Parked
from engine.reconcile.ports import Found, Miss
from engine.reconcile.records import Folding, RecordKey, fold, keep_case, text_of
from engine.settings.model import SyncSettings


class Newcomer(msgspec.Struct, frozen=True, gc=False):
    """A record to add: the key it is wanted under, and how the target is called."""

    wanted_key: RecordKey
    spelling: str
    native_id: str


class Identities(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody sorted. `additions` stand under the key that the target will list them by; `aliases` give the wanted
    key of a member that the target spells otherwise; `renames` the wanted key a surplus member's key becomes."""

    additions: dict[RecordKey, Newcomer]
    aliases: dict[RecordKey, RecordKey]
    renames: dict[RecordKey, RecordKey]
    parked: list[Parked]


def identify(difference: Difference, answers: Mapping[str, Found | Miss], sync: SyncSettings) -> Identities:
    """Sort the missing by what the target's look-up answered. With nothing asked, everybody is who he seems."""
    identities = Identities(additions={}, aliases={}, renames={}, parked=[])
    folding = keep_case if sync.case_sensitive else fold
    claims: dict[RecordKey, list[Newcomer]] = {}
    by_native = {member.native_id: key for key, member in difference.surplus.items() if member.native_id}
    spelled = difference.wanted.spelled
    for key in difference.missing:
        spelling = spelled.get(key, key)
        answer = answers.get(spelling)
        if isinstance(answer, Found):
            place = _place_of(key, answer, by_native, folding)
            claims.setdefault(place, []).append(Newcomer(key, answer.spelling or spelling, answer.native_id))
        else:
            reason = answer.reason if answer else f"{difference.target} gave no answer when it was looked up."
            identities.parked.append(Parked(spelling=spelling, reason=reason, action=Action.ADD, key=key))
    for place, claimants in claims.items():
        _settle(place, claimants, difference, identities)
    return identities


def _place_of(key: RecordKey, answer: Found, by_native: Mapping[str, RecordKey], folding: Folding) -> RecordKey:
    """Return the key that the target lists this record by, or would."""
    if answer.native_id and answer.native_id in by_native:
        return by_native[answer.native_id]
    return folding(answer.spelling) if answer.spelling else key


def _settle(place: RecordKey, claimants: list[Newcomer], difference: Difference, identities: Identities) -> None:
    lines = difference.wanted.lines
    claimants.sort(key=lambda one: (one.wanted_key != place, one.wanted_key))
    chosen, *others = claimants
    differ = len({lines[one.wanted_key] for one in claimants}) > 1
    if place in lines and difference.holds(place):
        reason = f"{difference.target} knows it as {place}, which {difference.wanted.source} has too."
        identities.parked.extend(_parked(claimants, difference, reason))
    elif place in difference.doubled or place in difference.undecided or differ:
        reason = f"{difference.target} knows it as {place}, and for that there is more than one record."
        identities.parked.extend(_parked(claimants, difference, reason))
        if place in difference.surplus:
            identities.aliases[place] = place
    else:
        reason = f"{difference.target} knows it as {place}, as it does {chosen.wanted_key}; once is enough."
        identities.parked.extend(_parked(others, difference, reason))
        if place in difference.surplus:
            identities.aliases[place] = chosen.wanted_key
        else:
            identities.additions[place] = chosen


def _parked(claimants: list[Newcomer], difference: Difference, reason: str) -> list[Parked]:
    keys = [one.wanted_key for one in claimants]
    spelling = difference.wanted.spelling
    return [Parked(spelling=spelling(key), reason=reason, action=Action.ADD, key=key) for key in keys]


def find_renames(difference: Difference, identities: Identities, rename_by: str) -> None:
    """Pair additions with surplus members that agree on `rename_by`, where exactly one on each side has that value;
    move each pair from the additions to the renames."""
    place = difference.wanted.names.index(rename_by)
    leaving: dict[str, list[RecordKey]] = {}
    for key, member in difference.surplus.items():
        if key not in identities.aliases:
            leaving.setdefault(_mark(member, place), []).append(key)
    coming: dict[str, list[RecordKey]] = {}
    for key, newcomer in identities.additions.items():
        mark = text_of(difference.wanted.values(newcomer.wanted_key)[place])
        coming.setdefault(mark, []).append(key)
    for mark in sorted((leaving.keys() & coming.keys()) - {""}):
        if len(leaving[mark]) == len(coming[mark]) == 1:
            identities.renames[leaving[mark][0]] = coming[mark][0]


def _mark(member: Member, place: int) -> str:
    return text_of(member.values[place]) if member.values else ""


def same_attributes(difference: Difference, key: RecordKey, member: Member) -> bool:
    """Say whether a member holds what is wanted under this key."""
    return not difference.wanted.names or canonical_row(member.values) == difference.wanted.lines[key]
