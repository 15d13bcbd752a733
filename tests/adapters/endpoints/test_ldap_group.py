"""What is peculiar to groups in a directory, on a real OpenLDAP server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.endpoints.ldap_directory import Entry
from adapters.endpoints.ldap_group import LdapGroup
from adapters.endpoints.ldap_members import Entries, member_values
from adapters.endpoints.ldap_people import Folk, disabled, value_of, verdict
from adapters.endpoints.ldap_settings import LdapSettings
from engine.errors import IncompleteRead, RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Miss, Outcome, Result
from engine.reconcile.records import Batch, fold
from tests.contracts.sandbox import SECRET, Member, Servers, Surroundings
from tests.contracts.sandboxes.ldap_group import NOBODY, GroupOfNames, GroupOfUniqueNames, PosixGroup
from tests.servers import slapd
from tests.servers.ldap_proxy import BIND, MODIFY, Trouble
from tests.servers.slapd import ADMIN, SUFFIX

ANN, BOB, CARL = "ann@acme.org", "bob@acme.org", "carl@acme.org"


@pytest.fixture(scope="session")
def directory_servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.stop()


@pytest.fixture
async def names(tmp_path: Path, directory_servers: Servers) -> AsyncIterator[GroupOfNames]:
    """A groupOfNames with a placeholder."""
    async with GroupOfNames(tmp_path, directory_servers) as sandbox:
        yield sandbox


@pytest.fixture
async def unique(tmp_path: Path, directory_servers: Servers) -> AsyncIterator[GroupOfUniqueNames]:
    """A groupOfUniqueNames without one."""
    async with GroupOfUniqueNames(tmp_path, directory_servers) as sandbox:
        yield sandbox


@pytest.fixture
async def posix(tmp_path: Path, directory_servers: Servers) -> AsyncIterator[PosixGroup]:
    async with PosixGroup(tmp_path, directory_servers) as sandbox:
        yield sandbox


def settings(sandbox: GroupOfNames, **changes: Any) -> LdapSettings:
    """Return settings for a sandbox's group, with changes."""
    plain = {
        "url": f"ldap://127.0.0.1:{sandbox.proxy.port}",
        "bind_dn": ADMIN,
        "password": "env:SANDBOX",
        "group": sandbox.group,
    }
    return msgspec.convert({**plain, **changes}, LdapSettings)


def endpoint(sandbox: GroupOfNames, **changes: Any) -> LdapGroup:
    return LdapGroup(settings(sandbox, **changes), Surroundings(sandbox.folder))


def change(action: Action, spelling: str, native_id: str = "") -> Change:
    return Change(action=action, key=fold(spelling), spelling=spelling, native_id=native_id)


