"""What a service's answer to one change means: a table of the settings' statuses and words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from adapters.answers import Answer
from adapters.endpoints.rest_calls import Call, Results
from adapters.paging import found
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Outcome, Result
from engine.reconcile.records import fold, text_of

DONE = Outcome(result=Result.DONE)
ALREADY = Outcome(result=Result.ALREADY)


def verdict(call: Call, action: Action, answer: Answer) -> Outcome:
    """Return the outcome that an answer gives to the change (or the whole batch) it is about.

    "Already there" is a success for an addition only, "not there" for a removal only.
    """
    fault = error_text(call, answer)
    if not fault and answer.status in call.ok:
        return DONE
    if not fault and answer.good:
        return Outcome(
            result=Result.UNKNOWN, reason=f"The service answered {answer.status}, which the settings do not list in ok."
        )
    said = fault or answer.words
    text = f"{said}\n{answer.text}"
    if action is Action.ADD and _says(answer, call.already, call.already_when, text):
        return ALREADY
    if _says(answer, call.absent, call.absent_when, text):
        reason = f"The service does not know it ({answer.status}{': ' if said else ''}{said})."
        return ALREADY if action is Action.REMOVE else Outcome(result=Result.REFUSED, reason=reason)
    return Outcome(
        result=Result.REFUSED, reason=f"The service refused it ({answer.status}{': ' if said else ''}{said})."
    )


def error_text(call: Call, answer: Answer) -> str:
    """Return the error inside a 2xx answer; empty when there is none."""
    told = found(call.error, answer.data) if call.error and answer.good else None
    return "" if told in (None, False, "", [], {}) else text_of(told) if isinstance(told, str) else str(told)


def recognised(call: Call, action: Action, answer: Answer) -> bool:
    """Return whether the settings speak of this answer at all; a 403 that they do not speak of is a missing right."""
    return answer.good or verdict(call, action, answer).result is not Result.REFUSED or answer.status in call.absent


def item_outcomes(results: Results, changes: Sequence[Change], answer: Answer) -> list[Outcome]:
    """Return an outcome for every change of a batch from what the answer lists; who is not listed is unknown.

    Results are matched by key or id, never by their place: a service may leave one out.
    """
    told: dict[str, Any] = {}
    for item in found(results.items, answer.data) or []:
        told[fold(str(found(results.key, item) or ""))] = found(results.failed, item)
    return [_item(told, change) for change in changes]


def _item(told: dict[str, Any], change: Change) -> Outcome:
    for name in (fold(change.spelling), fold(change.native_id)):
        if name and name in told:
            fault = told[name]
            reason = fault if isinstance(fault, str) else "no reason given"
            return Outcome(result=Result.REFUSED, reason=f"The service refused it ({reason}).") if fault else DONE
    return Outcome(result=Result.UNKNOWN, reason="The service's answer to the batch does not mention it.")


def _says(answer: Answer, statuses: Sequence[int], pattern: str, text: str) -> bool:
    return answer.status in statuses or bool(pattern and re.search(pattern, text, re.IGNORECASE))
