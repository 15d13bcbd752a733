"""One key of the console: a row of the keymap."""

from __future__ import annotations

from dataclasses import dataclass


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
