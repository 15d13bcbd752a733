"""The ends of syncs: whether each is an adapter, may be written, and is not fought over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from engine.settings.catalogue import TypeCatalogue
from engine.settings.document import Document
from engine.settings.model import Mode, SyncSettings
from engine.settings.spelling import did_you_mean

MIRRORING = (Mode.ADD_REMOVE, Mode.REMOVE_ADD)


@dataclass(slots=True)
class Ends:
    """Checks the references of syncs to adapters; what is wrong is noted in the document."""

    document: Document
    catalogue: TypeCatalogue
    declared: dict[str, str] = field(default_factory=dict)
    """The type's word of every adapter in the file, also of those with problems: references to them are fine."""
    _targeted: dict[str, list[tuple[str, yaml.Node]]] = field(default_factory=dict)
    """The syncs that write to each adapter, with the place that says so."""

    def check(self, name: str, nodes: Mapping[str, yaml.Node], path: str) -> None:
        """Check that a sync's ends are adapters, that its targets can be written, and that none is used twice."""
        source, targets = nodes.get("source"), nodes.get("targets")
        used: dict[str, str] = {}
        if isinstance(source, yaml.ScalarNode):
            self._reference(source, f"{path}.source")
            used[source.value] = "the source"
        for index, target in enumerate(targets.value if isinstance(targets, yaml.SequenceNode) else ()):
            if not isinstance(target, yaml.ScalarNode):
                continue
            place = f"{path}.targets[{index}]"
            self._reference(target, place)
            if target.value in used:
                what = (
                    f"{target.value} is already {used[target.value]} of this sync. Each adapter has one part in a sync."
                )
                self.document.problem(target, place, what)
            else:
                self._targeted.setdefault(target.value, []).append((name, target))
            used.setdefault(target.value, "a target")
            word = self.declared.get(target.value)
            if word and not self.catalogue.types()[word].writes:
                what = f"{target.value} is a {word}, which can only be read. Use it as a source."
                self.document.problem(target, place, what)

    def check_rivals(self, syncs: Mapping[str, Any]) -> None:
        """Refuse two syncs on one target of which one mirrors its source and the other adds: one would undo the other.

        A sync that only removes beside one that only adds is fine: "whoever left goes" and "engineers get in".
        """
        for writers in self._targeted.values():
            self._check_target(writers, syncs)

    def _check_target(self, writers: list[tuple[str, yaml.Node]], syncs: Mapping[str, Any]) -> None:
        modes = {name: syncs[name].mode for name, _ in writers if isinstance(syncs[name], SyncSettings)}
        mirrors = [name for name, mode in modes.items() if mode in MIRRORING]
        adding = [name for name, mode in modes.items() if mode is not Mode.REMOVE_ONLY]
        if not mirrors or len(adding) < 2:
            return
        other, (late, node) = adding[0], next(writer for writer in reversed(writers) if writer[0] in adding)
        what = (
            f"{node.value} is a target of sync {other} too, and {mirrors[0]} removes whoever its own source does not "
            "hold: one would remove whom the other adds. Give both mode add-only, or make them one sync."
        )
        self.document.problem(node, f"syncs.{late}.targets", what)

    def _reference(self, node: yaml.ScalarNode, place: str) -> None:
        if node.value not in self.declared:
            what = f"there is no adapter {node.value!r}. {did_you_mean(node.value, self.declared)}"
            self.document.problem(node, place, what)
