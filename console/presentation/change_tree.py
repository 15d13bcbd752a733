"""A plan as a tree that folds: targets, groups of one action, items, fields. Positions are arithmetic, not objects."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from console.presentation.change_filter import ChangeFilter
from console.presentation.changes import Contents, Group, Kind, Level, Place, field_count
from console.presentation.ticks import Ticks
from engine.reconcile.plan import Change, Plan, Verdict


class ChangeTree:
    """A plan of 100,000 changes is held as the plan's own tuples, a byte for each tick, and a few numbers for each
    group. Building it takes a tenth of a second then, and so does `arranged`: do both on a thread."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.contents = Contents.of(plan)
        self.ticks = Ticks(self.contents)
        self.guards: list[tuple[str, Verdict]] = [
            *(("", verdict) for verdict in plan.source_guards),
            *((target.target, verdict) for target in plan.targets for verdict in target.guards),
        ]
        self.filter = ChangeFilter()
        self.by_name = False
        self.groups = self.contents.groups
        self.guards_open = any(verdict.refuses for _, verdict in self.guards)
        self.folded: set[int] = set()
        self._blocks: list[Place] = []
        self._starts: list[int] = []
        self.lay_out()

    # -- lines ------------------------------------------------------------------------------------------------------

    def lay_out(self) -> None:
        """Count anew which lines there are."""
        blocks: list[Place] = []
        heights: list[int] = []

        def put(place: Place, height: int = 1) -> None:
            blocks.append(place)
            heights.append(height)

        if self.guards:
            put(Place(Level.GUARDS), 1 + (len(self.guards) if self.guards_open else 0))
        for number, target in enumerate(self.plan.targets):
            groups = [one for one, group in enumerate(self.groups) if group.target == number and group.order]
            if self.filter and not groups:
                continue
            put(Place(Level.TARGET, number))
            if number in self.folded:
                continue
            if target.error or not groups:
                put(Place(Level.NOTE, number))
            for one in groups:
                put(Place(Level.GROUP, number, one), self.groups[one].height)
        self._blocks = blocks
        self._starts = [0, *accumulate(heights)]

    def __len__(self) -> int:
        return self._starts[-1]

    def at(self, line: int) -> Place:
        """Return what a line is."""
        number = bisect_right(self._starts, line) - 1
        place, offset = self._blocks[number], line - self._starts[number]
        if not offset:
            return place
        if place.level is Level.GUARDS:
            return Place(Level.GUARD, item=offset - 1)
        group = self.groups[place.group]
        index, part = group.place_of(offset - 1)
        if part is None:
            return Place(Level.ITEM, place.target, place.group, group.order[index])
        return Place(Level.FIELD, place.target, place.group, group.order[index], part)

    def line_of(self, place: Place) -> int | None:
        """Return where a line is now, or what it is folded into; None when the filter hides it."""
        for number, block in enumerate(self._blocks):
            start = self._starts[number]
            if block == place:
                return start
            if place.level is Level.GUARD and block.level is Level.GUARDS:
                return start + 1 + place.item if self.guards_open else start
            if block.level is Level.GROUP and place.level in {Level.ITEM, Level.FIELD}:
                group = self.groups[block.group]
                if group.start <= place.item < group.end:
                    part = place.field if place.level is Level.FIELD else None
                    offset = group.offset_of(place.item, part) if group.open else -1
                    return None if offset is None else start + 1 + offset
        return None

    # -- folding ----------------------------------------------------------------------------------------------------

    def fold(self, place: Place, wanted: bool | None = None) -> bool:
        """Open or close what a line heads (None: the other way); tell whether anything changed."""
        match place.level:
            case Level.GUARDS:
                was, now = self.guards_open, not self.guards_open if wanted is None else wanted
                self.guards_open = now
            case Level.TARGET:
                was = place.target not in self.folded
                now = not was if wanted is None else wanted
                (self.folded.discard if now else self.folded.add)(place.target)
            case Level.GROUP:
                group = self.groups[place.group]
                was, now = group.open, not group.open if wanted is None else wanted
                group.open = now
            case Level.ITEM:
                group = self.groups[place.group]
                index = group.order.index(place.item)
                was = index in group.unfolded
                now = not was if wanted is None else wanted
                group.unfolded.pop(index, None)
                if now:
                    group.unfolded[index] = field_count(self.contents.entries[place.item])
                    group.unfolded = dict(sorted(group.unfolded.items()))
            case _:
                return False
        if was != now:
            self.lay_out()
        return was != now

    def fold_all(self) -> None:
        """Open every group, or close them all when all are open."""
        opening = bool(self.folded) or not all(group.open for group in self.groups)
        self.folded.clear()
        for group in self.groups:
            group.open = opening
        self.lay_out()

    def parent_of(self, place: Place) -> Place:
        """Return the line that heads this one."""
        match place.level:
            case Level.FIELD:
                return Place(Level.ITEM, place.target, place.group, place.item)
            case Level.ITEM:
                return Place(Level.GROUP, place.target, place.group)
            case Level.GROUP | Level.NOTE:
                return Place(Level.TARGET, place.target)
            case Level.GUARD:
                return Place(Level.GUARDS)
            case _:
                return place

    # -- narrowing and ordering -------------------------------------------------------------------------------------

    def arranged(self, wanted: ChangeFilter, *, by_name: bool) -> list[Group]:
        """Return the groups for a filter and an order, without showing them yet."""
        was_open = {(group.target, group.kind): group.open for group in self.groups}
        return [
            Group(
                target=group.target,
                kind=group.kind,
                start=group.start,
                end=group.end,
                order=self._order(group, wanted),
                open=bool(wanted) or was_open.get((group.target, group.kind), group.open),
            )
            for group in (self._groups_by_name() if by_name else self.contents.groups)
        ]

    def arrange(self, groups: list[Group], wanted: ChangeFilter, *, by_name: bool) -> None:
        """Show what `arranged` has found."""
        self.groups, self.filter, self.by_name = groups, wanted, by_name
        self.lay_out()

    def _groups_by_name(self) -> Iterator[Group]:
        for number, items in enumerate(self.contents.changes_of):
            if items:
                kind = Kind.CHANGE
                yield Group(target=number, kind=kind, start=items.start, end=items.stop, order=items, open=True)
            yield from (group for group in self.contents.groups if group.target == number and not group.tickable)

    def _order(self, group: Group, wanted: ChangeFilter) -> Sequence[int]:
        mixed = group.kind is Kind.CHANGE
        if wanted.target not in self.plan.targets[group.target].target.casefold():
            return ()
        if wanted.kinds and not mixed and group.kind.value not in wanted.kinds:
            return ()
        order: Iterable[int] = range(group.start, group.end)
        searched, entries = self.contents.searched, self.contents.entries
        if wanted.text:
            order = [one for one in order if wanted.text in searched[one]]
        if not mixed:
            return order if isinstance(order, Sequence) else list(order)
        if wanted.kinds:
            order = [one for one in order if isinstance(it := entries[one], Change) and it.action.value in wanted.kinds]
        return sorted(order, key=searched.__getitem__)

    def shown_changes(self) -> list[int]:
        """Return the changes that the filter shows, in groups open or not."""
        return [one for group in self.groups if group.tickable for one in group.order]

    def items_under(self, place: Place) -> Sequence[int]:
        """Return the shown items that a line stands for."""
        match place.level:
            case Level.ITEM | Level.FIELD:
                return (place.item,)
            case Level.GROUP:
                return self.groups[place.group].order
            case Level.TARGET:
                return [one for group in self.groups if group.target == place.target for one in group.order]
            case _:
                return ()
