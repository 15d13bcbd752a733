"""What the detail says of a line that heads others: guards, a target, a group."""

from __future__ import annotations

from console.presentation.ages import count, share, stamp
from console.presentation.change_lines import SIGNS, TITLES, counts_line
from console.presentation.change_tree import ChangeTree
from console.presentation.changes import Level, Place
from console.presentation.guards import gauge, number, role_of, word_of
from console.presentation.spans import Line, Span, cell, clean, wrap
from engine.reconcile.plan import Action, TargetPlan, Verdict


def head_detail(tree: ChangeTree, place: Place, width: int) -> list[Line]:
    """Return what a line stands for as a whole."""
    match place.level:
        case Level.GUARD:
            return _guard(*tree.guards[place.item], width)
        case Level.GUARDS:
            return [line for target, verdict in tree.guards for line in (*_guard(target, verdict, width), ())]
        case Level.GROUP:
            group = tree.groups[place.group]
            target = tree.plan.targets[place.target]
            head = (Span(f"{TITLES[group.kind]} at {clean(target.target)}", "strong"),)
            total = group.end - group.start
            lines: list[Line] = [head, (Span(f"{total:,} in all, {len(group.order):,} shown", "dim"),)]
            if group.tickable:
                taken = tree.ticks.among(range(group.start, group.end))
                lines.append((Span(f"{taken:,} taken, {total - taken:,} left out", "dim"),))
            return lines
        case _:
            return _target(tree.plan.targets[place.target], tree.contents.counts[place.target], width)


def _guard(target: str, verdict: Verdict, width: int) -> list[Line]:
    role = role_of(verdict)
    lines: list[Line] = [(Span(clean(verdict.guard), "strong"), Span(f"  {clean(target) or 'source'}", "dim"))]
    if verdict.observed is not None and verdict.limit is not None:
        bar = gauge(verdict.observed, verdict.limit, max(10, min(30, width - 24)))
        figures = f" {number(verdict.observed)} / {number(verdict.limit)} {verdict.unit}"
        lines.append((Span(bar, role), Span(figures)))
    lines.append((Span(word_of(verdict), role),))
    if verdict.refusal:
        lines += wrap(verdict.refusal, width)
    return lines


def _target(target: TargetPlan, counts: dict[Action, int], width: int) -> list[Line]:
    lines: list[Line] = [(Span(clean(target.target), "strong"),)]
    if target.error:
        return [*lines, *wrap(target.error, width, "error")]
    snapshot = target.snapshot
    if snapshot is not None:
        lines.append((Span(f"{count(snapshot.fingerprint.count, 'member')}, read {stamp(snapshot.read_at)}", "dim"),))
        lines += wrap(snapshot.proof, width, "dim")
        if counts[Action.REMOVE]:
            part = share(counts[Action.REMOVE], snapshot.fingerprint.count)
            lines.append((Span(f"{part} of its members would be removed", "remove"),))
    lines += [(), counts_line(counts), (Span(f"{target.in_step:,} in step", "dim"),)]
    if target.left_alone:
        lines += [(), (Span("Left alone, because the sync's mode does not act on them:", "dim"),)]
        lines += [
            (
                Span(f"  {SIGNS[Action(action)] if action in set(Action) else '·'} "),
                cell(f"{number_:,}", 8),
                Span(action),
            )
            for action, number_ in target.left_alone.items()
        ]
    if target.parked:
        lines.append((Span(count(len(target.parked), "record") + " parked", "parked"),))
    return lines
