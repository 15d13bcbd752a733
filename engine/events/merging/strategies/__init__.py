"""Ways to end a contest, one file each; this is the table. Another package adds its own by an entry point of the group
`syncdeck.strategies` that names a `Strategy`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.events.merging.strategies.ask_operator import ASK_OPERATOR
from engine.events.merging.strategies.first_write_wins import FIRST_WRITE_WINS
from engine.events.merging.strategies.keep_both import KEEP_BOTH
from engine.events.merging.strategies.last_write_wins import LAST_WRITE_WINS
from engine.events.merging.strategies.merge_fields import MERGE_FIELDS
from engine.events.merging.strategies.prefer_origin import PREFER_ORIGIN
from engine.events.merging.strategies.remove_wins import REMOVE_WINS
from engine.events.merging.strategies.union import UNION
from engine.events.merging.strategy import Strategy

STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType(
    {
        strategy.word: strategy
        for strategy in (
            LAST_WRITE_WINS,
            FIRST_WRITE_WINS,
            KEEP_BOTH,
            MERGE_FIELDS,
            UNION,
            REMOVE_WINS,
            PREFER_ORIGIN,
            ASK_OPERATOR,
        )
    }
)
"""Syncdeck's own, by the word that rules use."""
