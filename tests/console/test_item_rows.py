"""A run's items page by page: what is shown is what came last."""

from __future__ import annotations

from console.presentation.spans import plain
from console.widgets.item_rows import PagedItems
from engine.reconcile.history import ItemState, RunItem
from engine.reconcile.plan import Action
from engine.reconcile.records import RecordKey


def item(state: ItemState) -> RunItem:
    gone = "gone@acme.example"
    return RunItem(
        index=0, item="1", target="crm", action=Action.REMOVE, key=RecordKey(gone), spelling=gone, state=state
    )


def test_a_page_that_comes_again_replaces_the_one_before() -> None:
    asked: list[int] = []
    rows = PagedItems(1, asked.append)
    assert rows.line_at(0, 80) is None
    rows.deliver(0, [item(ItemState.INTENT)])
    rows.grow_stale()
    assert "under way" in plain(rows.line_at(0, 80) or ())
    rows.deliver(0, [item(ItemState.DONE)])
    assert "done" in plain(rows.line_at(0, 80) or ())
    assert asked == [0, 0]
