"""Changing a table's rows within one transaction: the database may refuse single rows, and the others are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from adapters.endpoints.document import ALREADY, DONE, meddled, refused
from adapters.endpoints.sql_database import Database, to_blame
from adapters.endpoints.sql_selection import Misfit, Selection, spelled, texts
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Outcome
from engine.reconcile.records import Value, text_of

KEYS_AT_ONCE = 500
"""Keys in one IN list: SQLite takes 32,766 values in a statement, SQL Server 2,100, Oracle 1,000."""

Outcomes = dict[int, Outcome]
"""Outcomes by the change's place in the batch."""


class Writing:
    """One transaction that changes the members of one table."""

    def __init__(self, connection: sa.Connection, database: Database, selection: Selection) -> None:
        self.connection = connection
        self.database = database
        self.selection = selection
        self.table = selection.table

    def carry_out(self, changes: Sequence[Change]) -> list[Outcome]:
        """Carry out changes of one action; return their outcomes in the same order."""
        act = {
            Action.ADD: self._add,
            Action.REMOVE: self._remove,
            Action.UPDATE: self._update,
            Action.RENAME: self._rename,
        }
        self._serialise()
        outcomes = act[changes[0].action](changes) if changes else {}
        return [outcomes[place] for place in range(len(changes))]

    def _add(self, changes: Sequence[Change]) -> Outcomes:
        held = self._held(changes)
        outcomes: Outcomes = {}
        rows: dict[int, dict[str, Any]] = {}
        for place, change in enumerate(changes):
            if held[change.spelling]:
                outcomes[place] = ALREADY
                continue
            held[change.spelling] = 1
            values = self._values(change.spelling, change.after or {}, place, outcomes)
            if values:
                rows[place] = {**self.selection.defaults, **self.selection.marked(removed=False), **values}
        marked = self._removed_before([changes[place] for place in rows])
        back = [place for place in rows if changes[place].spelling in marked]
        new = [place for place in rows if changes[place].spelling not in marked]

        def insert(places: Sequence[int]) -> None:
            self._insert([rows[place] for place in places])
            self._demand_members([changes[place] for place in places])

        def bring_back(places: Sequence[int]) -> None:
            for place in places:
                query = sa.update(self.table).where(self._is(changes[place]), self.selection.belongs(marked=True))
                self.connection.execute(query.values(rows[place]))

        self._together(new, insert, outcomes)
        self._together(back, bring_back, outcomes)
        return outcomes

    def _remove(self, changes: Sequence[Change]) -> Outcomes:
        held = self._held(changes)
        expecting = [change for change in changes if change.before]
        attributes = self._attributes_of(expecting)
        outcomes = {place: ALREADY for place, change in enumerate(changes) if not held[change.spelling]}
        for place, change in enumerate(changes):
            for row in attributes.get(change.spelling, ()):
                if place not in outcomes and (objection := meddled(change, row)):
                    outcomes[place] = refused(objection)

        def remove(places: Sequence[int]) -> None:
            for some in _some(places):
                keys = self.selection.known_keys(changes[place].spelling for place in some)
                condition = sa.and_(self.selection.key.in_(keys), self.selection.belongs())
                mark = self.selection.marked(removed=True)
                query = sa.update(self.table).values(mark) if mark else sa.delete(self.table)
                self.connection.execute(query.where(condition))

        self._together([place for place in range(len(changes)) if place not in outcomes], remove, outcomes)
        return outcomes

    def _update(self, changes: Sequence[Change]) -> Outcomes:
        """Set the attributes of members; also their keys, where the change is a rename."""
        held = self._held(changes)
        attributes = self._attributes_of(changes)
        outcomes: Outcomes = {}
        rows: dict[int, dict[str, Any]] = {}
        for place, change in enumerate(changes):
            after = change.after or {}
            if held[change.spelling] != 1:
                outcomes[place] = _not_one(change.spelling, held[change.spelling])
            elif not change.renamed_to and _agree(attributes[change.spelling][0], after):
                outcomes[place] = ALREADY
            elif objection := meddled(change, attributes[change.spelling][0]):
                outcomes[place] = refused(objection)
            elif values := self._values(change.renamed_to or change.spelling, after, place, outcomes):
                rows[place] = values

        def update(places: Sequence[int]) -> None:
            for place in places:
                query = sa.update(self.table).where(self._is(changes[place]), self.selection.belongs())
                self.connection.execute(query.values(rows[place]))

        self._together(list(rows), update, outcomes)
        return outcomes

    def _rename(self, changes: Sequence[Change]) -> Outcomes:
        """Rename one by one: the new key of one change may be the old key of the next."""
        outcomes: Outcomes = {}
        for place, change in enumerate(changes):
            taken = self._count([change.spelling, change.renamed_to])
            if taken[change.renamed_to]:
                beside = refused(f"{change.renamed_to} is a member already beside {change.spelling}.")
                outcomes[place] = beside if taken[change.spelling] else ALREADY
            else:
                outcomes[place] = self._update([change])[0]
        return outcomes

    def _together(self, places: Sequence[int], act: Callable[[Sequence[int]], None], outcomes: Outcomes) -> None:
        """Act on all places at once; when the database refuses, on each half, until the one to blame stands alone."""
        if not places:
            return
        try:
            with self.connection.begin_nested():
                act(places)
        except (exc.DBAPIError, Misfit) as error:
            if isinstance(error, exc.DBAPIError) and not to_blame(error):
                raise
            if len(places) == 1:
                outcomes[places[0]] = refused(
                    str(error) if isinstance(error, Misfit) else f"{self.database.said(error)}."
                )
                return
            middle = len(places) // 2
            self._together(places[:middle], act, outcomes)
            self._together(places[middle:], act, outcomes)
        else:
            outcomes.update(dict.fromkeys(places, DONE))

    def _insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows; those with the same columns in one call, for that is what drivers do quickly."""
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            alike.setdefault(tuple(row), []).append(row)
        for group in alike.values():
            self.connection.execute(sa.insert(self.table), group)

    def _demand_members(self, changes: Sequence[Change]) -> None:
        """Refuse rows that were inserted and are no members: they would be added again in every run."""
        held = self._held(changes)
        for change in changes:
            if not held[change.spelling]:
                raise Misfit(
                    f"The new row of {change.spelling} would not belong to the set ({self.selection.where}). "
                    "Set `defaults` so that it does."
                )

    def _values(
        self, spelling: str, attributes: Mapping[str, Value], place: int, outcomes: Outcomes
    ) -> dict[str, Any] | None:
        try:
            return self.selection.values(spelling, attributes)
        except Misfit as error:
            outcomes[place] = refused(str(error))
            return None

    def _held(self, changes: Sequence[Change]) -> Counter[str]:
        """Return how many members have each of the changes' spellings."""
        return self._count([change.spelling for change in changes])

    def _count(self, spellings: Sequence[str], *, marked: bool = False) -> Counter[str]:
        key = self.selection.key
        counts: Counter[str] = Counter()
        for some in _some(spellings):
            condition = sa.and_(key.in_(self.selection.known_keys(some)), self.selection.belongs(marked=marked))
            counts.update(
                spelled(found, key.name) for found in self.connection.scalars(sa.select(key).where(condition))
            )
        return counts

    def _removed_before(self, changes: Sequence[Change]) -> Counter[str]:
        if self.selection.mark is None:
            return Counter()
        return self._count([change.spelling for change in changes], marked=True)

    def _attributes_of(self, changes: Sequence[Change]) -> dict[str, list[dict[str, Value]]]:
        """Return the attributes that members hold now, by spelling; a member that stands twice holds them twice."""
        key, names = self.selection.key, self.selection.names
        held: dict[str, list[dict[str, Value]]] = {}
        for some in _some([change.spelling for change in changes]):
            query = sa.select(key, *self.selection.attributes.values())
            condition = sa.and_(key.in_(self.selection.known_keys(some)), self.selection.belongs())
            for found, *values in self.connection.execute(query.where(condition)):
                columns = zip(names, values, strict=True)
                row = {name: texts([value], name)[0] for name, value in columns}
                held.setdefault(spelled(found, key.name), []).append(row)
        return held

    def _is(self, change: Change) -> sa.ColumnElement[bool]:
        same: sa.ColumnElement[bool] = self.selection.key == self.selection.key_value(change.spelling)
        return same

    def _serialise(self) -> None:
        """Let Syncdecks change this table one after the other: no constraint may forbid the same key twice.

        SQLite has one writer anyway; the lock of PostgreSQL ends with the transaction.
        """
        if self.database.postgres:
            number = sa.func.hashtext(f"syncdeck {self.table.fullname}")
            self.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def _some(whole: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(whole), KEYS_AT_ONCE):
        yield whole[start : start + KEYS_AT_ONCE]


def _agree(held: Mapping[str, Value], wanted: Mapping[str, Value]) -> bool:
    return all(name in held and text_of(held[name]) == text_of(value) for name, value in wanted.items())


def _not_one(spelling: str, count: int) -> Outcome:
    if not count:
        return refused(f"{spelling} is not a member any more.")
    return refused(f"{spelling} stands {count} times; which one is meant cannot be told. Remove the others.")
