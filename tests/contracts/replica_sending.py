"""What every replica gives to peers that lack it: the first half of the replica's contract."""

from __future__ import annotations

from engine.events.event import Dot, Origin
from engine.events.replicating.messages import Batch, GapQuestion, Limits, Selection, Span
from tests.contracts.replica_node import ALL, MANY, MakeNode, cause, ends, in_step, items, skips


class SendingContract:
    """What a peer lacks, in pieces it can take."""

    async def test_nobody_lacks_anything_of_an_empty_log(self, node: MakeNode) -> None:
        assert await (await node("a")).all() == Batch()

    async def test_what_is_lacking_is_contiguous_and_ends_at_the_heads(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        for number in range(5):
            await a.put(number=number)
            await b.put(number=number)
        await in_step(a, b)

        assert ends(await a.all()) == await a.vector()
        assert (await a.all()).vector == await a.vector()
        assert ends(await a.replica.lacking({(await a.replica.identity()).origin: 3}, MANY, ALL)) == await a.vector()

    async def test_causes_come_before_effects(self, node: MakeNode) -> None:
        a, b, c = await node("a"), await node("b"), await node("c")
        for number in range(6):
            await (a, b, c)[number % 3].put(number=number)
            await in_step(a, b, c)
        known: dict[Origin, int] = {}
        for item in items(await c.all()):
            assert all(known.get(origin, 0) >= seq for origin, seq in cause(item).items())
            known[item.origin] = item.seq

    async def test_a_batch_is_no_larger_than_was_asked(self, node: MakeNode) -> None:
        a = await node("a")
        for number in range(7):
            await a.put(text="x" * 1_000, number=number)
        by_items = await a.replica.lacking({}, Limits(items=3), ALL)
        by_bytes = await a.replica.lacking({}, Limits(bytes=2_500), ALL)
        too_small = await a.replica.lacking({}, Limits(bytes=1), ALL)

        assert [(len(batch.items), batch.more) for batch in (by_items, by_bytes, too_small)] == [
            (3, True),
            (2, True),
            (1, True),
        ]

    async def test_batches_follow_one_another_until_nothing_is_left(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        for number in range(7):
            await a.put(number=number)
        taken = []
        more = True
        while more:
            batch = await a.replica.lacking(await b.vector(), Limits(items=3), ALL)
            taken.append((await b.replica.receive(batch)).taken)
            more = batch.more

        assert taken == [3, 3, 1]
        assert await b.replica.heads() == await a.replica.heads()

    async def test_chains_are_those_of_the_dots_in_order(self, node: MakeNode) -> None:
        a = await node("a")
        first, second = await a.put(number=1), await a.put(number=2)
        unknown = [Dot(first.origin, 3), Dot(Origin("nobody~0"), 1)]
        chains = await a.replica.chains([second, *unknown, first])

        assert chains == [(await a.at(second)).chain, b"", b"", (await a.at(first)).chain]


class FilterContract:
    """What is not wanted stays behind, and is known to."""

    USERS = Selection(types=("user.*",))

    async def test_what_is_not_wanted_comes_as_runs_that_keep_the_heads(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        for kind in ("user.added", "order.placed", "order.paid", "order.sent", "user.changed", "order.closed"):
            await a.put(type_name=kind)
        batch = await a.for_(b, self.USERS)
        receipt = await b.replica.receive(batch)

        assert [(skip.first, skip.last) for skip in skips(batch)] == [(2, 4), (6, 6)]
        assert (receipt.taken, receipt.refusals) == (2, ())
        assert await b.replica.heads() == await a.replica.heads()
        assert await a.for_(b, self.USERS) == Batch(vector=await a.vector())

    async def test_patterns_of_types_and_aggregates_must_both_fit(self, node: MakeNode) -> None:
        a = await node("a")
        await a.put("user:1", "user.added")
        await a.put("user:2", "user.added")
        await a.put("user:1", "order.placed")
        wanted = Selection(types=("user.*",), aggregates=("user:1",))

        assert [(item.aggregate, item.type) for item in items(await a.all(wanted))] == [("user:1", "user.added")]

    async def test_a_filter_that_wants_nothing_passes_everything_over(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        for number in range(10):
            await a.put(number=number)
        receipt = await b.pull(a, Selection(types=("nothing",)))

        assert (receipt.taken, receipt.vector) == (0, await a.vector())

    async def test_what_was_left_out_is_passed_on_as_left_out(self, node: MakeNode) -> None:
        a, b, c = await node("a"), await node("b"), await node("c")
        for kind in ("user.added", "order.placed", "order.paid", "user.changed"):
            await a.put(type_name=kind)
        await b.pull(a, self.USERS)
        await c.pull(b)

        assert [(skip.first, skip.last) for skip in skips(await c.all())] == [(2, 3)]
        assert await c.replica.heads() == await a.replica.heads()

    async def test_gaps_tell_what_was_left_out_in_pages(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        for number in range(9):
            await a.put(type_name="order.placed" if number % 3 else "user.changed")
        before = await b.replica.gaps(GapQuestion())
        await b.pull(a, self.USERS)
        gaps = await b.replica.gaps(GapQuestion())
        assert [(span.first, span.last) for span in gaps.spans] == [(2, 3), (5, 6), (8, 9)]
        first = await b.replica.gaps(GapQuestion(limit=2))
        rest = await b.replica.gaps(GapQuestion(after=Dot(first.spans[-1].origin, first.spans[-1].first), limit=2))

        assert (before.spans, before.digest) == ((), "")
        assert first.spans + rest.spans == gaps.spans
        assert first.digest == rest.digest == gaps.digest != ""
        assert (await b.replica.gaps(GapQuestion(limit=0))).digest == gaps.digest

    async def test_a_gap_is_filled_when_the_filter_becomes_wider(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        for number in range(9):
            await a.put(f"user:{number}", type_name="order.placed" if number % 3 else "user.changed")
        await b.pull(a, self.USERS)
        before = await b.replica.gaps(GapQuestion())
        receipt = await b.replica.receive(await a.replica.refill(before.spans, MANY, ALL))

        assert (receipt.taken, receipt.refusals) == (6, ())
        assert (await b.replica.gaps(GapQuestion())).digest == ""
        assert sorted(map(repr, items(await b.all()))) == sorted(map(repr, items(await a.all())))

    async def test_a_gap_may_be_filled_in_part_and_by_pieces(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        for kind in ("order.placed", "order.placed", "note.taken", "order.placed", "user.changed"):
            await a.put(type_name=kind)
        await b.pull(a, self.USERS)
        (span,) = (await b.replica.gaps(GapQuestion())).spans
        orders = Selection(types=("order.*",))
        await b.replica.receive(await a.replica.refill([span], Limits(items=2), orders))
        left = (await b.replica.gaps(GapQuestion())).spans
        await b.replica.receive(await a.replica.refill(left, MANY, orders))
        still = (await b.replica.gaps(GapQuestion())).spans

        assert [(span.first, span.last) for span in left] == [(3, 4)]
        assert [(span.first, span.last) for span in still] == [(3, 3)]
        assert [item.seq for item in items(await b.all())] == [1, 2, 4, 5]

    async def test_a_refill_beyond_what_is_known_is_cut_there(self, node: MakeNode) -> None:
        a = await node("a")
        dot = await a.put()
        batch = await a.replica.refill([Span(dot.origin, 1, 9), Span(Origin("x~1"), 1, 2)], MANY, ALL)

        assert (ends(batch), batch.more) == ({dot.origin: 1}, False)
