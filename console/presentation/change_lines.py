"""The lines of a plan's tree."""

from __future__ import annotations

from console.presentation.ages import share
from console.presentation.change_tree import ChangeTree
from console.presentation.changes import Entry, Group, Kind, Level, Place
from console.presentation.guards import guard_line, guards_title
from console.presentation.spans import Line, Span, cell, clean, fit, joined, width_of, wrap
from console.presentation.wording import emphasised, size
from engine.reconcile.plan import Action, Change, Parked, TargetPlan
from engine.reconcile.records import Carried, text_of

SIGNS = {Action.ADD: "+", Action.UPDATE: "~", Action.RENAME: ">", Action.REMOVE: "-"}
TITLES = {
    Kind.REMOVE: "Removals",
    Kind.RENAME: "Renames",
    Kind.ADD: "Additions",
    Kind.UPDATE: "Updates",
    Kind.CHANGE: "Changes by name",
    Kind.PARKED: "Parked",
    Kind.CARRIED: "Carried through untouched",
}
LOUD_SHARE = 0.25
"""A target that loses more of its members than this is marked, whatever its guards say."""


def tree_line(tree: ChangeTree, place: Place, width: int) -> Line:
    """Return one line of the tree, whatever it is."""
    match place.level:
        case Level.GUARDS:
            return (_fold(tree.guards_open), *guards_title(tree.guards))
        case Level.GUARD:
            target, verdict = tree.guards[place.item]
            return (Span("    "), *guard_line(target, verdict, width - 4))
        case Level.TARGET:
            return _target_line(tree, place, width)
        case Level.NOTE:
            return _note_line(tree.plan.targets[place.target], width)
        case Level.GROUP:
            return _group_line(tree, tree.groups[place.group], width)
        case Level.ITEM:
            return _item_line(tree, place.item, width)
        case Level.FIELD:
            return field_line(tree.contents.entries[place.item], place.field, width)


def counts_line(counts: dict[Action, int]) -> Line:
    """Return changes by action with their signs, those that are none left out."""
    order = (Action.REMOVE, Action.RENAME, Action.ADD, Action.UPDATE)
    return joined(
        ((Span(f"{SIGNS[action]}{counts[action]:,}", action.value),) for action in order if counts.get(action)), "  "
    )


def _fold(is_open: bool) -> Span:
    return Span("▾ " if is_open else "▸ ", "dim")


def _box(taken: int, total: int) -> Span:
    if not total:
        return Span("    ")
    return Span("[x] ", "") if taken == total else Span("[-] ", "warn") if taken else Span("[ ] ", "dim")


def _target_line(tree: ChangeTree, place: Place, width: int) -> Line:
    target = tree.plan.targets[place.target]
    items = tree.contents.changes_of[place.target]
    taken = tree.ticks.among(items)
    name = cell(clean(target.target), 24 if width >= 100 else 16, "strong")
    counts = tree.contents.counts[place.target]
    parts: list[Line] = [counts_line(counts)]
    if target.error:
        parts.append((Span("could not be read", "error"),))
    elif target.snapshot is not None:
        parts.append((Span(f"{target.in_step:,} in step", "dim"),))
    members = target.snapshot.fingerprint.count if target.snapshot is not None else 0
    removed = counts[Action.REMOVE]
    if members and removed:
        loud = removed / members > LOUD_SHARE
        parts.append((Span(f"{'! ' if loud else ''}{share(removed, members)} removed", "error" if loud else "dim"),))
    if taken < len(items):
        parts.append((Span(f"{len(items) - taken:,} left out", "warn"),))
    is_open = place.target not in tree.folded
    return (_fold(is_open), _box(taken, len(items)), name, Span(" "), *joined(parts, "   "))


def _note_line(target: TargetPlan, width: int) -> Line:
    if target.error:
        return fit((Span("      "), Span(clean(target.error), "error")), width)
    return (Span("      "), Span("Nothing to do: it holds what the source wants.", "ok"))


def _group_line(tree: ChangeTree, group: Group, width: int) -> Line:
    total = group.end - group.start
    title = TITLES[group.kind]
    shown = f"{len(group.order):,} of {total:,}" if len(group.order) < total else f"{total:,}"
    role = group.kind.value if group.kind in {Kind.REMOVE, Kind.RENAME, Kind.ADD, Kind.UPDATE, Kind.PARKED} else "dim"
    line = [Span("  "), _fold(group.open)]
    if group.tickable:
        taken = tree.ticks.among(range(group.start, group.end))
        line += [_box(taken, total), Span(f"{title} ", role), Span(shown, "strong")]
        if taken < total:
            line.append(Span(f"   {total - taken:,} left out", "warn"))
    else:
        line += [Span("    "), Span(f"{title} ", role), Span(shown)]
    return fit(tuple(line), width)


