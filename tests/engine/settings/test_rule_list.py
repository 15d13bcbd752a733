"""One more rule in the settings file: first or last, and nothing else touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SettingsError
from engine.settings.editing import WorkspaceFile
from tests.doubles.catalogue import SampleCatalogue

RULE = {"name": "title by rule", "when": {"aggregate": "user:*", "field": "title"}, "use": "last_write_wins"}
LINE = "{name: title by rule, when: {aggregate: 'user:*', field: title}, use: last_write_wins}"
TOLD = "    # HR decides\n    - {use: ask_operator}   # why\n"
HEAD = "syncdeck: 1\n"


def opened(body: str) -> WorkspaceFile:
    return WorkspaceFile(Path("acme/syncdeck.yaml"), (HEAD + body).encode(), SampleCatalogue())


@pytest.mark.parametrize(
    ("body", "first", "last"),
    [
        ("", f"\nconflicts:\n  rules:\n    - {LINE}\n", f"\nconflicts:\n  rules:\n    - {LINE}\n"),
        ("conflicts:\n", f"conflicts:\n  rules:\n    - {LINE}\n", f"conflicts:\n  rules:\n    - {LINE}\n"),
        ("conflicts:\n  rules:\n", f"conflicts:\n  rules:\n    - {LINE}\n", f"conflicts:\n  rules:\n    - {LINE}\n"),
        ("conflicts:\n  rules: []\n", f"conflicts:\n  rules: [{LINE}]\n", f"conflicts:\n  rules: [{LINE}]\n"),
        ("conflicts: {}\n", f"conflicts: {{rules: [{LINE}]}}\n", f"conflicts: {{rules: [{LINE}]}}\n"),
        (
            "conflicts: {rules: [{use: ask_operator}]}\n",
            f"conflicts: {{rules: [{LINE}, {{use: ask_operator}}]}}\n",
            f"conflicts: {{rules: [{{use: ask_operator}}, {LINE}]}}\n",
        ),
        (
            f"conflicts:\n  rules:   # ours\n{TOLD}    # the end\n# eof",
            f"conflicts:\n  rules:   # ours\n    - {LINE}\n{TOLD}    # the end\n# eof",
            f"conflicts:\n  rules:   # ours\n{TOLD}    - {LINE}\n    # the end\n# eof",
        ),
        (
            "conflicts:\n  rules:\n  - use: ask_operator\n    name: x\n",
            f"conflicts:\n  rules:\n  - {LINE}\n  - use: ask_operator\n    name: x\n",
            f"conflicts:\n  rules:\n  - use: ask_operator\n    name: x\n  - {LINE}\n",
        ),
    ],
)
def test_a_rule_is_put_first_or_last_in_the_file_s_own_manner(body: str, first: str, last: str) -> None:
    for at_top, wanted in ((True, first), (False, last)):
        file = opened(body)
        file.insert_rule(RULE, at_top=at_top)
        assert file.text == HEAD + wanted
        rules = file.rules().rules
        assert rules[0 if at_top else -1].name == "title by rule"


def test_line_ends_stay_as_they_are() -> None:
    data = b"syncdeck: 1\r\nconflicts:\r\n  rules:\r\n    - {use: ask_operator}\r\n"
    file = WorkspaceFile(Path("acme/syncdeck.yaml"), data, SampleCatalogue())
    file.insert_rule(RULE, at_top=False)
    assert file.text.count("\r\n") == file.text.count("\n") == 5


def test_a_long_rule_is_spread_over_several_lines() -> None:
    file = opened("")
    file.insert_rule({**RULE, "name": "a name that needs the room of a line for itself", "prefer": []}, at_top=True)
    assert "    - name: a name that needs the room of a line for itself\n      when: " in file.text


@pytest.mark.parametrize("body", ["conflicts: 5\n", "conflicts:\n  rules: yes\n", "conflicts:\n  rules: {a: 1}\n"])
def test_what_is_no_list_of_rules_is_left_to_its_owner(body: str) -> None:
    file = opened(body)
    with pytest.raises(SettingsError):
        file.insert_rule(RULE, at_top=True)
    assert file.text == HEAD + body


def test_a_rule_with_problems_is_told_with_its_place() -> None:
    file = opened("conflicts:\n  rules:\n    - {use: ask_operator}\n")
    file.insert_rule({"use": "coin_toss"}, at_top=False)
    with pytest.raises(SettingsError, match=r"conflicts\.rules\[1\]\.use"):
        file.rules()


@given(st.lists(st.tuples(st.sampled_from(["last_write_wins", "ask_operator"]), st.booleans()), max_size=6))
def test_rules_stand_in_the_order_in_which_they_were_put(puts: list[tuple[str, bool]]) -> None:
    file = opened("adapters: {}\n")
    wanted: list[Any] = []
    for number, (use, at_top) in enumerate(puts):
        rule = {"name": f"rule {number}", "use": use}
        wanted = [rule, *wanted] if at_top else [*wanted, rule]
        file.insert_rule(rule, at_top=at_top)
    assert [(each.name, each.use) for each in file.rules().rules] == [(each["name"], each["use"]) for each in wanted]
