"""Events as lines, and one event in full, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from console.presentation.ages import TimeStyle
from console.presentation.event_sentences import named_values
from console.presentation.events import (
    event_detail,
    event_line,
    heading,
    json_lines,
    leads_to,
    line_of,
    no_lead,
    speaks_of,
    time_cell,
)
from console.presentation.spans import Line, plain, width_of
from engine.events.event import Dot, Origin
from tests.doubles.event_pages import event

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_a_line_keeps_little_of_a_large_event() -> None:
    kept = line_of(event(7, data={"body": "x" * 10_000_000, "rest": {"a": 1}}))
    assert len(kept.summary) < 1_000


def test_plain_values_are_told_and_large_ones_counted() -> None:
    assert named_values({"item": "ann", "n": 3, "ok": True, "tags": [1] * 9, "who": {"a": 1}}) == (
        "item=ann n=3 ok=true tags=[9 items] who={1}"
    )


@pytest.mark.parametrize("nodes", [False, True], ids=["one node", "several"])
@pytest.mark.parametrize("width", [60, 78, 118, 196])
def test_columns_stand_under_one_another_in_any_script(width: int, nodes: bool) -> None:
    plain_one = line_of(event(1, "run.item.done", "run:1"))
    wide_one = line_of(event(2, "実行.完了", "計画:東京", metadata={"actor": "山田"}, origin="東京-1~00000001"))
    lines = [event_line(one, width, TimeStyle.UTC, NOW, nodes=nodes) for one in (plain_one, wide_one)]
    ends = [width_of(line[:-1]) for line in lines]
    assert ends[0] == ends[1]
    titles = plain(heading(width, nodes=nodes))
    assert width_of(lines[0][:-1]) == titles.index("what") - 2
    assert ("node" in titles) is nodes
    assert titles.index("what") < width - (18 if width > 70 else 8), "the words have room"


def test_where_it_is_narrow_the_node_stands_where_who_stood() -> None:
    one = line_of(event(1, origin="hamburg~00000001", metadata={"actor": "ann@desk"}))
    assert "ann@desk" in plain(event_line(one, 78, TimeStyle.UTC, NOW))
    several = plain(event_line(one, 78, TimeStyle.UTC, NOW, nodes=True))
    assert "hamburg" in several
    assert "ann@desk" not in several


def test_escape_sequences_in_data_are_shown_and_not_sent() -> None:
    line = event_line(line_of(event(1, data={"name": "\x1b[2J[red]x"})), 100, TimeStyle.UTC, NOW)
    assert "name=\\x1b[2J[red]x" in plain(line)


def test_times_have_three_styles() -> None:
    at = int(datetime(2026, 3, 2, 8, 59, 30, 250_000, tzinfo=UTC).timestamp() * 1000)
    assert time_cell(at, TimeStyle.UTC, NOW) == "08:59:30.250"
    assert time_cell(at, TimeStyle.AGE, NOW) == "29 s ago"
    assert [TimeStyle.LOCAL.following, TimeStyle.UTC.following, TimeStyle.AGE.following] == [
        TimeStyle.UTC,
        TimeStyle.AGE,
        TimeStyle.LOCAL,
    ]


LINKS = {
    "metadata names a run": ({"run": 12}, "plan:aa", ("run", "12")),
    "metadata names a plan": ({"plan": "3f2a"}, "target:list", ("plan", "3f2a")),
    "the aggregate is a run": ({}, "run:9", ("run", "9")),
    "metadata names a conflict": ({"conflict": "3f2a91"}, "user:ann", ("conflict", "3f2a91")),
    "the aggregate is a conflict": ({}, "conflict:3f2a91", ("conflict", "3f2a91")),
    "neither": ({}, "adapter:people", None),
}


@pytest.mark.parametrize(("metadata", "aggregate", "link"), LINKS.values(), ids=LINKS)
def test_an_event_leads_to_its_run_plan_or_conflict(
    metadata: dict[str, object], aggregate: str, link: tuple[str, str] | None
) -> None:
    assert speaks_of(event(1, aggregate_id=aggregate, metadata=metadata)) == link


def test_another_node_s_run_is_not_taken_for_the_one_of_that_number_here() -> None:
    theirs = event(1, "run.started", "run:12", origin="hamburg~00000001")
    assert leads_to(theirs, "desk") is None
    assert leads_to(theirs, "hamburg") == ("run", "12")
    assert no_lead(theirs) == "Run 12 is one of hamburg: look there."
    assert "Run 12 is one of hamburg: look there." in text_of(event_detail(theirs, 80, node="desk"))
    assert "o opens run 12" in text_of(event_detail(theirs, 80, node="hamburg"))


def test_a_conflict_is_the_same_on_every_node() -> None:
    theirs = event(1, "conflict.resolved", "user:ann", metadata={"conflict": "3f2a91"}, origin="hamburg~00000001")
    assert leads_to(theirs, "desk") == ("conflict", "3f2a91")


def text_of(lines: Sequence[Line]) -> str:
    return "\n".join(plain(line) for line in lines)


PAYLOADS = {
    "null": None, "a text": "gone", "a number": 7, "false": False, "a list": [1, 2], "nothing": {}, "a patch": {"a": 1},
    "deep": {"a": {"b": {"c": None}}}, "a list of objects": [{"a": 1}],
}  # fmt: skip


@pytest.mark.parametrize("redacted", [False, True])
@pytest.mark.parametrize("aggregate", ["user:ann", "run:12", "conflict:3f"])
@pytest.mark.parametrize("kind", ["user.changed", "run.started", "peer.synced", "conflict.resolved", "event.redacted"])
@pytest.mark.parametrize("data", PAYLOADS.values(), ids=PAYLOADS)
def test_whatever_json_an_event_holds_it_is_a_line_and_a_detail(
    data: object, kind: str, aggregate: str, redacted: bool
) -> None:
    one = event(1, kind, aggregate, data if not redacted else {}, {}, redacted=redacted)
    assert redacted == line_of(one).summary.startswith("redacted: ")
    assert text_of(event_detail(one, 80, node="desk", heads=[one.dot]))


def test_the_detail_tells_dot_context_heads_chain_and_redaction() -> None:
    context = {"desk~00000001": 7, "hamburg~00000001": 3}
    one = event(9, "user.changed", "user:ann", {"title": "Lead"}, seq=4, origin="hamburg~00000001", context=context)
    heads = [one.dot, Dot(Origin("desk~00000001"), 8)]
    text = text_of(event_detail(one, 100, node="desk", heads=heads))
    assert "hamburg~00000001#4, number 9 here" in text
    assert "knew desk~00000001#7, hamburg~00000001#3" in text
    assert "one of 2 heads" in text
    assert "chain 000" in text
    assert "no head: later events know it" in text_of(event_detail(one, 100, heads=heads[1:]))
    gone = event(9, "user.changed", "user:ann", {}, {}, redacted=True)
    assert "payload was redacted" in text_of(event_detail(gone, 100))


def test_the_detail_shows_everything_as_json_of_the_panel_s_width() -> None:
    one = event(
        1, data={"item": "list/add/ann", "deep": {"list": [1, None, "x" * 100]}}, metadata={"actor": "a", "run": 3}
    )
    lines = event_detail(one, 40)
    text = "\n".join(plain(line) for line in lines)
    assert '"item": "list/add/ann"' in text
    assert "o opens run 3" in text
    assert all(width_of(line) <= 60 for line in lines)


def test_ten_megabytes_are_cut_with_their_size_named() -> None:
    text = "\n".join(plain(line) for line in json_lines({"blob": "y" * 10_000_000}, 80))
    assert "(10,000,000 characters in all)" in text
    assert len(text) < 20_000


def test_a_list_of_a_hundred_thousand_is_counted() -> None:
    assert "100,000 in all" in "\n".join(plain(line) for line in json_lines(list(range(100_000)), 80))
