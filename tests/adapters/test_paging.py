"""Pages: every style reaches the end, and nothing that goes in circles or does not add up passes for complete."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.answers import Request
from adapters.paging import Listing, next_link, pages
from engine.errors import IncompleteRead, RemoteRefused
from tests.adapters.calling import Asked, Given, calling, json_answer
from tests.servers.collection import Collection

STYLES = ("cursor", "next_url", "link", "page", "offset")


async def read(application: Any, **listing: Any) -> tuple[list[Any], str]:
    """Return all items of a list and the proof."""
    wanted = msgspec.convert({"items": "items", **listing}, Listing)
    items: list[Any] = []
    proof = ""
    auth = {"kind": "bearer", "token": "env:SANDBOX"}
    async with calling(application, auth=auth) as (client, _):
        async for page in pages(client, Request(path="teams/eng/members"), wanted, needs="read"):
            items += page.items
            proof = page.proof
    return items, proof


@pytest.mark.parametrize("total", [{}, {"total": "total"}], ids=["untold", "told"])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 30, 35])
@pytest.mark.parametrize("style", STYLES)
async def test_every_item_is_read_and_the_end_is_proven(style: str, count: int, total: dict[str, str]) -> None:
    collection = Collection(style, page_size=10)
    collection.members = [{"id": f"{number}"} for number in range(count)]
    items, proof = await read(collection, page={"style": style}, **total)
    assert [item["id"] for item in items] == [f"{number}" for number in range(count)]
    assert f"{count} items" in proof


@pytest.mark.parametrize("style", STYLES)
async def test_fewer_items_than_the_service_counts_are_an_incomplete_read(style: str) -> None:
    collection = Collection(style, page_size=10)
    collection.members = [{"id": f"{number}"} for number in range(25)]
    collection.cut_short = True
    with pytest.raises(IncompleteRead, match="the service counts 25"):
        await read(collection, page={"style": style}, total="total")


async def test_a_total_in_a_header_counts_too() -> None:
    with pytest.raises(IncompleteRead, match="counts 3"):
        await read(lambda asked: json_answer({"items": [1, 2]}, x_total_count="3"), total_header="X-Total-Count")


async def test_a_cursor_that_comes_twice_is_a_circle() -> None:
    numbers = iter(range(1_000))

    def circle(asked: Asked) -> Given:
        return json_answer({"items": [next(numbers)], "next_cursor": "again"})

    with pytest.raises(IncompleteRead, match="in circles"):
        await read(circle, page={"style": "cursor"})


async def test_next_links_without_an_end_are_found_out_by_what_they_lead_to() -> None:
    numbers = iter(range(100_000))

    def endless(asked: Asked) -> Given:
        return json_answer({"items": ["the same"]}, link=f'</teams/eng/members?after={next(numbers)}>; rel="next"')

    with pytest.raises(IncompleteRead, match="very items of an earlier page"):
        await read(endless, page={"style": "link"})


async def test_empty_pages_without_an_end_are_found_out() -> None:
    numbers = iter(range(1, 100_000))

    def endless(asked: Asked) -> Given:
        return json_answer({"items": [], "next_cursor": next(numbers)})

    with pytest.raises(IncompleteRead, match="empty pages in a row"):
        await read(endless, page={"style": "cursor"})


async def test_a_service_that_ignores_the_page_number_is_found_out() -> None:
    with pytest.raises(IncompleteRead, match="ignored"):
        await read(lambda asked: json_answer({"items": [1, 2]}), page={"style": "page"})


async def test_a_next_link_to_another_origin_is_not_followed() -> None:
    async with calling(lambda asked: json_answer({"items": []})) as (_, other):

        def elsewhere(asked: Asked) -> Given:
            return json_answer({"items": [1]}, link=f'<{other.url}/more>; rel="next"')

        with pytest.raises(RemoteRefused, match="not the origin"):
            await read(elsewhere, page={"style": "link"})
        assert other.asked == []


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": {"a": 1}}, []], ids=str)
async def test_an_answer_without_a_list_is_no_empty_list(body: Any) -> None:
    with pytest.raises(IncompleteRead, match="holds no list"):
        await read(lambda asked: json_answer(body))


async def test_an_error_inside_a_200_is_an_error() -> None:
    with pytest.raises(RemoteRefused, match="missing_scope"):
        await read(lambda asked: json_answer({"ok": False, "error": "missing_scope", "items": []}), error="error")


async def test_the_service_may_say_that_nothing_follows() -> None:
    items, proof = await read(
        lambda asked: json_answer({"items": [1, 2], "more": False}), page={"style": "offset", "more": "more"}
    )
    assert items == [1, 2]
    assert "nothing follows" in proof


LINKS = {
    "one link": ('<https://a/x?p=2>; rel="next"', "https://a/x?p=2"),
    "several in one header": ('<https://a/1>; rel="prev", <https://a/3>; rel="next"', "https://a/3"),
    "a comma within the address": ('<https://a/x?ids=1,2>; rel="next"', "https://a/x?ids=1,2"),
    "several relations at once": ('<https://a/3>; rel="last next"', "https://a/3"),
    "without quotes": ("<https://a/3>; rel=next", "https://a/3"),
    "other parameters first": ('<https://a/3>; title="a; b, c"; rel="next"', "https://a/3"),
    "no next": ('<https://a/1>; rel="prev"', ""),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("what", LINKS)
def test_the_link_header(what: str) -> None:
    header, target = LINKS[what]
    assert next_link(header) == target


@given(header=st.text(alphabet='<>;,="\\ relnxt/?', max_size=80))
def test_no_link_header_makes_it_fail(header: str) -> None:
    assert isinstance(next_link(header), str)
