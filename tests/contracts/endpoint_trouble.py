"""The contract of every endpoint, continued: what reading and writing must do at a target in trouble."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.errors import RemoteError, RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Change
from engine.reconcile.ports import Outcome, Result
from tests.contracts.case import (
    add,
    additions,
    case,
    held,
    in_words,
    read,
    removals,
    results,
    write,
)
from tests.contracts.endpoint import ANN, BOB, CARL, DORA, people
from tests.contracts.sandbox import ASKED_PAUSE, Circumstance, Sandbox


async def begin(sandbox: Sandbox, trouble: Circumstance) -> list[Change]:
    """Fill the target with ANN and BOB, begin the trouble, and return the addition of CARL, looked up before it."""
    await sandbox.fill(people(ANN, BOB))
    await sandbox.know([CARL, DORA])
    async with sandbox.open() as endpoint:
        changes = await additions(endpoint, people(CARL))
    await sandbox.provoke(trouble)
    return changes


async def fails_to_read(sandbox: Sandbox, kind: type[RemoteError]) -> RemoteError:
    with pytest.raises(kind) as caught:
        async with sandbox.open() as endpoint:
            await read(endpoint)
    in_words(caught.value)
    return caught.value


async def fails_to_write(sandbox: Sandbox, changes: Sequence[Change], kind: type[RemoteError]) -> RemoteError:
    with pytest.raises(kind) as caught:
        async with sandbox.open() as endpoint:
            await write(endpoint, changes)
    in_words(caught.value)
    return caught.value


@case(Circumstance.MISSING)
async def a_missing_target_is_an_error_and_never_an_empty_set(sandbox: Sandbox) -> None:
    changes = await begin(sandbox, Circumstance.MISSING)
    await fails_to_read(sandbox, RemoteRefused)
    await fails_to_write(sandbox, changes, RemoteRefused)
    await fails_to_read(sandbox, RemoteRefused)


@case(Circumstance.WRONG_CREDENTIALS)
async def wrong_credentials_are_refused_in_words(sandbox: Sandbox) -> None:
    changes = await begin(sandbox, Circumstance.WRONG_CREDENTIALS)
    await fails_to_read(sandbox, RemoteRefused)
    await fails_to_write(sandbox, changes, RemoteRefused)
    await sandbox.settle()
    assert await held(sandbox) == [ANN, BOB]


@case(Circumstance.NO_RIGHTS)
async def who_may_not_write_is_refused_and_nothing_changes(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, BOB))
    await sandbox.know([CARL])
    async with sandbox.open() as endpoint:
        adding = await additions(endpoint, people(CARL))
        removing = removals(await read(endpoint), [BOB])
    await sandbox.provoke(Circumstance.NO_RIGHTS)
    for changes in (adding, removing):
        outcomes: list[Outcome] = []
        try:
            async with sandbox.open() as endpoint:
                outcomes = await write(endpoint, changes)
        except RemoteRefused as refusal:
            in_words(refusal)
        else:
            assert results(outcomes) == [Result.REFUSED]
            assert outcomes[0].reason
    await sandbox.settle()
    assert await held(sandbox) == [ANN, BOB]


@case(Circumstance.THROTTLED_WITH_PAUSE)
async def the_pause_a_service_asks_for_reaches_the_caller(sandbox: Sandbox) -> None:
    changes = await begin(sandbox, Circumstance.THROTTLED_WITH_PAUSE)
    error = await fails_to_read(sandbox, RemoteUnavailable)
    assert isinstance(error, RemoteUnavailable)
    assert error.retry_after == ASKED_PAUSE
    error = await fails_to_write(sandbox, changes, RemoteUnavailable)
    assert isinstance(error, RemoteUnavailable)
    assert (error.retry_after, error.maybe_done) == (ASKED_PAUSE, False)
    await sandbox.settle()
    assert await held(sandbox) == [ANN, BOB]


@case(Circumstance.THROTTLED_WITHOUT_PAUSE)
async def throttling_without_a_word_is_worth_another_try(sandbox: Sandbox) -> None:
    await begin(sandbox, Circumstance.THROTTLED_WITHOUT_PAUSE)
    error = await fails_to_read(sandbox, RemoteUnavailable)
    assert isinstance(error, RemoteUnavailable)
    assert error.retry_after is None
    await sandbox.settle()
    async with sandbox.open() as endpoint:
        assert sorted((await read(endpoint)).spellings) == [ANN, BOB]


@case(Circumstance.SERVER_ERROR)
async def a_passing_failure_changes_nothing_and_the_next_try_works(sandbox: Sandbox) -> None:
    changes = await begin(sandbox, Circumstance.SERVER_ERROR)
    await fails_to_read(sandbox, RemoteUnavailable)
    await fails_to_write(sandbox, changes, RemoteUnavailable)
    await sandbox.settle()
    assert await held(sandbox) == [ANN, BOB]
    async with sandbox.open() as endpoint:
        assert await add(endpoint, people(CARL)) == [Result.DONE]
        assert sorted((await read(endpoint)).spellings) == [ANN, BOB, CARL]


@case(Circumstance.ANSWER_LOST)
async def a_lost_answer_says_that_it_may_be_done_and_the_next_try_adds_nobody_twice(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, BOB))
    await sandbox.know([CARL])
    async with sandbox.open() as endpoint:
        changes = await additions(endpoint, people(CARL))
        await sandbox.provoke(Circumstance.ANSWER_LOST)
        with pytest.raises(RemoteUnavailable) as caught:
            await write(endpoint, changes)
        assert caught.value.maybe_done
        in_words(caught.value)
    await sandbox.settle()
    assert await held(sandbox) == [ANN, BOB, CARL]
    async with sandbox.open() as endpoint:
        assert results(await write(endpoint, changes)) == [Result.ALREADY]
    assert await held(sandbox) == [ANN, BOB, CARL]


@case(Circumstance.STALE_READ)
async def a_stale_read_loses_nobody_who_was_just_added(sandbox: Sandbox) -> None:
    changes = await begin(sandbox, Circumstance.STALE_READ)
    async with sandbox.open() as endpoint:
        assert results(await write(endpoint, changes)) == [Result.DONE]
        await read(endpoint)
        assert set(results(await write(endpoint, changes))) <= {Result.DONE, Result.ALREADY}
        assert await add(endpoint, people(DORA)) == [Result.DONE]
    await sandbox.settle()
    assert await held(sandbox) == [ANN, BOB, CARL, DORA]


@case(Circumstance.CUT_SHORT)
async def a_read_that_is_cut_short_is_an_error_and_never_a_small_set(sandbox: Sandbox) -> None:
    await sandbox.fill(people(*(f"p{number:06}@acme.example" for number in range(sandbox.several_pages))))
    await sandbox.provoke(Circumstance.CUT_SHORT)
    await fails_to_read(sandbox, RemoteError)
