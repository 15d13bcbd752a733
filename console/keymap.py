"""Every key of the console, once. Footers, help, palette and people's own keymaps all read this table.

One rule that can be taught: only the capitals A D F O S U X C change the world (approve, apply or settle, delete,
finish what failed, override, save, undo, reject, cancel). No lower-case, ctrl or function key ever does; a test
enumerates the table.

Exchanging events with a peer is no such change: it adds to both histories what the other has, removes nothing, and may
be done any number of times. So it has a lower-case key and asks nothing; as it writes to the log, who may only look may
not do it (`adds`). To say that one is at a conflict, or not any more, is of that kind too.

Scopes are named after the screen or widget whose `BINDINGS` they are. Their order is the order of importance: what
does not fit the footer is cut from the end, and `?` lists everything.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

WORLD_CHANGING = frozenset("ADFOSUXC")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `id` is what people remap, `label` stands in the footer (empty: only in the help), `says` in the help.

    `changes` marks what changes targets, settings or decisions, `adds` what only adds to the history; both are refused
    in a read-only console.
    """

    id: str
    keys: str
    action: str
    label: str
    says: str
    changes: bool = False
    priority: bool = False
    adds: bool = False


KEYMAP: dict[str, tuple[Key, ...]] = {
    "app": (
        Key("app.overview", "1", "switch('overview')", "", "Overview"),
        Key("app.adapters", "2", "switch('adapters')", "", "Adapters"),
        Key("app.syncs", "3", "switch('syncs')", "", "Syncs"),
        Key("app.plans", "4", "switch('plans')", "", "Plans"),
        Key("app.runs", "5", "switch('runs')", "", "Runs"),
        Key("app.events", "6", "switch('events')", "", "Events"),
        Key("app.conflicts", "7", "switch('conflicts')", "", "Conflicts"),
        Key("app.peers", "8", "switch('peers')", "", "Peers"),
        Key("app.palette", "ctrl+p,colon", "command_palette", "commands", "Find any command, sync, adapter or run"),
        Key("app.messages", "at", "messages", "", "Messages shown so far"),
        Key("app.copy", "y", "copy", "", "Copy what the cursor is on"),
        Key("app.copy_command", "Y", "copy_command", "", "Copy the command that does the same"),
        Key("app.theme", "f2", "toggle_theme", "", "Light or dark"),
        Key("app.quit", "ctrl+q", "leave", "", "Leave Syncdeck"),
    ),
    "screen": (
        Key("screen.help", "question_mark,f1", "keys", "help", "All keys that work here"),
        Key("screen.back", "escape", "back", "", "Back, one crumb up"),
        Key("screen.refresh", "R", "refresh_now", "", "Look again now"),
    ),
    "list": (
        Key("list.open", "enter", "open", "open", "Open what the cursor is on"),
        Key("list.down", "j,down", "cursor(1)", "", "Down"),
        Key("list.up", "k,up", "cursor(-1)", "", "Up"),
        Key("list.top", "g,home", "cursor_to(0)", "", "First line"),
        Key("list.bottom", "G,end", "cursor_to(-1)", "", "Last line"),
        Key("list.page_down", "ctrl+d,pagedown", "cursor_page(1)", "", "Half a page down"),
        Key("list.page_up", "ctrl+u,pageup", "cursor_page(-1)", "", "Half a page up"),
    ),
    "dialog": (
        Key("dialog.close", "escape", "give_up", "", "Close; nothing is done"),
        Key("dialog.next", "right", "next(1)", "", "Next button"),
        Key("dialog.previous", "left", "next(-1)", "", "Previous button"),
        Key("dialog.page_down", "pagedown", "page(1)", "", "Further down in what is said"),
        Key("dialog.page_up", "pageup", "page(-1)", "", "Further up"),
    ),
    "decide": (
        Key("decide.deed", "y", "deed", "", "Do it, once all that is asked has been typed"),
        Key("decide.besides", "o", "besides", "", "Do the smaller deed instead"),
    ),
    "failure": (
        Key("failure.retry", "r", "retry", "", "Try again"),
        Key("failure.details", "d", "details", "", "Show or hide details"),
    ),
    "confirm": (Key("confirm.yes", "y", "agree", "", "Yes"),),
    "all_keys": (
        Key("all_keys.down", "down", "cursor(1)", "", "Down"),
        Key("all_keys.up", "up", "cursor(-1)", "", "Up"),
    ),
    "overview": (
        Key("overview.plan", "p", "plan", "plan", "Plan this sync: read both ends, change nothing"),
        Key("overview.run", "r", "last_run", "last run", "Open the last run of this sync"),
        Key("overview.sync", "s", "sync", "sync", "Open the sync's settings"),
        Key("overview.release", "O", "release", "release…", "Let a target out of quarantine: it is tried again", True),
    ),
    "form": (
        Key("form.leave", "escape", "leave_field", "leave field", "Leave the field, then the form"),
        Key("form.enter", "enter,i", "enter_field", "edit", "Go into the field again"),
        Key("form.next", "down", "field(1)", "", "Next field"),
        Key("form.previous", "up", "field(-1)", "", "Previous field"),
    ),
    "on_off": (Key("on_off.turn", "space,enter", "turn", "turn", "Turn the switch"),),
    "picks": (
        Key("picks.pick", "space,enter", "pick", "pick", "Pick this word, or put it back"),
        Key("picks.next", "right,l", "move(1)", "", "Next word"),
        Key("picks.previous", "left,h", "move(-1)", "", "Previous word"),
    ),
    "entry": (Key("entry.save", "S", "save", "save…", "Show what changes in the settings file, then write it", True),),
    "adapters": (
        Key("adapters.test", "t", "test", "test", "Connect, read everything once, show a sample"),
        Key("adapters.add", "a", "add", "add", "Add an adapter"),
        Key("adapters.duplicate", "c", "duplicate", "copy", "Add an adapter that starts as a copy of this one"),
        Key("adapters.delete", "D", "delete", "delete…", "Delete the adapter, if nothing uses it", True),
    ),
    "adapter": (
        Key("adapter.test", "t", "test", "test", "Test these settings, saved or not: connect, read, show a sample"),
        Key("adapter.duplicate", "c", "duplicate", "copy", "Add an adapter that starts as a copy of this one"),
        Key("adapter.delete", "D", "delete", "delete…", "Delete the adapter, if nothing uses it", True),
    ),
    "syncs": (
        Key("syncs.plan", "p", "plan", "plan", "Plan this sync: read both ends, change nothing"),
        Key("syncs.add", "a", "add", "add", "Add a sync"),
        Key("syncs.duplicate", "c", "duplicate", "copy", "Add a sync that starts as a copy of this one"),
        Key("syncs.pause", "S", "pause", "pause/resume…", "Pause the sync, or let it run again; saves the file", True),
        Key("syncs.delete", "D", "delete", "delete…", "Delete the sync; its targets stay as they are", True),
    ),
    "sync": (
        Key("sync.plan", "p", "plan", "plan", "Plan this sync as it is saved: read both ends, change nothing"),
        Key("sync.duplicate", "c", "duplicate", "copy", "Add a sync that starts as a copy of this one"),
        Key("sync.delete", "D", "delete", "delete…", "Delete the sync; its targets stay as they are", True),
    ),
    "records": (
        Key("records.left", "left,h", "shift(-8)", "", "See more of the left"),
        Key("records.right", "right,l", "shift(8)", "", "See more of the right"),
    ),
    "panel": (
        Key("panel.down", "j,down", "scroll(1)", "", "Down"),
        Key("panel.up", "k,up", "scroll(-1)", "", "Up"),
    ),
    "events": (
        Key("events.filter", "slash", "filter", "filter", "Show only events that match"),
        Key("events.mark", "space", "mark", "", "Mark the event, to copy several"),
        Key("events.follow", "f", "follow", "follow", "Stay at the newest event, or stop doing so"),
        Key("events.pause", "p", "hold", "pause", "Take in nothing new for now"),
        Key("events.history", "a", "history", "history", "Its aggregate's history, with the state as of any event"),
        Key("events.leads", "o", "leads", "its run/plan", "Open the run, plan or conflict that the event speaks of"),
        Key("events.time", "t", "time_style", "time", "Local time, UTC, or age"),
        Key("events.find", "s", "find", "search", "Look for a text without hiding the rest"),
        Key("events.next", "n", "find_next(True)", "", "Next older event with the text"),
        Key("events.previous", "N", "find_next(False)", "", "Next newer event with the text"),
        Key("events.go_to_time", "T", "go_to_time", "", "Go to a time"),
        Key("events.minute_back", "m", "minutes(-1)", "", "A minute earlier"),
        Key("events.minute_on", "M", "minutes(1)", "", "A minute later"),
        Key("events.export", "E", "export", "export", "Write what the filter shows to a file"),
        Key("events.stop", "c", "stop", "", "Stop a search, a filter or an export under way"),
    ),
    "aggregate": (
        Key("aggregate.detail", "d", "detail", "event/state", "Show the event in full, or the state as of it"),
        Key("aggregate.leads", "o", "leads", "its conflict", "Open the conflict that the event speaks of"),
        Key("aggregate.contest", "c", "contest", "conflict", "Open the conflict that this aggregate has now"),
        Key("aggregate.events", "v", "events", "events", "Open the event log with this aggregate alone"),
        Key("aggregate.time", "t", "time_style", "time", "Local time, UTC, or age"),
    ),
    "peers": (
        Key("peers.sync", "s", "sync_now", "sync now", "Exchange what each side lacks; nothing is removed", adds=True),
        Key("peers.all", "asterisk", "sync_all", "sync all", "Exchange with every peer", adds=True),
        Key("peers.compare", "equals_sign", "compare", "prove equal", "Compare histories and states with the peer"),
        Key("peers.test", "t", "test", "test", "Test the way to the peer step by step; nothing is exchanged"),
        Key("peers.add", "a", "add", "add", "Add a peer"),
        Key("peers.edit", "e", "edit", "edit", "Open the peer's settings"),
        Key("peers.pause", "S", "pause_peer", "pause/resume…", "Stop exchanging with the peer, or go on", True),
        Key("peers.stop", "c", "stop", "", "Stop a sync under way here; what was exchanged stays"),
        Key("peers.delete", "D", "delete", "remove…", "Remove the peer; its events stay", True),
    ),
    "peer": (
        Key("peer.sync", "s", "sync_now", "sync now", "Exchange what each side lacks; nothing is removed", adds=True),
        Key("peer.compare", "equals_sign", "compare", "prove equal", "Compare histories and states with the peer"),
        Key("peer.test", "t", "test", "test", "Test the way to the peer step by step; nothing is exchanged"),
        Key("peer.edit", "e", "edit", "edit", "Open the peer's settings"),
        Key("peer.pause", "S", "pause_peer", "pause/resume…", "Stop exchanging with the peer, or go on", True),
        Key("peer.stop", "c", "stop", "", "Stop a sync under way here; what was exchanged stays"),
        Key("peer.delete", "D", "delete", "remove…", "Remove the peer; its events stay", True),
    ),
    "peer_settings": (
        Key("peer_settings.test", "t", "test", "test", "Test these settings, saved or not, step by step"),
        Key("peer_settings.delete", "D", "delete", "remove…", "Remove the peer; its events stay", True),
    ),
    "comparison": (
        Key("comparison.again", "equals_sign", "compare", "again", "Compare once more"),
        Key(
            "comparison.sync",
            "s",
            "sync_now",
            "sync now",
            "Exchange what each side lacks; nothing is removed",
            adds=True,
        ),
        Key("comparison.stop", "c", "stop", "", "Stop a comparison or a sync under way"),
    ),
    "conflicts": (
        Key("conflicts.filter", "slash", "filter", "filter", "Show only conflicts that match"),
        Key("conflicts.mark", "space", "mark", "mark", "Mark the conflict, to settle several at once"),
        Key("conflicts.states", "s", "states", "states", "Those that wait, those that were settled, or all"),
        Key("conflicts.claim", "c", "claim", "claim", "Tell all nodes that you are at it, or not any more", adds=True),
        Key("conflicts.settle", "A", "settle_many", "settle many…", "Settle alike what is marked, or shown", True),
        Key("conflicts.reopen", "U", "reopen", "undo…", "Reopen a settled conflict", True),
        Key("conflicts.mark_all", "asterisk", "mark_all", "", "Mark all that the filter shows"),
        Key("conflicts.unmark", "backslash", "unmark", "", "Take all marks away"),
        Key("conflicts.events", "v", "events", "", "Open the event log of this aggregate"),
    ),
    "conflict": (
        Key("conflict.left", "h,left", "take_left", "left", "Take the left side"),
        Key("conflict.right", "l,right", "take_right", "right", "Take the right side"),
        Key("conflict.both", "b", "take_both", "both", "Take all sides together"),
        Key("conflict.base", "o", "take_base", "base", "Take what it was before"),
        Key("conflict.edit", "e", "edit", "edit", "Write the value by hand"),
        Key("conflict.settle", "A", "settle", "apply…", "Show what would be written, then settle the conflict", True),
        Key("conflict.next", "n", "undecided(1)", "next", "Next undecided field, also of the next conflict"),
        Key("conflict.drop", "x", "drop_field", "remove", "Remove the field"),
        Key("conflict.step_back", "u", "step_back", "undo", "Take the last choice back; nothing is written yet"),
        Key("conflict.rule", "m", "rule", "make a rule", "Make a rule of it: tried on the past before it is saved"),
        Key("conflict.undecide", "r", "undecide", "", "Back to undecided"),
        Key("conflict.all_left", "H", "all_left", "", "Take the left side of every field"),
        Key("conflict.all_right", "L", "all_right", "", "Take the right side of every field"),
        Key("conflict.previous", "p", "undecided(-1)", "", "Previous undecided field"),
        Key("conflict.step_on", "ctrl+r", "step_on", "", "Make again the choice that was taken back"),
        Key("conflict.automatic", "a", "automatic", "", "Show or hide the fields that rules settled"),
        Key("conflict.other_left", "comma", "other_side(0)", "", "Another side at the left, of three or more"),
        Key("conflict.other_right", "full_stop", "other_side(1)", "", "Another side at the right, of three or more"),
        Key("conflict.claim", "c", "claim", "", "Tell all nodes that you are at it, or not any more", adds=True),
        Key("conflict.reopen", "U", "reopen", "", "Reopen it after it was settled", True),
        Key("conflict.events", "v", "events", "", "Open the event log of this aggregate"),
    ),
    "bulk": (
        Key("bulk.left", "h,left", "way('LEFT')", "left", "Take the left side everywhere"),
        Key("bulk.right", "l,right", "way('RIGHT')", "right", "Take the right side everywhere"),
        Key("bulk.settle", "A", "settle", "settle…", "Show what would be written, then settle all of them", True),
        Key("bulk.newest", "t", "way('NEWEST')", "newest", "Take the side that was written last"),
        Key("bulk.oldest", "f", "way('OLDEST')", "oldest", "Take the side that was written first"),
        Key("bulk.base", "o", "way('BASE')", "base", "Take what it was before"),
        Key("bulk.both", "b", "way('BOTH')", "both", "Take all sides together, where that is possible"),
        Key("bulk.node", "d", "node", "node", "Take the side of one node"),
        Key("bulk.field", "slash", "field", "field", "Only in one field"),
        Key("bulk.staged", "s", "way('STAGED')", "", "Take what was decided one by one and is not written yet"),
        Key("bulk.stop", "c", "stop", "", "Stop after the conflict under way"),
    ),
    "edit_value": (
        Key("edit_value.accept", "ctrl+o", "accept", "", "Take this value"),
        Key("edit_value.kind", "ctrl+t", "kind", "", "Read it as text, or as JSON"),
    ),
    "plans": (
        Key("plans.sync", "s", "of_sync", "this sync", "Only plans of this sync, or all again"),
        Key("plans.again", "p", "plan", "plan again", "Make a new plan of this sync: read both ends, change nothing"),
    ),
    "plan": (
        Key("plan.approve", "A", "approve", "approve/apply…", "Approve or apply, after one look at everything", True),
        Key("plan.filter", "slash", "filter", "filter", "Show only items that match"),
        Key("plan.reject", "X", "reject", "reject…", "Reject: this plan will never be applied", True),
        Key("plan.override", "O", "override", "override…", "Lift a guard for this plan, with a reason", True),
        Key("plan.detail", "d", "detail", "why", "Show or hide the detail"),
        Key("plan.compare", "c", "compare", "compare", "Compare with the previous plan of this sync"),
        Key("plan.write", "w", "write", "write", "Write the plan to a file"),
        Key("plan.cycle", "o", "cycle", "", "All changes, only removals, additions, updates, renames"),
        Key("plan.sort", "s", "sort", "", "Order by name, or as it would be carried out"),
        Key("plan.again", "p", "plan", "", "Make a new plan of this sync"),
    ),
    "difference": (
        Key("difference.tick", "space", "tick", "tick", "Take an item or group in or out"),
        Key("difference.tick_all", "asterisk", "tick_all", "", "Take all items that match in, or out"),
        Key("difference.invert", "i", "invert", "", "Exchange in and out for all items that match"),
        Key("difference.unfold_all", "e", "unfold_all", "", "Unfold or fold everything"),
        Key("difference.fold", "left,h", "fold", "", "Fold, or go to the group"),
        Key("difference.unfold", "right,l", "unfold", "", "Unfold"),
    ),
    "runs": (
        Key("runs.undo", "U", "undo", "undo…", "Make the plan that undoes this run", True),
        Key("runs.resume", "F", "resume", "finish…", "Retry what failed, or go on with an interrupted run", True),
        Key("runs.sync", "s", "of_sync", "this sync", "Only runs of this sync, or all again"),
        Key("runs.plan", "p", "plan", "its plan", "Open the plan of this run"),
    ),
    "run": (
        Key("run.states", "f", "states", "states", "All items, or only those in one state"),
        Key("run.retry", "F", "resume", "retry failed…", "Retry what failed, or go on with an interrupted run", True),
        Key("run.cancel", "C", "cancel", "cancel…", "Stop after the calls under way", True),
        Key("run.undo", "U", "undo", "undo…", "Make the plan that undoes this run", True),
        Key("run.plan", "p", "plan", "its plan", "Open the plan of this run"),
        Key("run.events", "v", "events", "events", "Open the event log of this run"),
        Key("run.detail", "d", "detail", "", "Show or hide the detail"),
    ),
}


def bindings(scope: str) -> list[Binding]:
    """Return the Textual bindings of a scope, for a class's `BINDINGS`."""
    return [
        Binding(key.keys, key.action, key.label or key.says, show=bool(key.label), priority=key.priority, id=key.id)
        for key in KEYMAP[scope]
    ]


def key_of(binding_id: str | None) -> Key | None:
    """Return the row of the table that a binding came from."""
    return _BY_ID.get(binding_id or "")


def all_keys() -> tuple[Key, ...]:
    """Return every key of every scope."""
    return tuple(_BY_ID.values())


def needs_rights(action: str) -> bool:
    """Tell whether an action is one that a read-only console refuses."""
    return action in _CHANGING


_BY_ID = {key.id: key for keys in KEYMAP.values() for key in keys}
_CHANGING = frozenset(key.action for key in _BY_ID.values() if key.changes or key.adds)
