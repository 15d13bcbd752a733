"""The HTTP client's laws: errors in words, origins, bounds, secrets, tokens, patience."""

from __future__ import annotations

import gzip
import logging
from datetime import timedelta

import msgspec
import pytest

from adapters.answers import Request
from adapters.connection import Auth, address_fault
from engine.errors import RemoteError, RemoteRefused, RemoteUnavailable, SettingsError
from tests.adapters.calling import SECRET, Asked, Given, calling, json_answer
from tests.doubles.clock import ManualClock
from tests.servers.http import LOST, always, answer_lost, in_turn

BEARER = {"kind": "bearer", "token": "env:SANDBOX"}
READ = Request(path="things")
WRITE = Request(method="POST", path="things", body={"a": 1}, writes=True)
FINE = json_answer({"fine": True})


async def failure(given: Given, request: Request = READ, needs: str = "") -> RemoteError:
    """Return what the client raises when the service answers so."""
    async with calling(lambda asked: given, auth=BEARER) as (client, _):
        with pytest.raises(RemoteError) as caught:
            await client.call(request, needs=needs)
    return caught.value


REFUSED = {
    "401 says that the credentials are not accepted": (401, "credentials are not accepted"),
    "403 names the right that is missing": (403, "lack the right to add members"),
    "501 says that the service does not know the call": (501, "does not know this call"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_refusal(what: str) -> None:
    status, words = REFUSED[what]
    error = await failure(json_answer({"message": "because"}, status), WRITE, "add members")
    assert isinstance(error, RemoteRefused)
    assert words in str(error)
    assert "because" in str(error)


@pytest.mark.parametrize(("status", "maybe_done"), [(429, False), (503, False), (500, True), (502, True), (504, True)])
async def test_a_write_that_fails_for_a_passing_reason_says_whether_it_may_be_done(
    status: int, maybe_done: bool
) -> None:
    error = await failure(json_answer({}, status), WRITE)
    assert isinstance(error, RemoteUnavailable)
    assert error.maybe_done is maybe_done


async def test_the_pause_asked_for_is_handed_on() -> None:
    error = await failure(json_answer({}, 429, retry_after="12"))
    assert isinstance(error, RemoteUnavailable)
    assert error.retry_after == timedelta(seconds=12)


async def test_a_403_with_a_pause_is_a_rate_limit_and_no_missing_right() -> None:
    error = await failure(json_answer({}, 403, retry_after="12"))
    assert isinstance(error, RemoteUnavailable)


@pytest.mark.parametrize("status", [400, 404, 409, 412, 422])
async def test_what_only_the_caller_can_read_is_handed_over(status: int) -> None:
    async with calling(lambda asked: json_answer({"why": "so"}, status)) as (client, _):
        assert (await client.call(WRITE)).status == status


async def test_a_lost_answer_to_a_write_may_be_done_and_one_to_a_read_cannot() -> None:
    async with calling(lambda asked: FINE) as (client, server):
        server.mischief = answer_lost()
        with pytest.raises(RemoteUnavailable) as write:
            await client.call(WRITE)
        server.mischief = always(LOST)
        with pytest.raises(RemoteUnavailable) as read:
            await client.call(READ)
    assert write.value.maybe_done
    assert not read.value.maybe_done


async def test_a_service_that_says_nothing_is_given_up_in_time() -> None:
    async with calling(lambda asked: FINE, read_timeout=timedelta(milliseconds=50)) as (client, server):
        server.mischief = server.silence
        with pytest.raises(RemoteUnavailable, match="no answer in time") as caught:
            await client.call(WRITE)
    assert caught.value.maybe_done


async def test_a_service_that_is_not_there_was_not_reached_at_all() -> None:
    async with calling(lambda asked: FINE) as (client, _):
        pass
    async with client:
        with pytest.raises(RemoteUnavailable, match="no connection") as caught:
            await client.call(WRITE)
    assert not caught.value.maybe_done


async def test_a_login_page_with_200_is_refused_and_never_an_empty_list() -> None:
    page = Given(200, b"<html>Please sign in</html>", {"content-type": "text/html; charset=utf-8"})
    for request in (READ, WRITE):
        error = await failure(page, request)
        assert isinstance(error, RemoteRefused)
        assert "login page" in str(error)


async def test_a_gzip_bomb_is_refused_before_it_fills_the_memory() -> None:
    bomb = Given(
        200, gzip.compress(b" " * 50_000_000), {"content-type": "application/json", "content-encoding": "gzip"}
    )
    async with calling(lambda asked: bomb, body_limit_bytes=1_000_000) as (client, _):
        with pytest.raises(RemoteRefused, match="more than"):
            await client.call(READ)


async def test_a_packed_answer_is_unpacked() -> None:
    packed = Given(200, gzip.compress(FINE.body), {"content-type": "application/json", "content-encoding": "gzip"})
    async with calling(lambda asked: packed) as (client, _):
        assert (await client.call(READ)).data == {"fine": True}


async def test_an_answer_cut_in_the_middle_is_no_answer() -> None:
    async with calling(lambda asked: Given(200, FINE.body, FINE.headers, cut_at=4)) as (client, _):
        with pytest.raises(RemoteUnavailable, match="connection broke"):
            await client.call(READ)


async def test_a_redirect_to_another_origin_is_not_followed_with_credentials() -> None:
    async with calling(lambda asked: FINE) as (_, other):
        away = Given(307, headers={"location": f"{other.url}/things"})
        error = await failure(away)
        assert isinstance(error, RemoteRefused)
        assert "not the origin" in str(error)
        assert other.asked == []


async def test_a_redirect_within_the_origin_is_followed_for_reads() -> None:
    def moved(asked: Asked) -> Given:
        return FINE if asked.path == "/there" else Given(302, headers={"location": "/there"})

    async with calling(moved) as (client, _):
        assert (await client.call(READ)).data == {"fine": True}


async def test_a_redirect_that_would_turn_a_write_into_a_read_is_refused() -> None:
    error = await failure(Given(302, headers={"location": "/there"}), WRITE)
    assert "turn the write into a read" in str(error)


async def test_a_redirect_in_circles_ends() -> None:
    error = await failure(Given(302, headers={"location": "/things"}))
    assert "redirected more than" in str(error)


async def test_no_message_and_no_log_line_holds_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json_answer({"message": f"the token {SECRET} is not allowed here"}, 403)
    error = await failure(echo)
    assert "is not allowed here" in str(error)
    assert SECRET not in str(error)
    assert SECRET not in repr(error)
    assert SECRET not in caplog.text


async def test_a_token_is_fetched_once_and_again_when_it_expires() -> None:
    given_out: list[str] = []

    def service(asked: Asked) -> Given:
        if asked.path == "/token":
            assert asked.headers["authorization"].startswith("Basic ")
            given_out.append(f"token-number-{len(given_out)}")
            return json_answer({"access_token": given_out[-1], "expires_in": 300})
        return FINE if asked.headers["authorization"] == f"Bearer {given_out[-1]}" else json_answer({}, 401)

    clock = ManualClock()
    async with calling(service, clock=clock) as (_, server):
        auth = {
            "kind": "oauth2",
            "token_url": f"{server.url}/token",
            "client_id": "me",
            "client_secret": "env:SANDBOX",
        }
        async with calling(service, clock=clock, auth=auth) as (client, _):
            for _ in range(3):
                await client.call(READ)
            assert len(given_out) == 1
            await clock.advance(timedelta(seconds=280))
            await client.call(READ)
            assert len(given_out) == 2
            given_out.append("another that the client does not know yet")
            await client.call(READ)
            assert len(given_out) == 4


async def test_a_token_that_is_not_given_out_is_a_refusal_without_the_secret() -> None:
    def service(asked: Asked) -> Given:
        return json_answer({"error": "invalid_client", "error_description": f"not {SECRET}"}, 400)

    async with calling(service) as (_, server):
        auth = {"kind": "oauth2", "token_url": server.url, "client_id": "me", "client_secret": "env:SANDBOX"}
        async with calling(service, auth=auth) as (client, _):
            with pytest.raises(RemoteRefused, match="gave out no token") as caught:
                await client.call(READ)
    assert SECRET not in str(caught.value)


async def test_calls_keep_to_the_rate() -> None:
    clock = InstantClock()
    async with calling(lambda asked: FINE, clock=clock, per_second=2.0) as (client, _):
        for _ in range(3):
            await client.call(READ)
    assert clock.slept == [timedelta(seconds=0.5), timedelta(seconds=1)]


async def test_a_page_in_the_middle_is_asked_for_again_after_the_pause() -> None:
    clock = InstantClock()
    async with calling(lambda asked: FINE, clock=clock) as (client, server):
        server.mischief = in_turn(json_answer({}, 429, retry_after="3"), json_answer({}, 502))
        assert (await client.call_patiently(READ)).data == {"fine": True}
    assert clock.slept[0] == timedelta(seconds=3)
    assert len(clock.slept) == 2


async def test_patience_ends_and_a_pause_of_hours_is_left_to_the_caller() -> None:
    clock = InstantClock()
    async with calling(lambda asked: json_answer({}, 503), clock=clock) as (client, server):
        with pytest.raises(RemoteUnavailable):
            await client.call_patiently(READ)
        assert len(server.asked) == 4
    async with calling(lambda asked: json_answer({}, 429, retry_after="7200"), clock=clock) as (client, server):
        with pytest.raises(RemoteUnavailable):
            await client.call_patiently(READ)
        assert len(server.asked) == 1


class InstantClock(ManualClock):
    """Every pause is over at once, and noted."""

    async def sleep(self, pause: timedelta) -> None:
        self.slept.append(pause)


ADDRESSES = {
    "https is fine": ("https://api.example/v1", ""),
    "this machine is fine": ("http://127.0.0.1:8080", ""),
    "so is localhost": ("http://localhost", ""),
    "plain http with credentials is not": ("http://api.example", "readable"),
    "a password in the address is not": ("https://me:pw@api.example", "must not hold"),
    "another scheme is not": ("ftp://api.example", "is not an address"),
    "a word is not": ("api.example", "is not an address"),
    "an impossible port is not": ("https://api.example:99999", "is not an address"),
}


@pytest.mark.parametrize("what", ADDRESSES)
def test_of_addresses(what: str) -> None:
    url, fault = ADDRESSES[what]
    found = address_fault(url, credentials=True, allow_plain=False)
    assert (fault in found) if fault else found == ""


async def test_plain_http_with_credentials_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(SettingsError, match="readable"):
        async with calling(lambda asked: FINE, base="", auth=BEARER, base_url="http://api.example"):
            pass


LACKING = {
    "basic": "username and password",
    "bearer": "token",
    "header": "token and header",
    "oauth2": "token_url and client_id and client_secret",
}


@pytest.mark.parametrize("kind", LACKING)
def test_credentials_say_what_they_lack(kind: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"{kind} needs {LACKING[kind]}"):
        msgspec.convert({"kind": kind}, Auth)
