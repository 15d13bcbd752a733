"""Backends of coordination beside the engine's own SQLite: each a `Store` and nothing more (`engine/coordination`).

A backend translates what its client raises into the engine's errors and adds its own name once; it repeats nothing by
itself that is not harmless to repeat, and every request has a time-out. What it cannot do it says in its promises.
"""
