"""The keys of the coordination screen, its tabs and dialogs: a part of the keymap, whose rules hold here too."""

from __future__ import annotations

from console.key import Key

COORDINATION_KEYS: dict[str, tuple[Key, ...]] = {
    "coordination": (
        Key("coordination.locks", "l", "tab('locks')", "", "Locks: who holds what, who waits"),
        Key("coordination.leaders", "d", "tab('leaders')", "", "Leaders and their terms"),
        Key("coordination.tasks", "t", "tab('tasks')", "", "Tasks: queued, running, failed, dead"),
        Key("coordination.cron", "c", "tab('cron')", "", "Schedules and their fires"),
        Key("coordination.keys", "s", "tab('keys')", "", "Keys and their values"),
        Key("coordination.clock", "o", "tab('clock')", "", "The clock: offset, error, skew of the peers"),
        Key("coordination.streams", "m", "tab('streams')", "", "Streams and their last messages"),
        Key("coordination.next", "right_square_bracket", "next_tab(1)", "", "Next tab"),
        Key("coordination.previous", "left_square_bracket", "next_tab(-1)", "", "Previous tab"),
    ),
    "pane": (
        Key("pane.filter", "slash", "filter", "filter", "Show only what matches"),
        Key(
            "pane.events",
            "v",
            "its_events",
            "",
            "Open the event log of this: what was done to it by hand, by whom, why",
        ),
    ),
    "locks": (
        Key("locks.release", "X", "force_release", "force-release…", "Take the lock away from its holder", True),
    ),
    "leaders": (Key("leaders.resign", "X", "resign", "resign…", "Let the leader resign", True),),
    "tasks": (
        Key("tasks.retry", "F", "retry_task", "retry…", "Try dead tasks anew: the marked ones, or this one", True),
        Key("tasks.cancel", "C", "cancel_task", "cancel…", "Cancel tasks that wait or run", True),
        Key("tasks.states", "f", "states", "states", "All tasks, or only those in some states"),
        Key("tasks.mark", "space", "mark", "mark", "Mark the task, to do something to several at once"),
        Key("tasks.delete", "D", "delete_task", "delete…", "Delete tasks for good, with results and errors", True),
        Key("tasks.mark_all", "asterisk", "mark_all", "", "Mark all that are listed"),
        Key("tasks.unmark", "backslash", "unmark", "", "Take all marks away"),
    ),
    "cron": (
        Key("cron.fire", "A", "fire_now", "fire now…", "Fire the schedule now, beside its own fires", True),
        Key("cron.pause", "S", "pause_schedule", "pause/resume…", "Pause the schedule, or let it go on", True),
        Key("cron.add", "a", "add_schedule", "add", "Add a schedule by hand"),
        Key("cron.tasks", "i", "its_tasks", "its tasks", "The tasks that this schedule submitted"),
        Key("cron.delete", "D", "delete_schedule", "remove…", "Remove a schedule that was added by hand", True),
        Key("cron.more", "minus", "stretch(1)", "", "More of the past on the time line"),
        Key("cron.less", "plus", "stretch(-1)", "", "Less of the past on the time line"),
    ),
    "keys": (
        Key("keys.edit", "e", "edit_key", "edit", "Edit the value; it is shown once more before it is written"),
        Key("keys.add", "a", "add_key", "add", "Add a key"),
        Key("keys.form", "w", "form", "JSON/text/hex", "Show values as JSON, as text, or as bytes"),
        Key("keys.delete", "D", "delete_key", "delete…", "Delete the key", True),
        Key("keys.fold", "left", "fold", "", "Close the folder, or go to it"),
        Key("keys.unfold", "right", "unfold", "", "Open the folder"),
    ),
    "clock": (Key("clock.measure", "n", "measure", "measure now", "Ask all sources for the time now"),),
    "edit_key": (
        Key("edit_key.accept", "ctrl+o", "accept", "", "Show what would be written"),
        Key("edit_key.kind", "ctrl+t", "kind", "", "Type it as JSON, as text, or as bytes"),
    ),
    "key_clash": (
        Key("key_clash.edit", "e", "way('EDIT')", "", "Edit what you wrote, on what stands there now"),
        Key("key_clash.mine", "m", "way('MINE')", "", "Write what you wrote over it"),
    ),
    "form_dialog": (Key("form_dialog.accept", "ctrl+o", "accept", "", "Go on with what was typed"),),
}
