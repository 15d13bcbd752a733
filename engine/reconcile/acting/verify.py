"""What a read-back says about a run, in one sentence for each target."""

from __future__ import annotations

from collections.abc import Sequence

from engine.reconcile.acting.account import ENDED_WELL, Account
from engine.reconcile.acting.readback import Sighting
from engine.reconcile.history import ItemState
from engine.reconcile.results import TargetResult

NAMED = 5
"""How many members a sentence names before it says "and so many more"."""


def result_of(account: Account, now: Sighting | None, unplanned: Sequence[str], error: str) -> TargetResult:
    """Return how a target ended; `now` is how the changes that ended well stand when read back, if they were."""
    verified, verdict = _verdict(account, now)
    return TargetResult(
        target=account.target,
        counts=account.counts(),
        unplanned=tuple(unplanned),
        verified=verified,
        verdict=verdict,
        error=error,
    )


def _verdict(account: Account, now: Sighting | None) -> tuple[bool | None, str]:
    open_ends = _open_ends(account)
    if now is None:
        return None, f"{account.target} was not read back{open_ends}."
    well = len(account.places(ENDED_WELL))
    gone = [*now.needed, *now.drifted]
    if gone:
        names = _named([account.change(place).spelling for place in gone])
        missing = f"{len(gone)} of {well} changes when read back: {names}"
        return False, f"{account.target} does not show {missing}{open_ends}."
    if open_ends:
        return False, f"{account.target} shows all {well} changes that were made{open_ends}."
    return True, f"{account.target} was read back and holds what the plan wanted, {well} of {well} changes."


def _open_ends(account: Account) -> str:
    """Return what was not done, to be appended to a sentence."""
    words = {
        ItemState.REFUSED: "refused",
        ItemState.FAILED: "failed",
        ItemState.DRIFTED: "changed by somebody else meanwhile",
        ItemState.CANCELLED: "not carried out",
        ItemState.INTENT: "unknown until the run is resumed",
        ItemState.PENDING: "not begun",
    }
    counts = account.counts()
    parts = [f"{counts[state.value]} {text}" for state, text in words.items() if counts.get(state.value)]
    return f"; {', '.join(parts)}" if parts else ""


def _named(spellings: Sequence[str]) -> str:
    shown = ", ".join(spellings[:NAMED])
    return f"{shown} and {len(spellings) - NAMED} more" if len(spellings) > NAMED else shown
