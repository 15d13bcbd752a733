"""Which keys or tasks a tab reads again."""

from __future__ import annotations

from console.panes.changed import Changed
from engine.coordination.standing import Change, Kind


def told(*names: str) -> list[Change]:
    return [Change(kind=Kind.KEY, name=name) for name in names]


def after_a_reading() -> Changed:
    changed = Changed("task/", most=2)
    assert changed.take() is None
    return changed


def test_at_first_everything_is_read_then_only_what_changed() -> None:
    changed = after_a_reading()
    changed.hear(told("task/b", "key/a", "task/a", "task/b"))
    assert changed
    assert changed.take() == ["a", "b"]
    assert not changed


def test_after_a_gap_everything_is_read_again() -> None:
    changed = after_a_reading()
    changed.hear([*told("task/a"), Change(kind=Kind.SYNCED), *told("task/b")])
    assert changed
    assert changed.take() is None


def test_when_much_changed_at_once_everything_is_read_again() -> None:
    changed = after_a_reading()
    changed.hear(told("task/a", "task/b", "task/c"))
    assert changed.take() is None


def test_others_changes_give_nothing_to_read() -> None:
    changed = after_a_reading()
    changed.hear(told("key/a", "lock/a"))
    assert not changed
