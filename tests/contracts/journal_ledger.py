"""What every journal must do for leases, sources and targets."""

from __future__ import annotations

import pytest

from engine.errors import Locked
from engine.reconcile.history import Grant, Health
from engine.reconcile.journal import Journal
from engine.reconcile.records import Fingerprint
from tests.contracts.journal_values import (
    ADD,
    AT,
    HOLDER,
    REMOVE,
    TTL,
    target_plan,
)


def grant(token: int, space: str = "a backend") -> Grant:
    return Grant(space=space, token=token)


class LeaseContract:
    """Who may write to a target."""

    async def test_only_one_holds_a_lease(self, journal: Journal) -> None:
        await journal.take_lease("target:wiki", HOLDER, TTL, AT)

        with pytest.raises(Locked, match=HOLDER):
            await journal.take_lease("target:wiki", "berta pid 2", TTL, AT + TTL / 2)
        await journal.take_lease("target:list", "berta pid 2", TTL, AT)

    async def test_tokens_only_grow_however_a_lease_ends(self, journal: Journal) -> None:
        first = await journal.take_lease("target:wiki", HOLDER, TTL, AT)
        await journal.release_lease(first)
        second = await journal.take_lease("target:wiki", HOLDER, TTL, AT)
        third = await journal.take_lease("target:wiki", "berta pid 2", TTL, AT + TTL)

        assert first.token < second.token < third.token
        assert (third.holder, third.since, third.expires_at) == ("berta pid 2", AT + TTL, AT + 2 * TTL)

    async def test_a_renewed_lease_holds_longer(self, journal: Journal) -> None:
        lease = await journal.take_lease("target:wiki", HOLDER, TTL, AT)
        renewed = await journal.renew_lease(lease, TTL, AT + TTL / 2)

        assert (renewed.token, renewed.since, renewed.expires_at) == (lease.token, AT, AT + TTL * 1.5)
        with pytest.raises(Locked):
            await journal.take_lease("target:wiki", "berta pid 2", TTL, AT + TTL)

    async def test_a_lease_that_was_taken_over_cannot_be_renewed_nor_given_back(self, journal: Journal) -> None:
        lease = await journal.take_lease("target:wiki", HOLDER, TTL, AT)
        await journal.take_lease("target:wiki", "berta pid 2", TTL, AT + TTL)

        with pytest.raises(Locked):
            await journal.renew_lease(lease, TTL, AT + TTL)
        await journal.release_lease(lease)
        with pytest.raises(Locked, match="berta pid 2"):
            await journal.take_lease("target:wiki", "carl pid 3", TTL, AT + TTL)

    async def test_a_lease_that_was_given_back_cannot_be_renewed(self, journal: Journal) -> None:
        lease = await journal.take_lease("target:wiki", HOLDER, TTL, AT)
        await journal.release_lease(lease)

        with pytest.raises(Locked):
            await journal.renew_lease(lease, TTL, AT)

    async def test_a_newer_grant_of_the_lock_outdates_a_lease_that_goes_on(self, journal: Journal) -> None:
        first = await journal.take_lease("target:wiki", HOLDER, TTL, AT, grant(7))
        second = await journal.take_lease("target:wiki", "berta pid 2", TTL, AT, grant(8))

        assert second.token > first.token
        with pytest.raises(Locked):
            await journal.renew_lease(first, TTL, AT)

    async def test_an_older_grant_comes_too_late_even_when_the_lease_is_free_again(self, journal: Journal) -> None:
        newer = await journal.take_lease("target:wiki", HOLDER, TTL, AT, grant(8))
        with pytest.raises(Locked, match="grant"):
            await journal.take_lease("target:wiki", "berta pid 2", TTL, AT, grant(7))
        await journal.release_lease(newer)
        with pytest.raises(Locked, match="grant"):
            await journal.take_lease("target:wiki", "berta pid 2", TTL, AT + 2 * TTL, grant(7))

    async def test_grants_counted_elsewhere_are_not_compared(self, journal: Journal) -> None:
        first = await journal.take_lease("target:wiki", HOLDER, TTL, AT, grant(8))
        with pytest.raises(Locked, match=HOLDER):
            await journal.take_lease("target:wiki", "berta pid 2", TTL, AT, grant(9, "another backend"))
        await journal.release_lease(first)
        assert await journal.take_lease("target:wiki", "berta pid 2", TTL, AT, grant(1, "another backend"))

    async def test_giving_back_twice_does_no_harm(self, journal: Journal) -> None:
        lease = await journal.take_lease("target:wiki", HOLDER, TTL, AT)
        await journal.release_lease(lease)
        newer = await journal.take_lease("target:wiki", HOLDER, TTL, AT)
        await journal.release_lease(lease)

        assert (await journal.renew_lease(newer, TTL, AT)).token == newer.token


class TargetContract:
    """Sources and targets between runs."""

    async def test_recent_reads_come_oldest_first(self, journal: Journal) -> None:
        for count in (5, 7, 9, 8):
            await journal.source_read("eng", Fingerprint(count=count, sum="0" * 32), AT)
        await journal.source_read("ops", Fingerprint(count=1, sum="0" * 32), AT)

        assert list(await journal.recent_source_counts("eng", 3)) == [7, 9, 8]
        assert list(await journal.recent_source_counts("new", 3)) == []

    async def test_a_target_is_in_step_out_of_step_or_unknown(self, journal: Journal) -> None:
        in_step = await journal.note_target("eng", target_plan(), "", AT)
        out_of_step = await journal.note_target("eng", target_plan(ADD, REMOVE), "", AT)
        unknown = await journal.note_target("eng", target_plan(error="It was away."), "It was away.", AT)

        assert [status.health for status in (in_step, out_of_step, unknown)] == [
            Health.IN_STEP,
            Health.OUT_OF_STEP,
            Health.UNKNOWN,
        ]
        assert (in_step.members, in_step.as_of, dict(out_of_step.counts)) == (12, AT, {"add": 1, "remove": 1})
        assert unknown.reason == "It was away."

    async def test_failures_in_a_row_are_counted_until_one_succeeds(self, journal: Journal) -> None:
        counted = [
            (await journal.note_target("eng", target_plan(), failure, AT)).failures for failure in ("a", "b", "", "c")
        ]

        assert counted == [1, 2, 0, 1]

    async def test_a_quarantined_target_stays_so_until_it_is_let_out(self, journal: Journal) -> None:
        await journal.note_target("eng", target_plan(), "It failed.", AT)
        await journal.quarantine("eng", "wiki", "Failed three times.", "cron", AT)
        noted = await journal.note_target("eng", target_plan(), "", AT)
        assert (noted.health, noted.reason) == (Health.QUARANTINED, "Failed three times.")

        await journal.quarantine("eng", "wiki", "", "anna", AT)
        (released,) = await journal.target_statuses()
        assert (released.health, released.reason, released.failures) == (Health.UNKNOWN, "", 0)

    async def test_every_target_of_every_sync_has_its_own_status(self, journal: Journal) -> None:
        await journal.note_target("eng", target_plan(), "", AT)
        await journal.note_target("ops", target_plan(ADD), "", AT)
        await journal.note_target("eng", target_plan(target="list"), "", AT)

        assert {(status.sync, status.target, status.health) for status in await journal.target_statuses()} == {
            ("eng", "wiki", Health.IN_STEP),
            ("ops", "wiki", Health.OUT_OF_STEP),
            ("eng", "list", Health.IN_STEP),
        }
