"""The state of the backend and the tabs, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.coordination_keys import COORDINATION_KEYS
from console.presentation.coordination import (
    TABS,
    Glance,
    Link,
    overview_line,
    refused_lines,
    state_lines,
    tab_at,
    tab_line,
)
from console.presentation.spans import plain
from engine.coordination.overview import BackendStanding
from engine.coordination.promises import Promises
from engine.coordination.working.task import TaskCounts

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FAULT = "Redis at 127.0.0.1:6379 refused the connection. Start it, or mend coordination.url."
PROMISES = Promises(
    backend="Redis 7.0.15", reach="all processes that reach this server", shortest_ttl=timedelta(seconds=1),
    crash_seen="within 11.5 s", hang_seen="within 11.5 s",
)  # fmt: skip


def standing(*, up: bool = True) -> BackendStanding:
    return BackendStanding(
        promises=PROMISES, reachable=up, since=NOW - timedelta(seconds=14), fault="" if up else FAULT,
        latency=timedelta(microseconds=340) if up else None,
    )  # fmt: skip


LIVE = Link(following=True, as_of=NOW - timedelta(seconds=4))
GONE = Link(following=False, as_of=NOW - timedelta(seconds=14), gone_since=NOW - timedelta(seconds=14), fault=FAULT)


def said(link: Link, width: int = 78, *, up: bool = True) -> str:
    return " ".join(" ".join(plain(line) for line in state_lines(standing(up=up), link, NOW, width)).split())


def test_a_live_backend_is_named_with_its_latency_and_that_changes_come_by_themselves() -> None:
    assert said(LIVE) == "● live Redis 7.0.15 0.3 ms 0 sessions changes as they happen"
    assert "all processes that reach this server" in said(LIVE, 160)


def test_without_the_feed_of_changes_the_age_is_told_instead() -> None:
    link = Link(following=False, as_of=NOW - timedelta(seconds=4))
    assert said(link) == "○ connecting Redis 7.0.15 0.3 ms 0 sessions as of 4 s ago"


def test_a_backend_that_is_gone_is_told_with_since_when_why_and_what_happens_next() -> None:
    text = said(GONE, up=False)
    assert text.startswith("✗ Redis 7.0.15 is gone for 14 s as of ")
    assert FAULT in text
    assert text.endswith("Below is how it was then. It is tried again by itself; R tries now.")


def test_what_was_never_read_is_not_said_to_stand_below() -> None:
    link = Link(following=False, as_of=None, gone_since=NOW, fault=FAULT)
    assert "nothing was read yet" in said(link, up=False)
    assert "Below" not in said(link, up=False)


def test_no_line_is_longer_than_the_window() -> None:
    for width in (36, 60, 78, 156):
        for link, up in ((LIVE, True), (GONE, False)):
            assert all(len(plain(line)) <= width for line in state_lines(standing(up=up), link, NOW, width))


FULL = Glance(
    locks=12, waiters=3, leaders=2, vacant=1, tasks=TaskCounts(waiting=100, running=4, dead=2), synchronised=False
)


def test_tabs_say_what_is_behind_them_and_which_is_in_front() -> None:
    line = plain(tab_line("tasks", FULL, (), 120))
    assert line == "l Locks 12+3  d Leaders 2 !1  [Tasks 104 ✗2] c Cron  s Keys  o Clock !  m Streams  "


def test_in_a_narrow_window_only_the_names_stay() -> None:
    assert plain(tab_line("tasks", FULL, (), 66)).startswith("l Locks  d Leaders  [Tasks] c Cron")


@pytest.mark.parametrize("width", [66, 120])
def test_each_tab_is_found_where_it_is_drawn(width: int) -> None:
    line = plain(tab_line("locks", FULL, (), width))
    for name, tab in TABS.items():
        assert tab_at("locks", FULL, (), width, line.index(tab.title)) == name
    assert tab_at("locks", FULL, (), width, width) is None


def test_a_tab_that_the_backend_has_nothing_for_is_grey() -> None:
    line = tab_line("locks", Glance(), ("streams",), 120)
    assert {span.role for span in line if "Streams" in span.text} == {"dim"}


def test_the_key_of_a_tab_is_the_one_that_the_keymap_has() -> None:
    keys = {key.action: key.keys for key in COORDINATION_KEYS["coordination"]}
    assert {name: keys[f"tab('{name}')"] for name in TABS} == {name: tab.key for name, tab in TABS.items()}


def test_what_a_backend_cannot_do_is_said_in_its_own_sentence() -> None:
    lines = [plain(line) for line in refused_lines("Streams", "Consul keeps no streams.", "Consul", 60)]
    assert lines == ["Streams: not with Consul", "", "Consul keeps no streams."]


OVERVIEW = {
    "somebody leads": (True, "berlin/991", "coordination  ●  Redis 7.0.15 · 0 sessions · syncs led by berlin/991"),
    "nobody leads": (True, "", "○ nobody leads automatic syncs: start syncdeck serve"),
    "it is gone": (False, "", f"✗ Redis 7.0.15 is gone for 14 s: {FAULT}"),
}


@pytest.mark.parametrize("sentence", OVERVIEW)
def test_the_overview_says_in_a_line(sentence: str) -> None:
    up, leader, expected = OVERVIEW[sentence]
    told = plain(overview_line(standing(up=up), leader, NOW, 160))
    assert " ".join(expected.split()) in " ".join(told.split())
