"""What other packages add beside endpoints, by entry point: strategies for conflicts, upcasts of events.

A package that cannot be loaded costs only what it would have added; why is kept for `syncdeck doctor`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.strategy import Strategy
from engine.events.upcast import Upcast, Upcasts

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

STRATEGY_GROUP = "syncdeck.strategies"
UPCAST_GROUP = "syncdeck.upcasts"


class Additions:
    """Looks for entry points when it is first asked: listing those of all installed packages takes milliseconds."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def look(self) -> None:
        """Look for all of them, so that `problems` has what is wrong with any."""
        _ = self.strategies, self.upcasts

    @cached_property
    def strategies(self) -> Mapping[str, Strategy]:
        """Every strategy by its word; Syncdeck's own words stay its own."""
        found = dict(STRATEGIES)
        for entry, strategy in self._loaded(STRATEGY_GROUP, "strategy"):
            if not isinstance(strategy, Strategy):
                self._note(entry, f"the strategy {entry.name} is no Strategy. Tell its author.")
            elif entry.name in STRATEGIES:
                self._note(entry, f"the strategy {entry.name} is Syncdeck's own and stays so.")
            else:
                origin = entry.dist.name if entry.dist else entry.module
                found[entry.name] = msgspec.structs.replace(strategy, word=entry.name, origin=origin)
        return found

    @cached_property
    def upcasts(self) -> Upcasts:
        """The functions that turn older data of a type into newer, by the type."""
        steps: dict[str, Sequence[Upcast]] = {}
        for entry, functions in self._loaded(UPCAST_GROUP, "upcast"):
            if not isinstance(functions, tuple) or not all(map(callable, functions)):
                self._note(entry, f"the upcast of {entry.name} is no tuple of functions. Tell its author.")
            elif entry.name in steps:
                self._note(entry, f"the upcast of {entry.name} is given by another package too; the first one counts.")
            else:
                steps[entry.name] = functions
        return Upcasts(steps)

    def _loaded(self, group: str, what: str) -> list[tuple[EntryPoint, Any]]:
        from importlib.metadata import entry_points

        found = []
        for entry in sorted(entry_points(group=group), key=lambda each: (each.name, each.value)):
            try:
                found.append((entry, entry.load()))
            except Exception as error:  # noqa: BLE001  whatever another package's import raises
                self._note(entry, f"the {what} {entry.name} cannot be loaded: {type(error).__name__}: {error}")
        return found

    def _note(self, entry: EntryPoint, fault: str) -> None:
        self.problems.append(f"{entry.dist.name if entry.dist else entry.module}: {fault}")
