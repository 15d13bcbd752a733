"""The file itself: whose it is, where it may lie, what it says when it cannot be used."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.clock import SystemClock
from engine.coordination.standing import Claim
from engine.coordination.store import Store
from engine.errors import CoordinationUnavailable, KeyChanged, NotSupported, StorageError
from engine.storage.coordination import file, mounts
from engine.storage.coordination.store import SqliteStore
from engine.storage.database import open_database
from tests.engine.storage.coordination.neighbour import store_at, who

MINUTE = timedelta(seconds=60)


async def use(path: Path, namespace: str = "test") -> tuple[int, int]:
    """Take a lock and write a key; return token and revision."""
    async with store_at(path, namespace).open() as store:
        session = await store.begin(who(), MINUTE, lambda name, token: None)
        token = await store.claim(Claim(session, "lock/a", "1"))
        assert token is not None
        revision = await store.put("key/a", b"1")
        await store.end(session)
        return token, revision


async def test_everything_beside_the_state_file_is_for_its_owner_alone(path: Path, store: Store) -> None:
    await store.put("key/a", b"")
    modes = {beside.name: stat.S_IMODE(beside.stat().st_mode) for beside in path.parent.iterdir()}

    assert set(modes) >= {"coordination.db", "coordination.db-bell", "coordination.db-queue", "coordination.db-wal"}
    assert set(modes.values()) == {0o600}


async def test_two_namespaces_in_one_file_know_nothing_of_each_other(path: Path) -> None:
    async with store_at(path, "a").open() as a, store_at(path, "b").open() as b:
        here = await a.begin(who(), MINUTE, lambda name, token: None)
        there = await b.begin(who(), MINUTE, lambda name, token: None)
        feed = b.follow()
        await anext(feed)
        assert await a.claim(Claim(here, "lock/a", "1")) is not None
        await a.put("key/a", b"a")
        assert a.streams is not None
        assert b.streams is not None
        await a.streams.append("news", b"a")

        assert (await b.claims(), await b.entries(), await b.streams.streams()) == ([], [], [])
        assert await b.claim(Claim(there, "lock/a", "1"), wait=False) is not None
        with pytest.raises(KeyChanged):
            await b.put("key/a", b"b", expected=(await a.entries())[0].revision)
        assert (await anext(feed)).name == "lock/a"
        assert [each.id for each in await b.sessions()] == [there]


async def test_a_newer_file_is_refused_in_words(path: Path) -> None:
    await use(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")

    with pytest.raises(StorageError, match="written by a newer Syncdeck"):
        await use(path)


async def test_a_file_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    async with open_database(path):
        pass
    before = path.read_bytes()

    with pytest.raises(StorageError, match="of another program"):
        await use(path)
    assert path.read_bytes() == before


async def test_a_damaged_file_is_named_with_what_to_do(path: Path) -> None:
    await use(path)
    path.write_bytes(b"nonsense" * 1_000)

    with pytest.raises(StorageError, match="is damaged"):
        await use(path)


async def test_a_database_of_another_program_is_not_even_put_into_another_mode(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()

    with pytest.raises(StorageError, match="of another program"):
        await use(path)
    assert path.read_bytes() == before


async def test_whoever_opens_it_waits_while_others_have_it_for_themselves(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To lay it out, or as the last to leave it: on a slow disk that may take longer than SQLite waits."""
    path.parent.mkdir()
    tries: list[Path] = []
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")

        def known_now(path: Path, namespace: str) -> int | None:
            tries.append(path)
            if len(tries) == 3:
                other.execute("ROLLBACK")
            return known(path, namespace)

        known = file._known_now
        monkeypatch.setattr(file, "_known_now", known_now)
        assert min(await use(path)) > 0
    assert len(tries) == 3


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_was_taken_away_grants_nothing_more(path: Path, store: Store, replaced: bool) -> None:
    session = await store.begin(who(), MINUTE, lambda name, token: None)
    path.rename(path.with_name("moved"))
    if replaced:
        path.with_name("other").touch(0o600)
        path.with_name("other").rename(path)

    async def take_and_give_back() -> None:
        while True:
            await store.claim(Claim(session, "lock/a", "1"))
            await store.release(Claim(session, "lock/a", "1"))

    with pytest.raises(CoordinationUnavailable, match="moved away or replaced"):
        await take_and_give_back()


async def test_a_copied_file_begins_above_every_number_of_the_first(path: Path, tmp_path: Path) -> None:
    token, revision = await use(path)
    copy = tmp_path / "copy" / "coordination.db"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())

    assert min(await use(copy)) > max(token, revision) + file.CEILING_STEP // 2


