"""What happened to conflicts between two looks at them, as notices."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from engine.events.merging.queue import ConflictId, ConflictState, ConflictSummary
from engine.notices import Notice

Waiting = Mapping[ConflictId, ConflictSummary]


def told(
    before: Waiting, now: Waiting, ended: Mapping[str, ConflictSummary], decided: Collection[str]
) -> Iterator[Notice]:
    """Yield a notice for each conflict that came, went, or changed hands.

    `ended` tells how those that went ended, as far as it is known; `decided` are the ids that were ever decided.
    """
    for identity, was in before.items():
        if identity not in now:
            yield _notice("settled", ended.get(identity) or _moved_on(was))
    for identity, summary in now.items():
        known = before.get(identity)
        if known is None:
            yield _notice("reopened" if identity in decided else "opened", summary)
        elif known.claimed_by != summary.claimed_by:
            yield _notice("claimed" if summary.claimed_by else "released", summary)


def _moved_on(was: ConflictSummary) -> ConflictSummary:
    return msgspec.structs.replace(was, state=ConflictState.SUPERSEDED, claimed_by="")


def _notice(what: str, summary: ConflictSummary) -> Notice:
    return Notice(topic=f"conflict.{what}", subject=summary.id, detail=summary)
