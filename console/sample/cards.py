"""The sample company's customer cards, and what three offices did to them at the same time."""

from __future__ import annotations

from typing import Any

from engine.events.event import NewEvent

Edit = tuple[str, str, Any]
"""(who, aggregate, merge patch); a patch of None deletes the card."""

_TOWNS = ("Berlin", "Hamburg", "Lisboa", "Porto", "Rostock", "Leipzig")
_NAMES = (
    "Nordlicht GmbH", "Casa Duarte", "Möller & Sohn", "Atelier Ferreira", "Hafenkontor AG", "Quinta do Vale",
    "Alster Optik", "Livraria Mar", "Spree Druck", "Padaria Luz", "Kranich Reisen", "Bremer Tee",
)  # fmt: skip


def cards() -> list[NewEvent]:
    """Return the events that registered the customers, all of them in Berlin."""
    return [
        _event(("ann@berlin", f"customer:{1001 + index}", _card(index, name)), type_name="customer.registered")
        for index, name in enumerate(_NAMES)
    ]


def _card(index: int, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "contact": {"name": f"Contact {index + 1}", "phone": f"+49 30 5550{index:02}"},
        "city": _TOWNS[index % len(_TOWNS)],
        "credit": {"limit": 10_000 + 500 * index, "currency": "EUR"},
        "tags": ["customer"],
        "visits": index,
        "manager": "ann@berlin",
    }


FIRST: dict[str, tuple[Edit, ...]] = {
    "berlin": (("ann@berlin", "customer:1006", {"credit": {"limit": 18_000}}),),
    "hamburg": (("bo@hamburg", "customer:1006", {"credit": {"limit": 14_000}}),),
}
"""Edits of last week, by node: the conflict between them was settled in Hamburg."""

SINCE: dict[str, tuple[Edit, ...]] = {
    "berlin": (
        ("ann@berlin", "customer:1001", {"credit": {"limit": 20_000}, "contact": {"phone": "+49 30 555199"}}),
        ("cy@berlin", "customer:1003", None),
        ("ann@berlin", "customer:1004", {"tags": ["customer", "vip"], "visits": 5, "note": "likes to be called"}),
        ("cy@berlin", "customer:1005", {"manager": "cy@berlin"}),
        ("ann@berlin", "customer:1007", {"contact": {"name": "Frau Petersen"}}),
        ("ann@berlin", "customer:1008", {"city": "Lissabon", "contact": {"name": "Rui Mar"}}),
    ),
    "hamburg": (
        ("bo@hamburg", "customer:1001", {"credit": {"limit": 15_000}}),
        ("bo@hamburg", "customer:1002", {"contact": {"name": "Ines Duarte"}}),
        ("bo@hamburg", "customer:1004", {"tags": ["customer", "export"], "visits": 4, "note": "write, never call"}),
        ("bo@hamburg", "customer:1005", {"manager": "bo@hamburg"}),
        ("bo@hamburg", "customer:1008", {"city": "Lisbon", "credit": {"limit": 9_000}}),
    ),
    "lisbon": (
        ("eva@lisbon", "customer:1002", {"contact": {"name": "Inês Duarte", "phone": "+351 21 555 010"}}),
        ("eva@lisbon", "customer:1003", {"city": "Setúbal"}),
        ("eva@lisbon", "customer:1005", {"manager": "eva@lisbon"}),
        ("eva@lisbon", "customer:1007", {"contact": {"name": "Frau Petersen"}}),
        (
            "eva@lisbon",
            "customer:1008",
            {"city": "Lisboa", "contact": {"name": "Rui do Mar"}, "credit": {"limit": 9_500}},
        ),
    ),
}
"""Edits of today, by node, none of which knew of another node's."""

LAST: dict[str, tuple[Edit, ...]] = {
    "hamburg": (("bo@hamburg", "customer:1009", {"city": "Kiel"}),),
    "lisbon": (
        ("eva@lisbon", "customer:1010", {"tags": ["customer", "bakery"]}),
        ("eva@lisbon", "customer:1012", {"contact": {"phone": "+351 21 555 099"}}),
    ),
}
"""Edits of this minute, by node, which Berlin has not fetched yet."""


def edits(of: dict[str, tuple[Edit, ...]], node: str) -> list[NewEvent]:
    """Return a node's edits as events."""
    return [_event(edit, "customer.deleted" if edit[2] is None else "customer.changed") for edit in of.get(node, ())]


def _event(edit: Edit, type_name: str) -> NewEvent:
    actor, aggregate, patch = edit
    return NewEvent(type=type_name, aggregate_id=aggregate, data=patch, metadata={"actor": actor})