def _item_line(tree: ChangeTree, item: int, width: int) -> Line:
    entry = tree.contents.entries[item]
    room = width - 12
    name = max(20, min(44, room * 2 // 5))
    match entry:
        case Change():
            taken = tree.ticks[item]
            role = entry.action.value if taken else "dim"
            head = (Span("      "), _box(int(taken), 1), Span(f"{SIGNS[entry.action]} ", role))
            return fit((*head, cell(clean(entry.spelling), name, role), Span("  "), *_what(entry, taken)), width)
        case Parked():
            sign = SIGNS[entry.action] if entry.action is not None else "!"
            line = (Span(f"          {sign} ", "parked"), cell(clean(entry.spelling), name, "parked"), Span("  "))
            return fit((*line, Span(clean(entry.reason), "dim")), width)
        case Carried():
            line = (Span("          · ", "dim"), cell(clean(entry.label), name, "dim"), Span("  "))
            return fit((*line, Span(clean(entry.kind), "dim")), width)


def _what(change: Change, taken: bool) -> Line:
    if not taken:
        return (Span("left out", "warn"), Span(f"   {clean(change.why)}", "dim"))
    if change.action is Action.RENAME:
        return (Span("→ ", "dim"), Span(clean(change.renamed_to), "rename"), Span(f"   {clean(change.why)}", "dim"))
    if change.action is not Action.UPDATE:
        return (Span(clean(change.why), "dim"),)
    fields = change.fields()
    if len(fields) == 1:
        name, before, after = fields[0]
        old, new = emphasised(text_of(before), text_of(after))
        return (Span(f"{clean(name)}: ", "dim"), *(old or (Span("(empty)", "dim"),)), Span(" → ", "dim"), *new)
    return (Span(", ".join(clean(name) for name, _, _ in fields)), Span(f"   {clean(change.why)}", "dim"))


def field_line(entry: Entry, number: int, width: int) -> Line:
    """Return one of the lines an item unfolds to; the last one says why."""
    indent = Span(" " * 12)
    if not isinstance(entry, Change):
        text = entry.reason if isinstance(entry, Parked) else f"{entry.kind} {entry.native_id}"
        return fit((indent, Span(clean(text), "dim")), width)
    fields = entry.fields()
    if number >= len(fields):
        return fit((indent, cell("why", 14, "dim"), Span(clean(entry.why) or "–", "dim")), width)
    name, before, after = fields[number]
    head = (indent, cell(clean(name), 14, "dim"))
    if entry.action is Action.ADD:
        return fit((*head, Span(clean(text_of(after)), "new")), width)
    if entry.action is Action.REMOVE:
        return fit((*head, Span(clean(text_of(before)), "old")), width)
    old, new = emphasised(text_of(before), text_of(after))
    empty = (Span("(empty)", "dim"),)
    return fit((*head, *(old or empty), Span(" → ", "dim"), *(new or empty)), width)


def entry_detail(tree: ChangeTree, place: Place, width: int) -> list[Line]:
    """Return everything about the item of a line: what would be done, to whom, and why."""
    entry = tree.contents.entries[place.item]
    target = tree.plan.targets[place.target].target
    match entry:
        case Change():
            return _change_detail(entry, target, tree.ticks[place.item], width)
        case Parked():
            would = f"It would be to {entry.action}." if entry.action is not None else ""
            lines = [
                (Span(clean(entry.spelling), "parked"),),
                (Span(f"parked at {clean(target)}. {would}", "dim"),),
                (),
            ]
            return [*lines, *wrap(entry.reason, width)]
        case Carried():
            lines = [
                (Span(clean(entry.label), "strong"),),
                (Span(f"{clean(entry.kind)} of {clean(target)}", "dim"),),
                (),
            ]
            text = (
                "Somebody without a key here. Syncdeck keeps such members through every write and never touches them."
            )
            return [*lines, *wrap(text, width)]


def _change_detail(change: Change, target: str, taken: bool, width: int) -> list[Line]:
    head = (Span(f"{SIGNS[change.action]} ", change.action.value), Span(clean(change.spelling), "strong"))
    lines: list[Line] = [fit(head, width), (Span(f"{change.action} at {clean(target)}", "dim"),)]
    if change.renamed_to:
        lines.append((Span("→ ", "dim"), Span(clean(change.renamed_to), "rename")))
    if not taken:
        lines.append((Span("left out of what will be applied", "warn"),))
    lines += [(), *wrap(change.why or "No reason was given.", width), ()]
    for name, before, after in change.fields():
        lines.append((Span(clean(name), "accent"),))
        old, new = emphasised(text_of(before), text_of(after))
        if change.action is not Action.ADD:
            lines += _value("- ", old, width)
        if change.action is not Action.REMOVE:
            lines += _value("+ ", new, width)
    same = [name for name in (change.before or {}) if (change.after or {}).get(name) == (change.before or {})[name]]
    if same:
        lines += [(), (Span(f"unchanged: {', '.join(clean(name) for name in same)}", "dim"),)]
    facts = [("key", change.key), ("id there", change.native_id)]
    lines += [(), *((cell(name, 10, "dim"), Span(clean(size(text)))) for name, text in facts if text)]
    condition = "must not be there yet" if change.before is None else "must still hold these values"
    return [*lines, (cell("only if", 10, "dim"), Span(condition, "dim"))]


def _value(sign: str, spans: Line, width: int) -> list[Line]:
    """Return a value under its field, over several lines when it is long."""
    if not spans:
        return [(Span(f"  {sign}", "dim"), Span("(empty)", "dim"))]
    if width_of(spans) <= width - 4:
        return [(Span(f"  {sign}", "dim"), *spans)]
    text = "".join(span.text for span in spans)
    role = "old" if sign.startswith("-") else "new"
    return [
        (Span(f"  {sign}" if not number else "    ", "dim"), *line)
        for number, line in enumerate(wrap(text, width - 4, role))
    ]
