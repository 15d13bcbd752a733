"""One keymap: everything stands in it, and only capital letters change the world."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

import console
from console.app import SyncdeckApp
from console.keymap import KEYMAP, WORLD_CHANGING, all_keys, bindings, key_of, needs_rights

INHERITED_FROM_TEXTUAL = "textual."
ANSWERS = {"confirm"}
"""Scopes of dialogs that only a capital letter opens; their keys answer it."""


def console_nodes() -> Iterator[type[DOMNode]]:
    for module in pkgutil.walk_packages(console.__path__, "console."):
        if module.name.startswith(("console.commands", "console.sample", "console.__main__")):
            continue
        for value in vars(import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__ == module.name:
                yield value


def own_bindings(node: type[DOMNode]) -> list[Binding]:
    return [binding for binding in vars(node).get("BINDINGS", ()) if isinstance(binding, Binding)]


NODES = sorted(set(console_nodes()), key=lambda node: f"{node.__module__}.{node.__name__}")


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_every_binding_of_the_console_stands_in_the_keymap(node: type[DOMNode]) -> None:
    strays = [
        binding for binding in own_bindings(node) if binding.action != "show_overlay" and key_of(binding.id) is None
    ]
    assert strays == []


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_every_key_of_a_screen_has_its_action(node: type[DOMNode]) -> None:
    missing = [
        binding.action
        for binding in own_bindings(node)
        if not hasattr(node, f"action_{binding.action.partition('(')[0].rpartition('.')[2]}")
    ]
    assert missing == []


def test_only_capital_letters_change_the_world() -> None:
    for key in all_keys():
        if key.changes:
            assert set(key.keys.split(",")) <= WORLD_CHANGING, f"{key.id} changes the world with {key.keys}"


def test_no_lower_case_ctrl_or_function_key_shares_an_action_with_a_key_that_changes_the_world() -> None:
    changing = {(scope, key.action) for scope, keys in KEYMAP.items() for key in keys if key.changes}
    for scope, keys in KEYMAP.items():
        for key in keys:
            if not key.changes:
                assert (scope, key.action) not in changing, f"{key.id} does what only a capital letter may"


def test_what_looks_dangerous_in_its_label_is_marked_as_changing_the_world() -> None:
    for key in all_keys():
        if key.keys in WORLD_CHANGING:
            assert key.changes, f"{key.id} uses {key.keys} but changes nothing: the rule must stay teachable"


def test_what_only_adds_to_the_history_needs_no_capital_and_yet_rights() -> None:
    adding = {key.id: key for key in all_keys() if key.adds}
    assert {"peers.sync", "peers.all", "peer.sync", "comparison.sync"} <= set(adding)
    assert [key.id for key in adding.values() if key.changes or not needs_rights(key.action)] == []


def test_a_read_only_console_refuses_no_action_that_only_looks() -> None:
    """Rights go by the action's name: what needs them and what does not may not share one."""
    rights = {key.action for key in all_keys() if key.changes or key.adds}
    assert [key.id for key in all_keys() if key.action in rights and not (key.changes or key.adds)] == []


def test_ids_are_unique_so_that_people_can_remap_them() -> None:
    ids = [key.id for keys in KEYMAP.values() for key in keys]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scope", KEYMAP)
def test_a_scope_binds_no_key_twice(scope: str) -> None:
    pressed = [each for key in KEYMAP[scope] for each in key.keys.split(",")]
    assert len(pressed) == len(set(pressed))


@pytest.mark.parametrize("scope", KEYMAP)
def test_every_key_says_what_it_does(scope: str) -> None:
    assert all(key.says and key.says[0].isupper() for key in KEYMAP[scope])


@pytest.mark.parametrize("scope", KEYMAP)
def test_nothing_that_tmux_and_readline_need_is_bound(scope: str) -> None:
    pressed = {each for key in KEYMAP[scope] for each in key.keys.split(",")}
    assert pressed.isdisjoint({f"ctrl+{letter}" for letter in "abhjklsz"})


@pytest.mark.parametrize("scope", sorted(set(KEYMAP) - ANSWERS))
def test_what_changes_the_world_is_announced_with_an_ellipsis_in_the_footer(scope: str) -> None:
    for key in KEYMAP[scope]:
        if key.changes and key.label:
            assert key.label.endswith("…"), f"{key.id} must say that it asks first"


def test_bindings_come_in_the_order_of_the_table() -> None:
    assert [binding.id for binding in bindings("overview")] == [key.id for key in KEYMAP["overview"]]


def test_digits_lead_to_the_screens_in_their_order() -> None:
    digits = [key for key in KEYMAP["app"] if key.keys.isdigit()]
    assert [(key.keys, key.action) for key in digits] == [
        (str(number), f"switch('{name}')") for number, name in enumerate(SyncdeckApp.MODES, start=1)
    ]
