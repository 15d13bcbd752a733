"""Every coordination backend of the registry keeps the contract, on a real one of its kind, and so does the one in
memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from engine.coordination.promises import Feature
from engine.coordination.standing import Claim, Fence, SessionId, Token, Who
from engine.coordination.store import Store
from engine.errors import NotSupported
from tests.contracts.store_case import StoreCase, soon
from tests.contracts.store_claims import CLAIMS
from tests.contracts.store_feed import FEED
from tests.contracts.store_keys import KEYS
from tests.contracts.store_looking import LOOKING
from tests.contracts.store_rows import ROWS, store_sandboxes, trials
from tests.contracts.store_sandbox import Circumstance, StoreSandbox
from tests.contracts.store_sessions import SESSIONS
from tests.contracts.store_streams import STREAMS
from tests.contracts.store_trouble import TROUBLE

SUITES = (SESSIONS, CLAIMS, LOOKING, KEYS, FEED, TROUBLE, STREAMS)
TRIALS = list(trials(*SUITES))
EVERY_SANDBOX = [sandbox for row in ROWS for sandbox in store_sandboxes(row)]

SOMEBODY = Who(node="n", actor="a@h", pid=1)
NOWHERE = Claim(SessionId("nobody"), "name", "nonce")


async def _followed(store: Store) -> None:
    async for _ in store.follow():
        return


PROBES: dict[Feature, Callable[[Store, StoreSandbox], Awaitable[object]]] = {
    Feature.LOCK: lambda store, sandbox: store.begin(SOMEBODY, sandbox.long, lambda name, token: None),
    Feature.KEYS: lambda store, sandbox: store.put("k", b""),
    Feature.EXPIRY: lambda store, sandbox: store.put("k", b"", expires=sandbox.long),
    Feature.FENCED_WRITE: lambda store, sandbox: store.put("k", b"", fence=Fence("name", Token(1))),
    Feature.LIST: lambda store, sandbox: store.entries(),
    Feature.WATCH: lambda store, sandbox: _followed(store),
}
"""How each feature is asked of a store; the others are built on these, or are objects of their own."""

REFUSALS = [
    pytest.param(sandbox, feature, id=f"{sandbox.label}-{feature.name}")
    for sandbox in EVERY_SANDBOX
    for feature in sandbox.promises.refusals
]


@pytest.mark.parametrize(("sandbox_type", "case"), [trial[1:] for trial in TRIALS], ids=[trial[0] for trial in TRIALS])
def test_a_store_keeps_the_contract(sandbox_type: type[StoreSandbox], case: StoreCase, tmp_path: Path) -> None:
    async def run() -> None:
        async with sandbox_type(tmp_path) as sandbox:
            await case.run(sandbox)

    sandbox_type.play(run())


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_registry_has_a_sandbox(row: str) -> None:
    assert store_sandboxes(row), (
        f"tests/contracts/coordination_sandboxes/{row}.py is missing: nothing shows that it works"
    )


@pytest.mark.parametrize(("sandbox_type", "feature"), REFUSALS)
def test_what_a_backend_cannot_do_is_refused_by_name_and_changes_nothing(
    sandbox_type: type[StoreSandbox], feature: Feature, tmp_path: Path
) -> None:
    sentence = sandbox_type.promises.refusals[feature]
    assert len(sentence.split()) >= 4, f"{feature}: no sentence"
    assert sentence.endswith((".", "!")), "and a whole one"

    async def run() -> None:
        async with sandbox_type(tmp_path) as sandbox:
            store = await sandbox.open()
            if feature is Feature.STREAM:
                assert store.streams is None
            elif feature in PROBES:
                with pytest.raises(NotSupported) as told:
                    await soon(PROBES[feature](store, sandbox))
                assert str(told.value) == sentence
            if Feature.KEYS not in sandbox.promises.refusals:
                assert await soon(store.get("k")) is None

    sandbox_type.play(run())


@pytest.mark.parametrize("sandbox_type", EVERY_SANDBOX, ids=lambda sandbox: sandbox.label)
def test_a_sandbox_promises_what_its_backend_promises(sandbox_type: type[StoreSandbox], tmp_path: Path) -> None:
    async def run() -> None:
        async with sandbox_type(tmp_path) as sandbox:
            assert sandbox.backend().promises == sandbox_type.promises, "before anything is connected"
            known = (await sandbox.open()).promises
            assert known.refusals == sandbox_type.promises.refusals
            assert known.shortest_ttl <= sandbox_type.ttl
            assert known.shortest_expiry is None or known.shortest_expiry <= sandbox_type.expiry
            assert Feature.EXPIRY in known.refusals or known.shortest_expiry is not None

    sandbox_type.play(run())


@pytest.mark.parametrize("sandbox_type", EVERY_SANDBOX, ids=lambda sandbox: sandbox.label)
def test_a_backend_says_what_it_promises_in_words(sandbox_type: type[StoreSandbox]) -> None:
    promises = sandbox_type.promises
    assert promises.backend[0].isupper() or promises.backend[0].islower()
    assert all(len(said.split()) >= 2 for said in (promises.reach, promises.crash_seen, promises.hang_seen))
    assert all(caution.endswith(".") for caution in promises.cautions)


@pytest.mark.parametrize("sandbox_type", EVERY_SANDBOX, ids=lambda sandbox: sandbox.label)
def test_two_sandboxes_never_meet(sandbox_type: type[StoreSandbox], tmp_path: Path) -> None:
    if Feature.KEYS in sandbox_type.promises.refusals:
        pytest.fail("a sandbox whose backend has no keys needs another way to show that it is alone")

    async def run() -> None:
        for _ in range(2):
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            async with sandbox_type(folder) as sandbox:
                store = await sandbox.open()
                assert await soon(store.get("k")) is None
                await soon(store.put("k", b"mine"))

    sandbox_type.play(run())


@pytest.mark.parametrize("sandbox_type", EVERY_SANDBOX, ids=lambda sandbox: sandbox.label)
def test_whatever_cannot_happen_to_a_backend_is_declared_with_a_reason(sandbox_type: type[StoreSandbox]) -> None:
    for circumstance, reason in sandbox_type.lacks.items():
        assert len(reason.split()) >= 4, f"{circumstance.name}: no sentence"


def test_every_circumstance_is_asked_for_by_a_case() -> None:
    asked = {need for suite in SUITES for case in suite.cases.values() for need in case.needs}
    assert asked >= set(Circumstance)


def test_labels_tell_the_sandboxes_apart() -> None:
    labels = [sandbox.label for sandbox in EVERY_SANDBOX]
    assert len(labels) == len(set(labels))
