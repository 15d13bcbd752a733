"""Mappings whose settings depend on a word in them: `type`. Adapters and the coordination backend are such."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec
import yaml

from engine.errors import MissingExtra, NothingFound
from engine.settings.document import entries, found, plain
from engine.settings.spelling import did_you_mean
from engine.settings.validation import NOTED, Walker


class TypedSettings:
    """Reads such mappings of one kind. `what` is what a type is one of, in words."""

    def __init__(
        self,
        walker: Walker,
        *,
        what: str,
        words: Callable[[], Mapping[str, Any]],
        settings_of: Callable[[str], type[msgspec.Struct]],
    ) -> None:
        self._walker = walker
        self._what = what
        self._words = words
        self._settings_of = settings_of

    def read(self, node: yaml.Node, path: str, *, shared: Collection[str] = ()) -> tuple[str, Any]:
        """Return the type's word, "" if it is none, and the settings, `NOTED` where they have problems.

        `shared` are names in the mapping that are read elsewhere.
        """
        document = self._walker.document
        if not isinstance(node, yaml.MappingNode):
            document.problem(node, path, f"found {found(node)}; expected a mapping with a type and its settings.")
            return "", NOTED
        word = next((value for key, _, value in entries(node) if key == "type"), None)
        if word is None:
            document.problem(node, f"{path}.type", f"is missing. {did_you_mean('', self._words())}")
            return "", NOTED
        try:
            settings_class = self._settings_of(str(plain(word)))
        except NothingFound:
            guess = did_you_mean(str(plain(word)), self._words())
            document.problem(word, f"{path}.type", f"found {found(word)}, an unknown {self._what}. {guess}")
            return "", NOTED
        except MissingExtra as error:
            document.problem(word, f"{path}.type", str(error))
            return "", NOTED
        own = part_of(node, (key for key, _, _ in entries(node) if key != "type" and key not in shared))
        return str(plain(word)), self._walker.struct(settings_class, own, path)


def part_of(node: yaml.MappingNode, names: Iterable[str]) -> yaml.MappingNode:
    """Return a mapping of those of a mapping's entries that have these names."""
    wanted = frozenset(names)
    part = yaml.MappingNode(node.tag, [], node.start_mark, node.end_mark)
    part.value = [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode) and key.value in wanted]
    return part
