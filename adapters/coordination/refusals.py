"""The sentences with which a conditional write is refused, the same for every backend that decides it by itself."""

from __future__ import annotations

from engine.coordination.standing import ABSENT, Fence, Revision
from engine.errors import CoordinationError, CoordinationUnavailable, KeyChanged, LeaseLost


def key_changed(key: str, expected: Revision | None, revision: Revision) -> KeyChanged:
    """`revision` is the one it has."""
    now = f"it has revision {revision}" if revision else "there is none"
    wanted = "there should be none" if expected == ABSENT else f"revision {expected} was expected"
    return KeyChanged(f"Key {key}: {now}, {wanted}. Read it again.", key=key, revision=revision)


def outdated(fence: Fence) -> LeaseLost:
    return LeaseLost(
        f"Nothing was written: token {fence.token} of {fence.name} is outdated; the lock was lost, given back or taken "
        "away.",
        name=fence.name,
        token=fence.token,
        reason="expired",
    )


def possibly_done(error: CoordinationError) -> bool:
    """Return whether what failed with this may have taken effect: then nothing of it may be cleared away."""
    return isinstance(error, CoordinationUnavailable) and error.maybe_done
