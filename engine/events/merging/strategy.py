"""What a strategy is: one pure function that ends a contest, or says in words why an operator has to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from engine.events.merging.values import Contest
from engine.settings.replication import Rule


class Asks(msgspec.Struct, frozen=True):
    """An operator has to decide; `reason` is a sentence."""

    reason: str


Decide = Callable[[Contest, Rule], Any]
"""Return the value that the field shows (any JSON value, or `ABSENT`: it does not exist), or `Asks`.

A function of the *set* of candidates, of the base and the rule: their order in the tuple says nothing (`tie` says who
was last), the same arguments give the same answer on every node, nothing is changed, and every JSON value is answered:
what cannot be decided is asked. Property tests hold every strategy to that, also those of other packages.
"""


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table: the word that rules use, a sentence for people, and the function."""

    word: str
    summary: str
    decide: Decide
    origin: str = "syncdeck"
    """The distribution it comes from; third parties' by entry point."""