@pytest.fixture
def next_boot(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what restarts the machine: its clock of elapsed time begins anew."""

    def restart() -> None:
        monkeypatch.setattr(file, "instance_of", lambda path: "another boot")
        monkeypatch.setattr(SystemClock, "monotonic", lambda clock: monotonic(clock) % 60 - 1_000_000)

    monotonic = SystemClock.monotonic
    return restart


async def test_after_a_restart_of_the_machine_nobody_holds_anything(path: Path, next_boot: Callable[[], None]) -> None:
    async with store_at(path).open() as store:
        session = await store.begin(who(), MINUTE, lambda name, token: None)
        before = await store.claim(Claim(session, "lock/a", "1"))
        await store.put("key/a", b"kept")
        await store.put("key/b", b"kept a little longer", expires=MINUTE)
        assert before is not None
    next_boot()

    async with store_at(path).open() as store:
        assert await store.sessions() == []
        assert [each.holder for each in await store.claims()] == [None]
        assert [entry.value for entry in await store.entries()] == [b"kept", b"kept a little longer"]
        (_, expiring) = await store.entries()
        assert expiring.left is not None
        assert timedelta(seconds=55) < expiring.left <= MINUTE
        session = await store.begin(who(), MINUTE, lambda name, token: None)
        after = await store.claim(Claim(session, "lock/a", "1"))
        assert after is not None
        assert after > before + file.CEILING_STEP // 2


async def test_where_restarts_cannot_be_told_deadlines_of_another_boot_are_known_by_their_distance(
    path: Path, next_boot: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with store_at(path).open() as store:
        session = await store.begin(who(), MINUTE, lambda name, token: None)
        await store.claim(Claim(session, "lock/a", "1"))
        await store.put("key/b", b"kept a little longer", expires=MINUTE)
    next_boot()
    monkeypatch.setattr(file, "instance_of", lambda path: "")

    async with store_at(path).open() as store:
        assert await store.sessions() == []
        session = await store.begin(who(), MINUTE, lambda name, token: None)
        assert await store.claim(Claim(session, "lock/a", "1"), wait=False) is not None
        (expiring,) = await store.entries()
        assert expiring.left is not None
        assert timedelta(seconds=55) < expiring.left <= MINUTE


async def test_numbers_go_on_over_the_ceiling_that_is_on_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "CEILING_STEP", 5)
    async with store_at(path).open() as store:
        session = await store.begin(who(), MINUTE, lambda name, token: None)
        numbers: list[int] = []
        for number in range(20):
            token = await store.claim(claim := Claim(session, "lock/a", str(number)))
            assert token is not None
            with closing(sqlite3.connect(path)) as connection:
                ((ceiling,),) = connection.execute("SELECT value FROM meta WHERE name = 'ceiling'")
            assert token < ceiling
            await store.release(claim)
            numbers += (token, await store.put("key/a", b""))

    assert numbers == sorted(set(numbers))


async def test_where_the_boot_cannot_be_told_numbers_rise_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "instance_of", lambda path: "")
    async with store_at(path).open() as store:
        session = await store.begin(who(), MINUTE, lambda name, token: None)
        first = await store.claim(Claim(session, "lock/a", "1"))
        assert first is not None
        assert min(await use(path, "other")) > first
        second = await store.claim(Claim(session, "lock/b", "1"))
        assert second is not None
        assert second > first
        assert [each.id for each in await store.sessions()] == [session]


async def test_another_time_namespace_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await use(path)
    monkeypatch.setattr(file, "_time_namespace", lambda: 4_711)

    with pytest.raises(NotSupported, match="time namespace"):
        await use(path)


MOUNTS = """\
22 1 254:0 / / rw - ext4 /dev/vda rw
40 22 0:40 / /srv/nfs rw - nfs4 server:/ rw
41 22 0:41 / /srv/with\\040space rw - fuse.sshfs host: rw
42 22 0:42 / /srv/anna rw - fuse.fuse-overlayfs none rw
43 40 0:43 / /srv/nfs/local rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/srv/nfs/files", "nfs4"),
        ("/srv/nfsx", "ext4"),
        ("/srv/with space/files", "fuse.sshfs"),
        ("/srv/anna/files", "fuse.fuse-overlayfs"),
        ("/srv/nfs/local/files", "tmpfs"),
    ],
)
def test_the_file_system_is_that_of_the_innermost_mount(place: str, kind: str, tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS)

    assert mounts.file_system_of(Path(place) / "coordination.db", table) == kind


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
@pytest.mark.parametrize("read_only", [False, True])
async def test_a_file_system_that_other_machines_share_is_refused(
    kind: str, read_only: bool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "file_system_of", lambda path: kind)
    store = SqliteStore(path, store_at(path)._clock, "test", read_only=read_only)

    with pytest.raises(NotSupported, match=f"other machines may share \\({kind}\\)"):
        async with store.open():
            pass
    assert not path.parent.exists()


@pytest.mark.parametrize("kind", ["", "ext4", "fuse.fuse-overlayfs", "overlay", "apfs"])
async def test_a_local_file_system_is_not_refused(kind: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "file_system_of", lambda path: kind)

    assert min(await use(path)) > 0


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """Let every write beyond a size fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_told_and_what_was_acknowledged_stays(path: Path, store: Store) -> None:
    kept: list[str] = []

    async def fill() -> None:
        while True:
            await store.put(f"key/{len(kept):03}", os.urandom(20_000))
            kept.append(f"key/{len(kept):03}")

    with files_no_longer_than(300_000), pytest.raises(CoordinationUnavailable, match="disk"):
        await fill()

    assert [entry.key for entry in await store.entries()] == kept
    assert len(kept) > 3
    await store.put("key/after", b"there is room again")
    session = await store.begin(who(), MINUTE, lambda name, token: None)
    assert await store.claim(Claim(session, "lock/a", "1")) is not None


async def test_a_folder_that_may_not_be_written_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.write_text("a file where the folder should be")

    with pytest.raises(CoordinationUnavailable, match="cannot be used"):
        await use(path)


def test_the_pages_are_as_small_as_was_measured(path: Path) -> None:
    file.prepare(path, "test", 0)
    with closing(sqlite3.connect(path)) as connection:
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "journal_mode")]

    assert pragmas == [file.PAGE_BYTES, "wal"]


def test_where_files_cannot_be_shared_like_that_it_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("engine.storage.coordination.file.os", SimpleNamespace(name="nt"))
        with pytest.raises(NotSupported, match="on Linux and macOS alone"):
            file.refuse_elsewhere(path)
