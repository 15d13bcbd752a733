"""What becomes of a run's items when their target was read again: as wanted, still needed, or drifted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from engine.reconcile.acting.account import Account
from engine.reconcile.acting.readback import Sighting
from engine.reconcile.history import ItemState

TAKEN_BACK = (
    "It was under way together with others when the run was interrupted; those took effect, this one is not there. "
    "Somebody may have taken it back, so it is not made again. Make a new plan to see it."
)


async def settle(account: Account, seen: Sighting, *, forbidden: str = "") -> Sequence[int]:
    """Note what the read says of every item looked at, and return the places of those that are still to be done.

    An unknown item (an intent without outcome) that is as wanted was done by us; one whose precondition still holds
    is pending again, unless others of the same call took effect: then somebody took it back. (A call of a single
    change that took effect and was taken back before anybody looked cannot be told from one that never arrived, for
    targets tell no versions; it is made again.) `forbidden` is a sentence that forbids going on; what is still needed
    is cancelled with it.
    """
    taken_back = _taken_back(account, seen)
    drifted = {**seen.drifted, **dict.fromkeys(taken_back, TAKEN_BACK)}
    needed = [place for place in seen.needed if place not in taken_back]
    endings = {place: (ItemState.DRIFTED, why) for place, why in drifted.items()}
    for place in seen.already:
        unknown = account.item(place).state is ItemState.INTENT
        endings[place] = (ItemState.DONE if unknown else ItemState.ALREADY, "")
    for place in needed:
        if forbidden:
            endings[place] = (ItemState.CANCELLED, forbidden)
        elif account.item(place).state is not ItemState.PENDING:
            endings[place] = (ItemState.PENDING, "")
    await account.conclude(dict(sorted(endings.items())))
    return [] if forbidden else needed


def _taken_back(account: Account, seen: Sighting) -> set[int]:
    """Return unknown items that are not in effect although others of the same call are. One call has one moment of
    intent, and calls of several changes take effect as a whole."""
    calls: dict[datetime | None, list[int]] = defaultdict(list)
    for place in seen.needed:
        item = account.item(place)
        if item.state is ItemState.INTENT:
            calls[item.at].append(place)
    in_effect = {account.item(place).at for place in seen.already if account.item(place).state is ItemState.INTENT}
    return {place for at, places in calls.items() if at in in_effect for place in places}
