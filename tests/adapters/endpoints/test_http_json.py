"""What is peculiar to REST collections that settings describe."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.answers import Answer
from adapters.endpoints.http_json import HttpJson, chosen
from adapters.endpoints.rest_calls import Call, Lookup
from adapters.endpoints.rest_verdicts import verdict
from engine.errors import IncompleteRead, RemoteRefused
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Miss, Outcome, Result
from engine.reconcile.records import Batch, fold
from tests.contracts.sandbox import Surroundings
from tests.servers.http import Asked, Given, LocalServer, json_answer

LIST = {"path": "/members", "key": "email", "id": "id"}


@asynccontextmanager
async def collection(answer: Callable[[Asked], Given], **settings: Any) -> AsyncIterator[tuple[HttpJson, LocalServer]]:
    """Yield an endpoint on a server that answers so."""
    with LocalServer(answer).running() as server:
        given = {"base_url": server.url, "list": LIST, **settings}
        endpoint = HttpJson(msgspec.convert(given, HttpJson.Settings), Surroundings(Path()))
        async with endpoint:
            yield endpoint, server


def change(action: Action, spelling: str, native_id: str = "", after: dict[str, Any] | None = None) -> Change:
    return Change(action=action, key=fold(spelling), spelling=spelling, native_id=native_id, after=after)


def results(outcomes: Sequence[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


async def read(endpoint: HttpJson) -> list[Batch]:
    return [batch async for batch in endpoint.read()]


async def test_without_calls_to_change_it_a_collection_can_only_be_read() -> None:
    async with collection(lambda asked: json_answer([])) as (endpoint, server):
        assert endpoint.limits.actions == frozenset()
        [outcome] = await endpoint.write([change(Action.ADD, "a@x")])
        assert outcome.result is Result.REFUSED
        assert server.asked == []


async def test_a_member_without_a_key_is_carried_and_does_not_swallow_the_next() -> None:
    items = [
        {"id": 1, "email": "a@x"},
        {"id": 2, "email": None, "name": "Bot", "kind": "Bot"},
        {"id": 3, "email": "", "name": "Guest"},
        {"id": 4, "email": "b@x"},
    ]
    listing = {**LIST, "kind": "kind", "label": "name"}
    async with collection(lambda asked: json_answer(items), list=listing) as (endpoint, _):
        [batch] = await read(endpoint)
    assert dict(zip(batch.spellings, batch.native_ids, strict=True)) == {"a@x": "1", "b@x": "4"}
    assert [(each.label, each.kind, each.native_id) for each in batch.carried] == [
        ("Bot", "bot", "2"),
        ("Guest", "unresolved", "3"),
    ]


async def test_an_open_invitation_is_pending_and_nobody_is_invited_twice() -> None:
    items = [{"id": 1, "email": "A@x", "state": "invited"}, {"id": 2, "email": "b@x", "state": "active"}]
    listing = {**LIST, "pending": "state == 'invited'"}
    async with collection(lambda asked: json_answer(items), list=listing) as (endpoint, _):
        [batch] = await read(endpoint)
        looked_up = await endpoint.resolve(["a@x", "c@x"])
    assert list(batch.spellings) == ["b@x"]
    assert [(each.label, each.kind) for each in batch.carried] == [("A@x", "pending")]
    assert isinstance(looked_up["a@x"], Miss)
    assert "invited already" in looked_up["a@x"].reason
    assert looked_up["c@x"] == Found()


async def test_a_member_on_two_numbered_pages_means_that_the_list_moved() -> None:
    pages = iter([[{"id": 1, "email": "a@x"}, {"id": 2, "email": "b@x"}], [{"id": 2, "email": "b@x"}], []])
    listing = {**LIST, "page": {"style": "page"}}
    async with collection(lambda asked: json_answer(next(pages)), list=listing) as (endpoint, _):
        with pytest.raises(IncompleteRead, match="stands on two pages"):
            await read(endpoint)


LOOKUP = msgspec.convert({"path": "/people", "query": {"q": "{key}"}, "key": "email", "id": "id"}, Lookup)
ALIASED = msgspec.structs.replace(LOOKUP, aliases="aliases")
ADA, ADAM = {"id": 1, "email": "Ada@x", "aliases": ["countess@x"]}, {"id": 2, "email": "adam@x"}

HITS: dict[str, tuple[Lookup, str, list[Any], Found | None]] = {
    "nobody": (LOOKUP, "ada@x", [], None),
    "one": (LOOKUP, "ada@x", [ADA], Found(native_id="1", spelling="Ada@x")),
    "a fuzzy search found another person": (LOOKUP, "ada@x", [ADAM], None),
    "a fuzzy search found both": (LOOKUP, "ada@x", [ADAM, ADA], Found(native_id="1", spelling="Ada@x")),
    "two of one key": (LOOKUP, "ada@x", [ADA, {**ADA, "id": 3}], None),
    "an alias answers its primary key": (ALIASED, "Countess@x", [ADA], Found(native_id="1", spelling="Ada@x")),
    "an alias that the settings do not know is nobody": (LOOKUP, "countess@x", [ADA], None),
}


@pytest.mark.parametrize("what", HITS)
def test_a_look_up_found(what: str) -> None:
    lookup, asked, hits, wanted = HITS[what]
    found = chosen(lookup, asked, hits)
    assert found == wanted if wanted else isinstance(found, Miss)


async def test_look_ups_are_matched_by_what_was_asked_and_not_by_their_place() -> None:
    people = {"a@x": [{"id": 1, "email": "a@x"}], "c@x": [{"id": 3, "email": "c@x"}]}
    lookup = {"path": "/people", "query": {"q": "{key}"}, "key": "email", "id": "id"}
    async with collection(lambda asked: json_answer(people.get(asked.query["q"], [])), lookup=lookup) as (endpoint, _):
        found = await endpoint.resolve(["a@x", "b@x", "c@x"])
    assert [getattr(found[name], "native_id", "missed") for name in ("a@x", "b@x", "c@x")] == ["1", "missed", "3"]


VERDICTS: dict[str, tuple[Action, int, Any, Result]] = {
    "created": (Action.ADD, 201, {}, Result.DONE),
    "a conflict is there already": (Action.ADD, 409, {}, Result.ALREADY),
    "so is an error of these words": (Action.ADD, 400, {"message": "User is ALREADY a member"}, Result.ALREADY),
    "a conflict is no success for a removal": (Action.REMOVE, 409, {}, Result.REFUSED),
    "gone": (Action.REMOVE, 204, None, Result.DONE),
    "was gone already": (Action.REMOVE, 404, {}, Result.ALREADY),
    "nobody to change": (Action.UPDATE, 404, {}, Result.REFUSED),
    "an error inside a 200": (Action.ADD, 200, {"ok": False, "error": "restricted_action"}, Result.REFUSED),
    "already there inside a 200": (Action.ADD, 200, {"ok": False, "error": "already a member"}, Result.ALREADY),
    "accepted, which the settings do not list": (Action.ADD, 202, {}, Result.UNKNOWN),
    "invalid": (Action.ADD, 422, {"message": "no such user"}, Result.REFUSED),
}


@pytest.mark.parametrize("what", VERDICTS)
def test_an_answer_means(what: str) -> None:
    action, status, data, wanted = VERDICTS[what]
    call = Call(path="/members", already_when="already a member", error="error")
    text = msgspec.json.encode(data).decode() if data else ""
    answer = Answer(status=status, headers={"content-type": "application/json"}, text=text, data=data)
    assert verdict(call, action, answer).result is wanted


async def test_every_item_of_a_batch_gets_an_outcome_of_its_own() -> None:
    told = {"results": [{"email": "c@x", "error": "restricted_action"}, {"email": "a@x", "error": None}]}
    add = {
        "path": "/members",
        "body": {"emails": "{keys}"},
        "results": {"items": "results", "key": "email", "failed": "error"},
    }
    async with collection(lambda asked: json_answer(told), add=add, batch=10) as (endpoint, _):
        outcomes = await endpoint.write([change(Action.ADD, name) for name in ("a@x", "b@x", "c@x")])
    assert results(outcomes) == [Result.DONE, Result.UNKNOWN, Result.REFUSED]
    assert "restricted_action" in outcomes[2].reason


async def test_one_culprit_does_not_stop_the_others_of_its_batch() -> None:
    def picky(asked: Asked) -> Given:
        return json_answer({}, 422) if "bad@x" in asked.json["emails"] else Given(204)

    people = ["a@x", "b@x", "bad@x", "c@x"]
    add = {"path": "/members", "body": {"emails": "{keys}"}}
    async with collection(picky, add=add, batch=10) as (endpoint, _):
        outcomes = await endpoint.write([change(Action.ADD, name) for name in people])
    assert results(outcomes) == [Result.REFUSED if name == "bad@x" else Result.DONE for name in people]


async def test_a_key_with_a_slash_an_apostrophe_and_a_question_mark_stays_one_segment() -> None:
    remove = {"method": "DELETE", "path": "/members/{key}"}
    async with collection(lambda asked: Given(204), remove=remove) as (endpoint, server):
        await endpoint.write([change(Action.REMOVE, "o'brien/../?all=1@x")])
        assert server.asked[0].target == "/members/o%27brien%2F..%2F%3Fall%3D1%40x"


async def test_a_removal_that_would_name_the_whole_collection_is_never_sent() -> None:
    remove = {"method": "DELETE", "path": "/members/{key}"}
    answer = json_answer([{"id": 1, "email": "a@x"}])
    async with collection(lambda asked: answer, remove=remove) as (endpoint, server):
        outcomes = [
            *await endpoint.write([change(Action.REMOVE, ".")]),
            *await endpoint.write([change(Action.REMOVE, "..")]),
        ]
        assert results(outcomes) == [Result.REFUSED, Result.REFUSED]
        assert not [asked for asked in server.asked if asked.writes]


async def test_an_update_leaves_out_what_the_sync_does_not_map() -> None:
    listing = {**LIST, "attributes": {"name": "name", "title": "title"}}
    update = {"method": "PATCH", "path": "/members/{id}", "body": {"name": "{name}", "title": "{title}"}}
    async with collection(lambda asked: json_answer({}), list=listing, update=update) as (endpoint, server):
        await endpoint.write([change(Action.UPDATE, "a@x", "7", {"name": "Ann"})])
        assert (server.asked[0].path, server.asked[0].json) == ("/members/7", {"name": "Ann"})


async def test_a_collection_that_is_gone_is_not_taken_for_a_member_who_is() -> None:
    remove = {"method": "DELETE", "path": "/members/{key}"}
    async with collection(lambda asked: json_answer({"message": "no such team"}, 404), remove=remove) as (endpoint, _):
        with pytest.raises(RemoteRefused, match="no such team"):
            await endpoint.write([change(Action.REMOVE, "a@x")])


async def test_a_403_that_the_settings_do_not_speak_of_is_a_missing_right() -> None:
    add = {"path": "/members", "body": {"email": "{key}"}, "already_when": "already"}
    async with collection(lambda asked: json_answer({"message": "forbidden"}, 403), add=add) as (endpoint, _):
        with pytest.raises(RemoteRefused, match="lack the right to add members"):
            await endpoint.write([change(Action.ADD, "a@x")])


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a placeholder that nothing fills": ({"add": {"path": "/members/{mail}"}}, "nothing is known for"),
    "a call that changes something by GET": ({"remove": {"path": "/x", "method": "GET"}}, "cannot be GET"),
    "a batch that the body has no place for": ({"add": {"path": "/m", "body": {"e": "{key}"}}, "batch": 5}, "no place"),
    "a look-up of nobody in particular": ({"lookup": {"path": "/people", "key": "email"}}, "nobody in particular"),
    "a broken regular expression": ({"add": {"path": "/m", "already_when": "("}}, "no regular expression"),
    "an unknown setting": ({"ad": {}}, "unknown field"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_the_settings_refuse(what: str) -> None:
    changes, words = FAULTS[what]
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert({"base_url": "https://x", "list": LIST, **changes}, HttpJson.Settings)
