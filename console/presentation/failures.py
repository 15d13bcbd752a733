"""Errors in the words an operator needs: what failed, why, what to do. Details only on demand."""

from __future__ import annotations

from dataclasses import dataclass

from console.presentation.spans import clean

HINTS: dict[str, str] = {
    "RemoteUnavailable": "The service was tried again with patience already. Try once more when it is back.",
    "IncompleteRead": "Nothing was concluded from it and nothing was changed. Try again.",
    "PlanStale": "Plan again: the new plan shows what differs now.",
    "TargetDrifted": "Plan again: the new plan starts from what the target holds now.",
    "Locked": "Wait until the other run has ended, or look at it under Runs (5).",
    "StorageError": "`syncdeck doctor` looks at the state file and says what can be done.",
}
"""What to do next, for errors whose own message is about the thing and not about the console."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error as it is shown. `title` is one line; `sentences` say it all; `hint` is the next step, if it is known."""

    title: str
    sentences: tuple[str, ...]
    hint: str
    retry: bool


def explain(what: str, error: BaseException, *, expected: bool) -> Explanation:
    """Return the explanation; `expected` tells errors of the engine's own tree from faults of the program.

    A fault shows its kind only: its message may hold anything.
    """
    kind = type(error).__name__
    if not expected:
        return Explanation(
            title=f"Could not {what}",
            sentences=(f"Something unexpected happened inside Syncdeck ({kind}). Nothing else was stopped by it.",),
            hint="Details say where a report was written; it holds no values. Trying again may help.",
            retry=True,
        )
    sentences = tuple(clean(part) for part in str(error).split("\n") if part.strip()) or (kind,)
    return Explanation(
        title=f"Could not {what}",
        sentences=sentences,
        hint=HINTS.get(kind, ""),
        retry=kind not in {"RemoteRefused", "ReadOnly", "NotApproved", "GuardRefused", "PlanUnreadable"},
    )
