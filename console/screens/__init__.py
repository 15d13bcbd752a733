"""One file a screen. These tables are all the app knows of them; a screen is imported when it is first shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from textual.command import Provider

    from console.screens.frame import SyncdeckScreen


class Mode(NamedTuple):
    """One of the numbered screens: its name in the palette and header, and the class as `module:Class`."""

    title: str
    path: str


MODES: dict[str, Mode] = {
    "overview": Mode("Overview", "console.screens.overview:OverviewScreen"),
    "adapters": Mode("Adapters", "console.screens.adapters:AdaptersScreen"),
    "syncs": Mode("Syncs", "console.screens.syncs:SyncsScreen"),
    "plans": Mode("Plans", "console.screens.plans:PlansScreen"),
    "runs": Mode("Runs", "console.screens.runs:RunsScreen"),
    "events": Mode("Events", "console.screens.events:EventsScreen"),
    "conflicts": Mode("Conflicts", "console.screens.conflicts:ConflictsScreen"),
    "peers": Mode("Peers", "console.screens.peers:PeersScreen"),
    "coordination": Mode("Coordination", "console.screens.coordination:CoordinationScreen"),
}

DETAILS: dict[str, str] = {
    "adapter": "console.screens.adapter:AdapterScreen",
    "adapter test": "console.screens.adapter:tested",
    "adapter new": "console.screens.adapter:added",
    "adapter copy": "console.screens.adapter:copied",
    "sync new": "console.screens.sync:added",
    "sync copy": "console.screens.sync:copied",
    "sync": "console.screens.sync:SyncScreen",
    "plan": "console.screens.plan_preview:PlanPreviewScreen",
    "run": "console.screens.run:RunScreen",
    "events": "console.screens.events:EventsScreen",
    "aggregate": "console.screens.aggregate:AggregateScreen",
    "peer": "console.screens.peer:PeerScreen",
    "peer settings": "console.screens.peer_settings:PeerSettingsScreen",
    "peer test": "console.screens.peer_settings:tested",
    "peer new": "console.screens.peer_settings:added",
    "comparison": "console.screens.comparison:ComparisonScreen",
    "conflict": "console.screens.conflict:ConflictScreen",
}
"""What `messages.Open` can open: each class is called with the name of the thing (a digest, a run's number, …)."""


def load(path: str) -> type[SyncdeckScreen]:
    """Import a screen by its path in a table."""
    module, _, name = path.partition(":")
    found: type[SyncdeckScreen] = getattr(import_module(module), name)
    return found


def show(path: str) -> SyncdeckScreen:
    """Return a new screen by its path in a table; for the modes."""
    return load(path)()


def commands() -> type[Provider]:
    """Return the palette's provider; imported when the palette is first opened."""
    from console.palette import SyncdeckCommands

    return SyncdeckCommands
