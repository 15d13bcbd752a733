"""What `--field` and `--take` say, as choices about the fields of one conflict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import EventRefused, SettingsError
from engine.events.merging.choices import named, refusal, sides_of
from engine.events.merging.patches import at, writes_of
from engine.events.merging.patterns import matches
from engine.events.merging.queue import Choice, Choices, Take
from engine.events.merging.values import ABSENT, Contest, View, dotted

WORDS = {"base": Take.BASE, "both": Take.BOTH, "remove": Take.REMOVE}
WHOLE = "."


def choices_of(decisions: Sequence[tuple[str, str]], view: View, node: str) -> Choices:
    """Return what was decided, field by field; what is said later about a field counts.

    `decisions` are the options ("field" or "take") in the order in which they were given. Raises `SettingsError` for
    what cannot be meant, and `EventRefused` for what makes no sense in this conflict.
    """
    choices: Choices = {}
    field = ""
    for option, word in decisions:
        if option == "field":
            if field:
                raise SettingsError(f"--field {field} has no --take after it. Say what the field is to be.")
            field = word
            continue
        contests = _meant(field, view)
        choices |= _from_file(word, contests, field) if _is_file(word) else _from_word(word, contests, node)
        field = ""
    if field:
        raise SettingsError(f"--field {field} has no --take after it. Say what the field is to be.")
    return choices


def _meant(field: str, view: View) -> list[Contest]:
    """Return the contested fields that a --take is for: those that wait, or all that a pattern names."""
    if not field:
        return [verdict.contest for verdict in view.open]
    pattern = "" if field == WHOLE else field
    contests = [verdict.contest for verdict in view.verdicts]
    found = [each for each in contests if (matches(pattern, dotted(each.path)) if pattern else not each.path)]
    if not found:
        contested = ", ".join(named(each.path) for each in contests) or "nothing"
        raise EventRefused(f"--field {field} is not contested. Contested: {contested}.")
    return found


def _is_file(word: str) -> bool:
    return word not in WORDS and word not in ("local", "remote") and not (word.isascii() and word.isdigit())


def _from_word(word: str, contests: Sequence[Contest], node: str) -> Choices:
    choices = {contest.path: _choice(word, contest, node) for contest in contests}
    for contest in contests:
        if sentence := refusal(contest, choices[contest.path]):
            raise EventRefused(f"{named(contest.path)}: {sentence}")
    return choices


def _choice(word: str, contest: Contest, node: str) -> Choice:
    if word in WORDS:
        return Choice(take=WORDS[word])
    if word.isdigit():
        return Choice(take=Take.CANDIDATE, candidate=_number(word, contest))
    local, remote = sides_of(contest, node)
    meant = local if word == "local" else remote
    if len(meant) != 1:
        whose = f"this node ({node})" if word == "local" else "other nodes"
        wrote = f"{len(meant)} sides were" if meant else "no side was"
        raise EventRefused(
            f"{named(contest.path)}: {wrote} written by {whose}, so --take {word} does not say which. "
            f"Take one by its number, 1 to {len(contest.candidates)}; syncdeck conflicts show lists them."
        )
    return Choice(take=Take.CANDIDATE, candidate=meant[0])


def _number(word: str, contest: Contest) -> int:
    number = int(word) if len(word) < 6 else 0
    if not 1 <= number <= len(contest.candidates):
        raise EventRefused(
            f"{named(contest.path)} has sides 1 to {len(contest.candidates)}; there is no {word}. "
            "See syncdeck conflicts show."
        )
    return number - 1


def _from_file(word: str, contests: Sequence[Contest], field: str) -> Choices:
    content = _read(Path(word).expanduser())
    if field:
        return {contest.path: _valued(ABSENT if content is None else content) for contest in contests}
    choices = {contest.path: _valued(_in_patch(content, contest)) for contest in contests if _names(content, contest)}
    beside = [path for path, _ in writes_of(content) if not any(path[: len(each)] == each for each in choices)]
    if beside:
        contested = ", ".join(named(contest.path) for contest in contests) or "nothing"
        raise EventRefused(
            f"{word} writes {named(beside[0])}, which does not wait for a decision. Waiting: {contested}. "
            "A decision writes contested fields only."
        )
    return choices


def _names(patch: Any, contest: Contest) -> bool:
    return not contest.path or at(patch, contest.path) is not ABSENT


def _in_patch(patch: Any, contest: Contest) -> Any:
    value = at(patch, contest.path)
    return ABSENT if value is None else value


def _valued(value: Any) -> Choice:
    return Choice(take=Take.REMOVE) if value is ABSENT else Choice(take=Take.VALUE, value=value)


def _read(file: Path) -> Any:
    try:
        return msgspec.json.decode(file.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"--take {file} is neither local, remote, base, both, remove, the number of a side, nor a file that can "
            f"be read: {error.strerror or error}."
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise SettingsError(f"{file} is no JSON: {error}.") from error
