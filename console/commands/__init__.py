"""The headless verbs. Each module declares its verbs in `add_parser(verbs)`; only the module of the verb in use is
imported, so that `syncdeck --help` and the console's first frame wait for none of them."""

from __future__ import annotations

VERBS = {
    "plan": ("planning", "Show what a sync would change, and why."),
    "plans": ("planning", "List the plans that were made, newest first, or show one."),
    "apply": ("applying", "Carry out a plan: one of a sync made now, a kept one by its digest, or one from a file."),
    "approve": ("deciding", "Approve a plan by its digest; with --override, lift a guard for this plan only."),
    "reject": ("deciding", "Reject a plan: it will never be applied."),
    "runs": ("runs", "List runs, show one, go on with an interrupted one, or plan to undo one."),
    "status": ("overview", "Show how every sync and target stands, from the last plan or run; reads nothing outside."),
    "adapters": ("adapters", "List the configured adapters, test one, or list the kinds there are."),
    "events": ("events", "Read the event log: everything an operator did and the engine decided."),
    "peers": ("peers", "Show how other nodes stand; sync with them, compare, test, pause."),
    "serve": ("serve", "Run this node headless: serve its peers, and sync with them, until it is stopped."),
    "conflicts": ("conflicts", "List what concurrent edits left to decide, show it side by side, and decide it."),
    "locks": ("locks", "Show who holds which lock, since when, and who waits; take one away by its token."),
    "leaders": ("locks", "Show who leads which group, and past terms; make a leader resign."),
    "lock": ("holding", "Run a command while holding a lock: -- COMMAND. It is stopped when the lock is lost."),
    "elect": ("holding", "Run a command while leading a group: -- COMMAND. It is stopped when the leadership is lost."),
    "tasks": ("tasks", "List tasks; submit, retry, cancel, delete them; work them off."),
    "cron": ("cron", "List schedules and what became of their fires; add, pause, fire them."),
    "keys": ("keys", "Get, put, delete, list and watch keys that all nodes share."),
    "streams": ("streams", "List streams of messages and how far readers came; read, follow and append to one."),
    "clock": ("clock", "Show how far this host's clock is off, and how far peers' clocks are from it."),
    "release": ("upkeep", "Let a target out of quarantine, so that automatic runs include it again."),
    "adopt": ("upkeep", "Take members of a target into Syncdeck's care: under managed_only it may then remove them."),
    "doctor": ("caring", "Check the workspace: settings, secrets, state file, disk; say what to do about each fault."),
    "backup": ("caring", "Copy the state file while everything goes on, and verify the copy."),
    "init": ("starting", "Make a new workspace: a folder with a commented syncdeck.yaml."),
    "demo": ("demo", "Build a sample workspace and show the main job: in the console, or headless without a terminal."),
    "schema": ("starting", "Print the JSON Schema of syncdeck.yaml, for editors."),
    "secrets": ("starting", "Put a secret into the system's keyring, to be named as keyring:NAME in syncdeck.yaml."),
    "completion": ("starting", "Print the shell's completion script."),
}
"""Every verb: the module that has it, and what it does in a sentence."""