def results(outcomes: Sequence[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


async def read(group: LdapGroup) -> list[Batch]:
    return [batch async for batch in group.read()]


async def test_one_duplicate_does_not_stop_the_others_of_its_batch(names: GroupOfNames) -> None:
    people = [f"p{number}@acme.org" for number in range(16)]
    await names.fill([Member(people[5])])
    await names.know(people)
    async with endpoint(names) as group:
        outcomes = await group.write([change(Action.ADD, person) for person in people])
    assert results(outcomes) == [Result.ALREADY if person == people[5] else Result.DONE for person in people]
    assert {member.spelling for member in await names.held()} == set(people)
    assert names.proxy.requests.count(MODIFY) == 9  # one for all, then eight halves down to the culprit


async def test_a_whole_batch_is_one_request(names: GroupOfNames) -> None:
    people = [f"p{number}@acme.org" for number in range(16)]
    await names.fill([])
    await names.know(people)
    async with endpoint(names) as group:
        await group.write([change(Action.ADD, person) for person in people])
    assert names.proxy.requests.count(MODIFY) == 1


async def test_the_last_member_of_a_group_that_needs_one_is_refused_with_what_to_do(unique: GroupOfUniqueNames) -> None:
    await unique.know([ANN])
    ann = unique.server.people[ANN].dn
    unique.administrator.replace(unique.group, "uniqueMember", [ann])
    async with endpoint(unique) as group:
        assert group.limits.least_members == 1
        [outcome] = await group.write([change(Action.REMOVE, ANN, ann)])
    assert outcome.result is Result.REFUSED
    assert "last member" in outcome.reason
    assert "placeholder" in outcome.reason


async def test_a_placeholder_takes_the_place_of_the_last_member_in_the_same_request(unique: GroupOfUniqueNames) -> None:
    await unique.know([ANN, BOB])
    people = [unique.server.people[name].dn for name in (ANN, BOB)]
    unique.administrator.replace(unique.group, "uniqueMember", people)
    async with endpoint(unique, placeholder=NOBODY) as group:
        assert group.limits.least_members == 0
        outcomes = await group.write([change(Action.REMOVE, ANN, people[0]), change(Action.REMOVE, BOB, people[1])])
        [batch] = await read(group)
    assert results(outcomes) == [Result.DONE, Result.DONE]
    assert [carried.kind for carried in batch.carried] == ["placeholder"]
    assert unique.administrator.values(unique.group, "uniqueMember") == [NOBODY]


async def test_members_without_a_key_are_carried_with_what_they_are(names: GroupOfNames) -> None:
    await names.fill([Member(ANN)])
    await names.carry()
    async with endpoint(names, placeholder=NOBODY) as group:
        [batch] = await read(group)
    assert list(batch.spellings) == [ANN]
    assert sorted(carried.kind for carried in batch.carried) == ["bot", "group", "placeholder", "unresolved"]


async def test_a_nested_group_with_an_address_is_carried_and_nobody_of_that_address(names: GroupOfNames) -> None:
    dn = f"cn=team,ou=groups,{SUFFIX}"
    names.administrator.add_if_new(
        dn, ["groupOfNames", "extensibleObject"], {"cn": "team", "member": NOBODY, "mail": "team@acme.org"}
    )
    await names.fill([Member(ANN)])
    names.administrator.replace(names.group, "member", [names.server.people[ANN].dn, dn])
    async with endpoint(names) as group:
        [batch] = await read(group)
    assert list(batch.spellings) == [ANN]
    assert [(carried.label, carried.kind) for carried in batch.carried] == [("team", "group")]


async def test_a_posix_group_is_called_by_login_names(posix: PosixGroup) -> None:
    await posix.fill([Member(ANN)])
    async with endpoint(posix) as group:
        [batch] = await read(group)
    assert list(batch.native_ids) == [posix.server.people[ANN].uid]


async def test_further_attributes_of_people_are_read(names: GroupOfNames) -> None:
    await names.fill([Member(ANN)])
    async with endpoint(names, attributes=["cn", "entryUUID", "title"]) as group:
        [batch] = await read(group)
    [[cn, identity, title]] = batch.rows
    assert cn == f"Person, {names.server.people[ANN].uid}"
    assert str(uuid.UUID(str(identity))) == identity
    assert title is None


async def test_two_people_of_one_address_are_a_miss_that_names_both(names: GroupOfNames) -> None:
    await names.know([CARL])
    twin = f"uid=twin,ou=people,{SUFFIX}"
    names.administrator.add(twin, ["inetOrgPerson"], {"uid": "twin", "cn": "T", "sn": "T", "mail": CARL})
    async with endpoint(names) as group:
        miss = (await group.resolve([CARL]))[CARL]
    names.administrator.delete(twin)
    assert isinstance(miss, Miss)
    assert "2 entries" in miss.reason
    assert twin in miss.reason


async def test_a_search_that_the_server_cuts_is_an_incomplete_read(names: GroupOfNames) -> None:
    people = [f"p{number}@acme.org" for number in range(20)]
    await names.fill([Member(person) for person in people])
    names.proxy.trouble = Trouble(search_code=4)
    async with endpoint(names) as group:
        with pytest.raises(IncompleteRead, match="size limit"):
            await read(group)


async def test_pages_are_turned_to_the_end(names: GroupOfNames) -> None:
    people = [f"p{number}@acme.org" for number in range(20)]
    await names.fill([Member(person) for person in people])
    async with endpoint(names, page_size=3) as group:
        [batch] = await read(group)
    assert sorted(batch.spellings) == sorted(people)


async def test_tls_in_both_ways(names: GroupOfNames) -> None:
    await names.fill([Member(ANN)])
    server = names.server
    ways: list[dict[str, Any]] = [
        {"url": server.tls_url},
        {"url": f"ldap://localhost:{server.port}", "start_tls": True},
    ]
    for way in ways:
        async with endpoint(names, ca_file=str(server.ca_file), **way) as group:
            assert [list(batch.spellings) for batch in await read(group)] == [[ANN]]


async def test_a_certificate_nobody_trusts_is_refused_and_names_the_setting(names: GroupOfNames) -> None:
    with pytest.raises(RemoteRefused, match="ca_file"):
        async with endpoint(names, url=names.server.tls_url):
            pass


async def test_an_account_that_active_directory_locked_is_refused_in_words(names: GroupOfNames) -> None:
    said = "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 775, v4563"
    names.proxy.trouble = Trouble(code=49, words=said, only=BIND)
    with pytest.raises(RemoteRefused, match="account is locked") as caught:
        async with endpoint(names):
            pass
    assert SECRET not in str(caught.value)


async def test_after_a_lost_connection_the_next_call_connects_again(names: GroupOfNames) -> None:
    await names.fill([Member(ANN)])
    await names.know([BOB])
    names.proxy.trouble = Trouble(lose_modifications=1)
    async with endpoint(names) as group:
        with pytest.raises(RemoteUnavailable) as caught:
            await group.write([change(Action.ADD, BOB)])
        assert caught.value.maybe_done
        assert results(await group.write([change(Action.ADD, BOB)])) == [Result.ALREADY]


async def test_an_unwilling_server_is_asked_whether_the_member_is_there(names: GroupOfNames) -> None:
    await names.fill([Member(ANN)])
    await names.know([BOB])
    ann, bob = names.server.people[ANN].dn, names.server.people[BOB].dn
    async with endpoint(names) as group:
        names.proxy.trouble = Trouble(code=53, words="not now", only=MODIFY)
        outcomes = [
            *await group.write([change(Action.REMOVE, ANN, ann)]),
            *await group.write([change(Action.REMOVE, BOB, bob)]),
        ]
    assert results(outcomes) == [Result.REFUSED, Result.ALREADY]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a password over plain ldap": ({"url": "ldap://dc1.acme.example"}, "readable"),
    "a password without an account": ({"url": "ldaps://dc1.acme.example", "bind_dn": ""}, "belong together"),
    "an account without a password, which servers take for nobody": (
        {"url": "ldaps://dc1.acme.example", "password": None},
        "belong together",
    ),
    "an address of another kind": ({"url": "https://dc1.acme.example"}, "write it as"),
    "a password in clear": ({"url": "ldaps://dc1.acme.example", "password": "hunter2"}, "password"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_settings_refuse(what: str) -> None:
    changes, words = REFUSED[what]
    given = {"bind_dn": ADMIN, "password": "keyring:staff", "group": "cn=eng", **changes}
    present = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(present, LdapSettings)


def test_plain_ldap_is_taken_with_start_tls_or_when_the_way_is_said_to_be_safe() -> None:
    for extra in ({"start_tls": True}, {"allow_plain": True}):
        msgspec.convert(
            {
                "url": "ldap://dc1.acme.example",
                "bind_dn": ADMIN,
                "password": "keyring:staff",
                "group": "cn=eng",
                **extra,
            },
            LdapSettings,
        )


def test_a_missing_slapd_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(slapd, "PLACES", ())
    with pytest.raises(RuntimeError, match="apt-get install slapd"):
        slapd.slapd_program()


class Ranges(Entries):
    """Answers as Active Directory does: so many values at a time, the attribute's name telling which."""

    @property
    def name(self) -> str:
        return "staff"

    def __init__(self, count: int, step: int, *, skips: int = 0) -> None:
        self.values = [f"cn={number}".encode() for number in range(count)]
        self.step = step
        self.skips = skips

    async def entry(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        asked = attributes[0]
        start = int(asked.partition("range=")[2].partition("-")[0] or 0)
        part = self.values[start : start + self.step]
        end = "*" if start + self.step >= len(self.values) else str(start + self.step - 1)
        name = f"member;range={start + (self.skips if start else 0)}-{end}"
        return Entry(dn=dn, values={"member": [], name: part})


@pytest.mark.parametrize("count", [1_501, 3_000, 3_001, 4_700])
async def test_all_ranges_of_a_large_group_in_active_directory_are_read(count: int) -> None:
    values = await member_values(Ranges(count, 1_500), "cn=eng", "member")
    assert values == [f"cn={number}" for number in range(count)]


async def test_a_range_that_does_not_follow_is_an_incomplete_read() -> None:
    with pytest.raises(IncompleteRead, match="were asked for"):
        await member_values(Ranges(4_000, 1_500, skips=1), "cn=eng", "member")


def person(**values: str) -> Entry:
    return Entry(dn="cn=Ada,dc=acme", values={name.lower(): [value.encode()] for name, value in values.items()})


ACTIVE_DIRECTORY = Folk(
    base="dc=acme", suffix="dc=acme", user_filter="", key="mail", attributes=(), active_directory=True
)


def test_an_alias_answers_its_primary_address() -> None:
    entry = person(mail="Ada@acme.org", proxyAddresses="smtp:countess@acme.org")
    found = verdict(ACTIVE_DIRECTORY, "countess@acme.org", [entry], by_uid=False)
    assert found == Found(native_id="cn=Ada,dc=acme", spelling="Ada@acme.org")


def test_a_disabled_account_is_a_miss() -> None:
    entry = person(mail="ada@acme.org", userAccountControl="514")
    assert disabled(entry)
    assert isinstance(verdict(ACTIVE_DIRECTORY, "ada@acme.org", [entry], by_uid=False), Miss)
    assert not disabled(person(userAccountControl="512"))


def test_a_guid_of_active_directory_is_read_as_text() -> None:
    identity = uuid.UUID("12345678-1234-5678-1234-567812345678")
    entry = Entry(dn="cn=a", values={"objectguid": [identity.bytes_le]})
    assert value_of(entry, "objectGUID") == str(identity)
