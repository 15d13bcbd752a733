"""From source records to what a target should hold: the sync's scope (`where`) and its attributes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter

from engine.errors import SettingsError
from engine.reconcile.comparing.expressions import KEY, Expression, Unusable
from engine.reconcile.records import Batch, Value, text_of
from engine.settings.model import SyncSettings

_INTEGERS = range(-(1 << 63), 1 << 63)
"""What every target and the plan's own bytes can hold."""


class SyncMapping:
    """A sync's compiled expressions. `names` are the target's attributes in canonical order."""

    def __init__(self, sync: SyncSettings) -> None:
        """Compile. Raises `SettingsError` that lists every expression that cannot be used."""
        problems: list[str] = []
        place = f"syncs.{sync.name}"
        self.source = sync.source
        self.names = tuple(sorted(sync.attributes))
        self.scope = _compiled(sync.where, f"{place}.where", problems) if sync.where.strip() else None
        attributes = [_compiled(sync.attributes[name], f"{place}.attributes.{name}", problems) for name in self.names]
        if sync.rename_by and sync.rename_by not in sync.attributes:
            problems.append(
                f"{place}.rename_by: {sync.rename_by!r} is not among the attributes of this sync "
                f"({', '.join(self.names) or 'it has none'}). Add it there, so that both sides can be compared by it."
            )
        if problems:
            raise SettingsError(tuple(problems))
        self._attributes = [expression for expression in attributes if expression is not None]

    def check(self, names: Sequence[str]) -> None:
        """Raise `SettingsError` for every expression that names a field which the source does not have."""
        problems: list[str] = []
        for expression in ([self.scope] if self.scope else []) + self._attributes:
            try:
                expression.check(names, self.source)
            except SettingsError as error:
                problems.extend(error.problems)
        if problems:
            raise SettingsError(tuple(problems))

    def selected(self, batch: Batch) -> list[bool | Unusable] | None:
        """Say for each record of a batch whether it is in scope; None: all are."""
        if self.scope is None:
            return None
        return self.scope.holds(_columns(batch))

    def rows(self, batch: Batch) -> Sequence[tuple[object, ...]]:
        """Return each record's attributes in the order of `names`, as the expressions gave them; see `settled`."""
        if not self.names:
            return ()
        picked = self._picked(batch)
        if picked is not None:
            return picked
        columns = _columns(batch)
        count = len(batch.spellings)
        return list(zip(*(expression.values(columns, count) for expression in self._attributes), strict=True))

    def _picked(self, batch: Batch) -> Sequence[tuple[Value, ...]] | None:
        """Return the rows when every attribute is just a column of the source, without building columns first."""
        wanted = [expression.bare_field for expression in self._attributes]
        if not set(wanted) <= set(batch.names):
            return None
        if wanted == list(batch.names):
            return batch.rows
        places = [batch.names.index(name) for name in wanted]
        if len(places) == 1:
            return [(row[places[0]],) for row in batch.rows]
        return list(map(itemgetter(*places), batch.rows))

    def settled(self, row: tuple[object, ...]) -> tuple[Value, ...] | Unusable:
        """Return a row as values that a target can hold, or the sentence that says why it cannot."""
        values: list[Value] = []
        for expression, value in zip(self._attributes, row, strict=True):
            if isinstance(value, Unusable):
                return value
            fit = _fitting(value)
            if isinstance(fit, Unusable):
                return Unusable(f"{expression.where} {fit.reason}")
            values.append(fit)
        return tuple(values)


def _compiled(text: str, place: str, problems: list[str]) -> Expression | None:
    try:
        return Expression(text, place)
    except SettingsError as error:
        problems.extend(error.problems)
        return None


def _columns(batch: Batch) -> dict[str, Sequence[Value]]:
    """Return the batch as columns, and the spelling as `key` where no column is called so."""
    columns: dict[str, Sequence[Value]] = {KEY: batch.spellings}
    if batch.names and batch.rows:
        columns.update(zip(batch.names, zip(*batch.rows, strict=True), strict=True))
    return columns


def _fitting(value: object) -> Value | Unusable:
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if value in _INTEGERS else Unusable(f"gives {value}, a number out of range.")
        case float():
            return value if math.isfinite(value) else Unusable(f"gives {value}, which is not a number.")
        case list() if all(element is None or isinstance(element, bool | int | float | str) for element in value):
            return [text_of(element) for element in value]
        case list():
            return Unusable("gives a list within a list; a list of texts is the most a target can hold.")
        case _:
            return Unusable("gives an object; name one of its fields.")
