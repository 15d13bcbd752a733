"""Events as lines, and one event in full, whatever is in it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.presentation.ages import TimeStyle
from console.presentation.events import event_detail, event_line, json_lines, line_of, speaks_of, summary, time_cell
from console.presentation.spans import plain, width_of
from tests.doubles.event_pages import event

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_a_line_keeps_little_of_a_large_event() -> None:
    kept = line_of(event(7, data={"body": "x" * 10_000_000, "rest": {"a": 1}}))
    assert len(kept.summary) < 1_000


def test_plain_values_are_told_and_large_ones_counted() -> None:
    assert summary({"item": "ann", "n": 3, "ok": True, "tags": [1, 2], "who": {"a": 1}}) == (
        "item=ann n=3 ok=true tags=[2] who={1}"
    )


@pytest.mark.parametrize("width", [60, 78, 118, 196])
def test_columns_stand_under_one_another_in_any_script(width: int) -> None:
    plain_one = line_of(event(1, "run.item.done", "run:1"))
    wide_one = line_of(event(2, "実行.完了", "計画:東京", metadata={"actor": "山田"}))
    lines = [event_line(one, width, TimeStyle.UTC, NOW) for one in (plain_one, wide_one)]
    ends = [width_of(line[:-1]) for line in lines]
    assert ends[0] == ends[1]


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
    "neither": ({}, "adapter:people", None),
}


@pytest.mark.parametrize(("metadata", "aggregate", "link"), LINKS.values(), ids=LINKS)
def test_an_event_leads_to_its_run_or_plan(
    metadata: dict[str, object], aggregate: str, link: tuple[str, str] | None
) -> None:
    assert speaks_of(event(1, aggregate_id=aggregate, metadata=metadata)) == link


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
