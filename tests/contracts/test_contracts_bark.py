"""The endpoint contract is itself tried: one that keeps it passes, and each that breaks one promise is caught.

The broken ones carry defects that real synchronisers had: a cache kept for the object's life, look-ups zipped by
position, members without an address lost in a replacement, removals called in the engine's spelling instead of the
target's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from engine.errors import IncompleteRead, RemoteError, RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Result
from engine.reconcile.records import Batch
from tests.contracts.case import CASES
from tests.contracts.rows import SUITE
from tests.contracts.sandbox import SECRET, Circumstance, Servers
from tests.doubles.reference_endpoint import ALREADY, DONE, Entry, ReferenceEndpoint, ReferenceSandbox

assert SUITE


class CachesItsRead(ReferenceEndpoint):
    cached: list[Batch] | None = None

    async def read(self) -> AsyncIterator[Batch]:
        if self.cached is None:
            self.cached = [batch async for batch in super().read()]
        for batch in self.cached:
            yield batch


class ForgetsTheProof(ReferenceEndpoint):
    async def read(self) -> AsyncIterator[Batch]:
        async for batch in super().read():
            yield msgspec.structs.replace(batch, proof="")


class ProvesEveryPage(ReferenceEndpoint):
    async def read(self) -> AsyncIterator[Batch]:
        async for batch in super().read():
            yield msgspec.structs.replace(batch, proof="a page")


class ReadsTheFirstPage(ReferenceEndpoint):
    async def read(self) -> AsyncIterator[Batch]:
        async for batch in super().read():
            yield msgspec.structs.replace(batch, proof="enough")
            return


class TakesAShortReadForTheWholeSet(ReferenceEndpoint):
    async def read(self) -> AsyncIterator[Batch]:
        try:
            async for batch in super().read():
                yield batch
        except IncompleteRead:
            yield self.batch([], "the pages stopped")


class TakesAMissingGroupForAnEmptyOne(ReferenceEndpoint):
    async def read(self) -> AsyncIterator[Batch]:
        try:
            async for batch in super().read():
                yield batch
        except RemoteRefused:
            yield self.batch([], "nobody there")


class HidesMembersWithoutKey(ReferenceEndpoint):
    def batch(self, entries: Sequence[Entry], proof: str) -> Batch:
        return msgspec.structs.replace(super().batch(entries, proof), carried=())


class LosesMembersWithoutKey(ReferenceEndpoint):
    def add(self, change: Change) -> Outcome:
        self.service.entries = [entry for entry in self.service.entries if entry.spelling is not None]
        return super().add(change)


class KeysByAddress(ReferenceEndpoint):
    """Members without an address collide in one place of its table, and all but one are lost."""

    def add(self, change: Change) -> Outcome:
        self.service.entries = list({entry.spelling or "": entry for entry in self.service.entries}.values())
        return super().add(change)


class RaisesOnDuplicates(ReferenceEndpoint):
    def carry_out(self, change: Change) -> Outcome:
        if change.action is Action.ADD and self.service.entry(change.native_id):
            raise RemoteRefused(f"{change.spelling} is a member already, said the service.")
        return super().carry_out(change)


class AddsDuplicates(ReferenceEndpoint):
    def carry_out(self, change: Change) -> Outcome:
        return self.add(change) if change.action is Action.ADD else super().carry_out(change)


class RefusesToRemoveTheAbsent(ReferenceEndpoint):
    def carry_out(self, change: Change) -> Outcome:
        outcome = super().carry_out(change)
        if change.action is Action.REMOVE and outcome is ALREADY:
            return Outcome(result=Result.REFUSED, reason="Not there.")
        return outcome


class RemovesTheLowerCase(ReferenceEndpoint):
    def carry_out(self, change: Change) -> Outcome:
        if change.action is Action.REMOVE:
            named = [entry for entry in self.service.entries if entry.spelling == change.spelling.lower()]
            return self.remove(change, named[0]) if named else DONE
        return super().carry_out(change)


class LooksUpByPosition(ReferenceEndpoint):
    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        found = [answer for answer in (await super().resolve(spellings)).values() if isinstance(answer, Found)]
        return dict(zip(spellings, found, strict=False))


class ShiftsItsLookUps(ReferenceEndpoint):
    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        found = [answer for answer in (await super().resolve(spellings)).values() if isinstance(answer, Found)]
        missed = [Miss(reason="Nobody.")] * (len(spellings) - len(found))
        return dict(zip(spellings, [*found, *missed], strict=True))


class FindsEverybody(ReferenceEndpoint):
    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        return {spelling: Found(native_id=self.service.know(spelling)) for spelling in spellings}


class StumblesOverApostrophes(ReferenceEndpoint):
    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        if any("'" in change.spelling for change in changes):
            raise RemoteRefused("The filter has a quote in a place where none may stand.")
        return await super().write(changes)


class WritesAscii(ReferenceEndpoint):
    def add(self, change: Change) -> Outcome:
        plain = change.spelling.encode("ascii", "replace").decode()
        return super().add(msgspec.structs.replace(change, spelling=plain))


class SortsItsOutcomes(ReferenceEndpoint):
    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return sorted(await super().write(changes), key=lambda outcome: outcome.result)


class StopsAtTheFirst(ReferenceEndpoint):
    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        await super().write(changes[:1])
        return [DONE] * len(changes)


class ReplacesFromItsCache(ReferenceEndpoint):
    """Writes the whole list as it was when it was read: what others changed since is undone."""

    known: list[Entry] | None = None

    async def read(self) -> AsyncIterator[Batch]:
        async for batch in super().read():
            self.known = self.visible()
            yield batch

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        self.service.entries = list(self.known if self.known is not None else self.service.entries)
        outcomes = await super().write(changes)
        self.known = list(self.service.entries)
        return outcomes


class ReplacesWhatItSees(ReferenceEndpoint):
    """Writes the whole list from a read that may lag behind: who was added a moment ago is lost."""

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        self.service.entries = self.visible()
        return await super().write(changes)


class ForgetsAttributes(ReferenceEndpoint):
    def add(self, change: Change) -> Outcome:
        return super().add(msgspec.structs.replace(change, after={}))


class ReplacesAllFields(ReferenceEndpoint):
    def alter(self, change: Change, held: Entry) -> Outcome:
        held.fields = dict(change.after or {})
        return DONE


class OverwritesWhatOthersChanged(ReferenceEndpoint):
    def meddled(self, change: Change, held: Entry) -> bool:
        return False


class RenamesByAddingAnew(ReferenceEndpoint):
    def alter(self, change: Change, held: Entry) -> Outcome:
        if change.renamed_to:
            self.service.entries.remove(held)
            self.service.entries.append(Entry(held.native_id, change.renamed_to))
            return DONE
        return super().alter(change, held)


class UpdatesWhoLeft(ReferenceEndpoint):
    def carry_out(self, change: Change) -> Outcome:
        missing = change.action is Action.UPDATE and not self.service.entry(change.native_id)
        return self.add(change) if missing else super().carry_out(change)


class SwallowsRefusals(ReferenceEndpoint):
    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        try:
            return await super().write(changes)
        except RemoteRefused:
            return [DONE] * len(changes)


class TellsItsToken(ReferenceEndpoint):
    async def read(self) -> AsyncIterator[Batch]:
        try:
            async for batch in super().read():
                yield batch
        except RemoteRefused as error:
            raise RemoteRefused(f"{error} It was {SECRET}.") from error


class DropsThePause(ReferenceEndpoint):
    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        try:
            return await super().write(changes)
        except RemoteUnavailable as error:
            raise RemoteUnavailable(str(error)) from error


class GivesUpForGood(ReferenceEndpoint):
    async def read(self) -> AsyncIterator[Batch]:
        try:
            async for batch in super().read():
                yield batch
        except RemoteUnavailable as error:
            raise RemoteRefused(str(error)) from error


class InventsAPause(ReferenceEndpoint):
    async def read(self) -> AsyncIterator[Batch]:
        try:
            async for batch in super().read():
                yield batch
        except RemoteUnavailable as error:
            from tests.contracts.sandbox import ASKED_PAUSE

            raise RemoteUnavailable(str(error), retry_after=ASKED_PAUSE) from error


class HidesThatItMayBeDone(ReferenceEndpoint):
    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        try:
            return await super().write(changes)
        except RemoteUnavailable as error:
            raise RemoteUnavailable(str(error), retry_after=error.retry_after) from error


class CannotRename(ReferenceEndpoint):
    @property
    def limits(self) -> Limits:
        return Limits(actions=frozenset({Action.ADD, Action.REMOVE}), batch_size=50)


class CannotReadNobody(ReferenceEndpoint):
    async def read(self) -> AsyncIterator[Batch]:
        if self.service.entries:
            async for batch in super().read():
                yield batch


CAUGHT_BY: dict[type[ReferenceEndpoint], str] = {
    CachesItsRead: "a_second_endpoint_sees_what_the_first_wrote",
    ForgetsTheProof: "everything_that_is_there_is_read",
    ProvesEveryPage: "every_page_is_read",
    ReadsTheFirstPage: "every_page_is_read",
    TakesAShortReadForTheWholeSet: "a_read_that_is_cut_short_is_an_error_and_never_a_small_set",
    TakesAMissingGroupForAnEmptyOne: "a_missing_target_is_an_error_and_never_an_empty_set",
    HidesMembersWithoutKey: "members_without_a_key_are_listed_and_stay",
    LosesMembersWithoutKey: "members_without_a_key_are_listed_and_stay",
    KeysByAddress: "members_without_a_key_are_listed_and_stay",
    RaisesOnDuplicates: "adding_twice_is_already_so",
    AddsDuplicates: "adding_twice_is_already_so",
    RefusesToRemoveTheAbsent: "removing_twice_is_already_so",
    RemovesTheLowerCase: "a_removal_is_spelled_as_the_target_spells_it",
    LooksUpByPosition: "somebody_unknown_is_a_miss_and_the_others_are_found",
    ShiftsItsLookUps: "somebody_unknown_is_a_miss_and_the_others_are_found",
    FindsEverybody: "somebody_unknown_is_a_miss_and_the_others_are_found",
    StumblesOverApostrophes: "a_member_with_an_apostrophe_comes_and_goes",
    WritesAscii: "letters_beyond_ascii_are_kept",
    SortsItsOutcomes: "outcomes_stand_in_the_order_of_the_changes",
    StopsAtTheFirst: "ten_thousand_members_come_and_go",
    ReplacesFromItsCache: "what_others_change_between_read_and_write_is_kept",
    ReplacesWhatItSees: "a_stale_read_loses_nobody_who_was_just_added",
    ForgetsAttributes: "what_was_added_has_its_attributes",
    ReplacesAllFields: "what_the_sync_does_not_map_stays_as_it_is",
    OverwritesWhatOthersChanged: "a_member_changed_meanwhile_is_left_alone",
    RenamesByAddingAnew: "a_rename_keeps_the_member_and_its_attributes",
    CannotRename: "a_rename_keeps_the_member_and_its_attributes",
    UpdatesWhoLeft: "an_update_of_somebody_who_left_adds_nobody",
    SwallowsRefusals: "who_may_not_write_is_refused_and_nothing_changes",
    TellsItsToken: "wrong_credentials_are_refused_in_words",
    DropsThePause: "the_pause_a_service_asks_for_reaches_the_caller",
    InventsAPause: "throttling_without_a_word_is_worth_another_try",
    GivesUpForGood: "a_passing_failure_changes_nothing_and_the_next_try_works",
    HidesThatItMayBeDone: "a_lost_answer_says_that_it_may_be_done_and_the_next_try_adds_nobody_twice",
    CannotReadNobody: "an_empty_target_is_read_filled_and_emptied",
}


@pytest.mark.parametrize("name", CASES)
async def test_an_endpoint_that_keeps_the_contract_passes(name: str, tmp_path: Path) -> None:
    await passes(ReferenceEndpoint, name, tmp_path)


@pytest.mark.parametrize(("broken", "name"), CAUGHT_BY.items(), ids=lambda part: getattr(part, "__name__", ""))
async def test_an_endpoint_that_breaks_a_promise_is_caught(
    broken: type[ReferenceEndpoint], name: str, tmp_path: Path
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception, RemoteError)):
        await passes(broken, name, tmp_path)


def test_the_reference_lacks_nothing() -> None:
    assert all(map(ReferenceSandbox.offers, Circumstance))


async def passes(endpoint: type[ReferenceEndpoint], name: str, folder: Path) -> None:
    """Run one case against an endpoint on the reference service; return when it passes."""
    sandbox_type = type("Tried", (ReferenceSandbox,), {"endpoint": endpoint})
    async with sandbox_type(folder, Servers()) as sandbox:
        await CASES[name].run(sandbox)
