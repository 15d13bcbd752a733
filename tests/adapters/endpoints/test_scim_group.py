"""What is peculiar to SCIM groups, on scim2-server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.answers import Answer
from adapters.endpoints.scim_group import ScimGroup
from adapters.endpoints.scim_protocol import Announced, announced, removal, user_filter, verdict, words
from adapters.endpoints.scim_settings import Removal, ScimKey, ScimSettings
from engine.errors import IncompleteRead, RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Miss, Outcome, Result
from engine.reconcile.records import Batch, fold
from tests.contracts.sandbox import Surroundings
from tests.servers.http import Application, Asked, Given, LocalServer, json_answer
from tests.servers.scim import Directory


class Scene:
    """A server with a directory, and endpoints on its group `eng`."""

    def __init__(self, server: LocalServer, directory: Directory) -> None:
        self.server = server
        self.directory = directory
        self.users = {name: directory.create("User", **fields) for name, fields in USERS.items()}
        self.group = directory.create("Group", displayName="eng", members=[{"value": self.users["ann"]}])

    def endpoint(self, **changes: Any) -> ScimGroup:
        settings = {"base_url": f"{self.server.url}/v2", "token": "env:SANDBOX", "group": "eng", **changes}
        return ScimGroup(msgspec.convert(settings, ScimSettings), Surroundings(Path()))

    @property
    def members(self) -> list[str]:
        return self.directory.members(self.group)

    def patches(self) -> list[Any]:
        return [asked.json["Operations"] for asked in self.server.asked if asked.method == "PATCH"]


USERS: dict[str, dict[str, Any]] = {
    "ann": {
        "userName": "Ann@acme.org",
        "displayName": "Ann",
        "emails": [
            {"value": "alias@acme.org", "type": "home"},
            {"value": "ann@acme.org", "type": "work", "primary": True},
        ],
    },
    "bob": {"userName": "o'brien@acme.org", "emails": [{"value": "bob@acme.org"}]},
    "gone": {"userName": "gone@acme.org", "active": False},
    "quoted": {"userName": 'we"ird\\@acme.org'},
}


@contextmanager
def scene(*, cursor: bool = False) -> Iterator[Scene]:
    directory = Directory(cursor=cursor)
    with LocalServer(directory).running() as server:
        yield Scene(server, directory)


@pytest.fixture
async def acme() -> AsyncIterator[Scene]:
    with scene() as made:
        yield made


def change(action: Action, spelling: str, native_id: str = "") -> Change:
    return Change(action=action, key=fold(spelling), spelling=spelling, native_id=native_id)


def results(outcomes: Sequence[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


async def read(group: ScimGroup) -> Batch:
    [batch] = [batch async for batch in group.read()]
    return batch


async def test_a_group_is_found_by_its_name_and_by_its_id(acme: Scene) -> None:
    for name in ("eng", "ENG", acme.group):
        async with acme.endpoint(group=name) as group:
            assert list((await read(group)).spellings) == ["Ann@acme.org"]


async def test_two_groups_of_one_name_are_refused_with_their_ids(acme: Scene) -> None:
    twin = acme.directory.create("Group", displayName="eng")
    with pytest.raises(RemoteRefused, match="2 groups are called eng") as caught:
        async with acme.endpoint():
            pass
    assert twin in str(caught.value)


async def test_people_may_be_compared_by_their_primary_address(acme: Scene) -> None:
    async with acme.endpoint(key="email", attributes=["displayName"]) as group:
        batch = await read(group)
        found = await group.resolve(["ALIAS@acme.org", "bob@acme.org", "nobody@acme.org"])
    assert list(batch.spellings) == ["ann@acme.org"]
    assert list(batch.rows) == [("Ann",)]
    assert found["ALIAS@acme.org"] == Found(native_id=acme.users["ann"], spelling="ann@acme.org")
    assert isinstance(found["bob@acme.org"], Found)
    assert isinstance(found["nobody@acme.org"], Miss)


async def test_an_apostrophe_a_quote_and_a_backslash_are_looked_up_as_they_are(acme: Scene) -> None:
    async with acme.endpoint() as group:
        found = await group.resolve(["O'BRIEN@acme.org", 'we"ird\\@acme.org', 'x" or userName pr or userName eq "'])
    assert [type(hit) for hit in found.values()] == [Found, Found, Miss]


async def test_a_deactivated_user_is_a_miss_that_says_so(acme: Scene) -> None:
    async with acme.endpoint() as group:
        miss = (await group.resolve(["gone@acme.org"]))["gone@acme.org"]
    assert isinstance(miss, Miss)
    assert "deactivated" in miss.reason


async def test_a_removal_names_each_member_and_never_all(acme: Scene) -> None:
    async with acme.endpoint() as group:
        await group.write([change(Action.ADD, "bob", acme.users["bob"])])
        await group.write(
            [change(Action.REMOVE, "ann", acme.users["ann"]), change(Action.REMOVE, "gone", acme.users["gone"])]
        )
    assert acme.members == [acme.users["bob"]]
    operations = acme.patches()[-1]
    assert [operation["path"] for operation in operations] == [
        f'members[value eq "{acme.users[name]}"]' for name in ("ann", "gone")
    ]


@pytest.mark.parametrize("style", Removal)
@pytest.mark.parametrize("ids", [[], [""], ["a", ""]], ids=str)
def test_a_removal_that_would_empty_the_group_cannot_be_made(style: Removal, ids: list[str]) -> None:
    with pytest.raises(ValueError, match="would empty the group"):
        removal(ids, style)


async def test_a_service_that_refuses_the_standard_form_says_which_setting_to_use(acme: Scene) -> None:
    refuse = json_answer({"scimType": "invalidPath", "detail": "no filters in paths", "status": "400"}, 400)
    acme.server.mischief = _on_patch(lambda asked: refuse)
    async with acme.endpoint() as group:
        [outcome] = await group.write([change(Action.REMOVE, "ann", acme.users["ann"])])
    assert outcome.result is Result.REFUSED
    assert "removal: values" in outcome.reason
    assert acme.members == [acme.users["ann"]]
    assert len(acme.patches()) == 1


async def test_with_removal_by_values_the_members_stand_in_the_value(acme: Scene) -> None:
    acme.server.mischief = _on_patch(lambda asked: Given(204))
    async with acme.endpoint(removal="values") as group:
        await group.write([change(Action.REMOVE, "ann", acme.users["ann"])])
    assert acme.patches() == [[{"op": "remove", "path": "members", "value": [{"value": acme.users["ann"]}]}]]


async def test_no_target_means_that_the_member_is_gone_already(acme: Scene) -> None:
    nobody = json_answer({"scimType": "noTarget", "status": "400"}, 400)
    acme.server.mischief = _on_patch(lambda asked: nobody)
    async with acme.endpoint() as group:
        outcomes = await group.write([change(Action.REMOVE, name, acme.users[name]) for name in ("ann", "bob")])
    assert results(outcomes) == [Result.ALREADY, Result.ALREADY]


async def test_a_change_by_somebody_else_in_between_is_seen_and_the_change_made_on_top_of_it(acme: Scene) -> None:
    meanwhile = iter([acme.users["gone"]])

    def interfere(asked: Asked, application: Application) -> Given:
        if asked.method == "PATCH" and (other := next(meanwhile, "")):
            acme.directory.set_members(acme.group, [*acme.members, other])
        return application(asked)

    acme.server.mischief = interfere
    async with acme.endpoint() as group:
        outcomes = await group.write([change(Action.ADD, "bob", acme.users["bob"])])
    assert results(outcomes) == [Result.DONE]
    assert set(acme.members) == {acme.users[name] for name in ("ann", "gone", "bob")}
    assert len(acme.patches()) == 2


async def test_a_group_that_never_holds_still_is_left_for_later(acme: Scene) -> None:
    acme.server.mischief = _on_patch(lambda asked: json_answer({"status": "412"}, 412))
    async with acme.endpoint() as group:
        with pytest.raises(RemoteUnavailable, match="somebody else changed the group"):
            await group.write([change(Action.ADD, "bob", acme.users["bob"])])


async def test_a_member_who_is_there_already_is_not_sent_again(acme: Scene) -> None:
    async with acme.endpoint() as group:
        outcomes = await group.write([change(Action.ADD, name, acme.users[name]) for name in ("ann", "bob")])
    assert results(outcomes) == [Result.ALREADY, Result.DONE]
    assert acme.members.count(acme.users["ann"]) == 1


async def test_nested_groups_and_unknown_ids_are_carried(acme: Scene) -> None:
    nested = acme.directory.create("Group", displayName="nested")
    acme.directory.set_members(acme.group, [acme.users["ann"], nested, "nobody-knows-me"])
    async with acme.endpoint() as group:
        batch = await read(group)
    assert list(batch.spellings) == ["Ann@acme.org"]
    assert {carried.native_id: carried.kind for carried in batch.carried} == {
        nested: "group",
        "nobody-knows-me": "unresolved",
    }


async def test_a_user_without_an_address_is_carried_when_addresses_are_compared(acme: Scene) -> None:
    acme.directory.set_members(acme.group, [acme.users["ann"], acme.users["quoted"]])
    async with acme.endpoint(key="email") as group:
        batch = await read(group)
    assert list(batch.spellings) == ["ann@acme.org"]
    assert [carried.native_id for carried in batch.carried] == [acme.users["quoted"]]


@pytest.mark.parametrize("cursor", [False, True], ids=["by index", "by cursor"])
async def test_users_are_swept_to_the_last_page(cursor: bool) -> None:
    with scene(cursor=cursor) as acme:
        people = {f"p{n}@acme.org": acme.directory.create("User", userName=f"p{n}@acme.org") for n in range(25)}
        acme.directory.set_members(acme.group, list(people.values()))
        async with acme.endpoint(page_size=4) as group:
            assert set((await read(group)).spellings) == set(people)
        asked = [each.query for each in acme.server.asked if each.path == "/v2/Users"]
        assert len(asked) > 5
        assert all(("cursor" in query) is cursor for query in asked)


async def test_ten_thousand_members_are_read_which_takes_this_server_several_seconds() -> None:
    with scene(cursor=True) as acme:
        people = {f"p{n}@acme.org": acme.directory.create("User", userName=f"p{n}@acme.org") for n in range(10_000)}
        acme.directory.set_members(acme.group, list(people.values()))
        async with acme.endpoint(page_size=1_000, timeout_seconds=60) as group:
            batch = await read(group)
    assert dict(zip(batch.spellings, batch.native_ids, strict=True)) == people


async def test_a_version_that_a_lagging_read_tells_does_not_stop_a_change_for_ever(acme: Scene) -> None:
    path = f"/v2/Groups/{acme.group}"
    stale: list[Given] = []

    def lagging(asked: Asked, application: Application) -> Given:
        if asked.method != "GET" or asked.path != path:
            return application(asked)
        stale.append(stale[0] if stale else application(asked))
        return stale[0]

    async with acme.endpoint(group=acme.group) as group:
        acme.server.mischief = lagging
        first = await group.write([change(Action.ADD, "bob", acme.users["bob"])])
        second = await group.write([change(Action.ADD, "gone", acme.users["gone"])])
    assert results([*first, *second]) == [Result.DONE, Result.DONE]
    assert set(acme.members) == {acme.users[name] for name in ("ann", "bob", "gone")}


async def test_a_user_on_two_pages_means_that_the_list_moved(acme: Scene) -> None:
    double = {"id": "u1", "userName": "a@acme.org"}
    pages = iter([[double, {"id": "u2", "userName": "b@acme.org"}], [double, {"id": "u3", "userName": "c@acme.org"}]])

    def shifting(asked: Asked, application: Application) -> Given:
        if asked.path != "/v2/Users":
            return application(asked)
        return json_answer({"totalResults": 4, "Resources": next(pages)})

    acme.server.mischief = shifting
    async with acme.endpoint() as group:
        with pytest.raises(IncompleteRead, match="came twice"):
            await read(group)


async def test_a_service_without_patch_can_only_be_read(acme: Scene) -> None:
    def modest(asked: Asked, application: Application) -> Given:
        if asked.path == "/v2/ServiceProviderConfig":
            return json_answer({"patch": {"supported": False}, "filter": {"supported": False}})
        return application(asked)

    acme.server.mischief = modest
    async with acme.endpoint(group=acme.group) as group:
        assert group.limits.actions == frozenset()
        found = await group.resolve(["o'brien@acme.org"])
    assert isinstance(found["o'brien@acme.org"], Found)
    assert not [asked for asked in acme.server.asked if "filter" in asked.query]


ANNOUNCEMENTS: dict[str, tuple[Any, Announced]] = {
    "nothing": ({}, Announced()),
    "nonsense": ("hello", Announced()),
    "everything": (
        {
            "patch": {"supported": True},
            "filter": {"supported": True, "maxResults": 50},
            "etag": {"supported": True},
            "sort": {"supported": True},
            "pagination": {"cursor": True},
        },
        Announced(etag=True, sort=True, cursor=True, most_results=50),
    ),
    "no patch": ({"patch": {"supported": False}}, Announced(patch=False)),
}


@pytest.mark.parametrize("what", ANNOUNCEMENTS)
def test_a_service_announces(what: str) -> None:
    data, wanted = ANNOUNCEMENTS[what]
    assert announced(data) == wanted


def test_a_name_stays_one_literal_of_the_filter() -> None:
    assert user_filter(ScimKey.USER_NAME, 'a" or "b\\') == 'userName eq "a\\" or \\"b\\\\"'


def test_two_users_of_one_address_are_a_miss() -> None:
    users = [{"id": str(number), "emails": [{"value": "a@acme.org"}]} for number in range(2)]
    assert isinstance(verdict("A@acme.org", ScimKey.EMAIL, users), Miss)


def test_an_error_is_put_into_words() -> None:
    data = {"scimType": "mutability", "detail": "members is readOnly", "status": "400"}
    said = words(Answer(status=400, headers={}, text="", data=data))
    assert "managed elsewhere" in said
    assert "members is readOnly" in said


def _on_patch(answer: Any) -> Any:
    return lambda asked, application: answer(asked) if asked.method == "PATCH" else application(asked)
