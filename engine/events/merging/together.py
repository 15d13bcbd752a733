"""All sides of a contest in one value: lists and objects united, texts one after another."""

from __future__ import annotations

from typing import Any

from engine.events.merging.causality import tie
from engine.events.merging.lists import gathered
from engine.events.merging.values import Absent, Contest


def refusal(contest: Contest) -> str:
    """Return why the sides do not go together, as a sentence; empty when they do."""
    kinds = {_kind(value) for value in _values(contest)}
    if len(kinds) > 1:
        return f"The sides hold different kinds of things ({', '.join(sorted(kinds))}): they do not go into one."
    if kinds & {"a number", "true or false", "null"}:
        return f"Each side holds {kinds.pop()}: two of them do not go into one value."
    return ""


def together(contest: Contest) -> Any:
    """Return one value with what every side put in; whoever removed the field loses. Ask `refusal` first.

    Lists: what the sides have, each item once, the older side's first. Texts that all go on from the base: the base
    and then what each added; other texts: each once, a line each. Objects: the fields of all, of clashing ones again
    both where they go together, else the newer.
    """
    return _joined(_values(contest), contest.base)


def _values(contest: Contest) -> list[Any]:
    """Return the sides that hold something, oldest first."""
    ordered = sorted(contest.candidates, key=lambda each: tie(each.event))
    return [each.value for each in ordered if not isinstance(each.value, Absent)]


def _joined(values: list[Any], base: Any) -> Any:
    match values[-1]:
        case dict() if all(isinstance(value, dict) for value in values):
            keys = dict.fromkeys(key for value in values for key in value)
            before = base if isinstance(base, dict) else {}
            return {
                key: _joined([value[key] for value in values if key in value], before.get(key)) for key in sorted(keys)
            }
        case list() if all(isinstance(value, list) for value in values):
            return gathered(values)
        case str() if all(isinstance(value, str) for value in values):
            return _texts(list(dict.fromkeys(values)), base if isinstance(base, str) else "")
        case _:
            return values[-1]


def _texts(texts: list[str], base: str) -> str:
    if len(texts) == 1:
        return texts[0]
    if base and all(text.startswith(base) for text in texts):
        return base + "".join(text[len(base) :] for text in texts)
    return "\n".join(texts)


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case None:
            return "null"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"
