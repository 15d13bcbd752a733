"""Another process at the coordination file, which does as it is told, line by line, and can be killed at any moment.

python -m tests.engine.storage.coordination.neighbour FILE [TTL_SECONDS]
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.clock import SystemClock
from engine.coordination.standing import Claim, SessionId, Who
from engine.coordination.store import Store
from engine.storage.coordination.file import lock_path
from engine.storage.coordination.store import SqliteStore

NAMESPACE = "test"


def who(node: str = "berlin-1") -> Who:
    return Who(node=node, actor=f"anna@{node}", pid=os.getpid(), purpose="test")


def store_at(path: Path, namespace: str = NAMESPACE) -> SqliteStore:
    return SqliteStore(path, SystemClock(), namespace)


class Neighbour:
    """Our end of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, *words: object) -> None:
        """Give it a command, and do not wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Mapping[str, Any]:
        """Wait for its answer."""
        assert self.process.stdout is not None
        heard: Mapping[str, Any] = json.loads(self.process.stdout.readline())
        return heard

    def do(self, *words: object) -> Mapping[str, Any]:
        """Give it a command and wait for the answer."""
        self.tell(*words)
        return self.hear()

    def kill(self) -> float:
        """End it as a crash would; return the moment before."""
        at = SystemClock().monotonic()
        self.process.kill()
        return at

    def stop(self) -> None:
        """Let it stand still where it is, and return once it does."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def neighbour(path: Path, ttl: float = 60) -> Iterator[Neighbour]:
    """Start one; it is killed at the end of the block."""
    command = [sys.executable, "-m", __name__, str(path), str(ttl)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        there = Neighbour(process)
        try:
            assert there.hear() == {"ready": True}
            yield there
        finally:
            process.kill()


class _There:
    """The other end."""

    def __init__(self, store: Store, session: SessionId, path: Path) -> None:
        self._store = store
        self._session = session
        self._path = path
        self._inside: sqlite3.Connection | None = None

    async def claim(self, name: str) -> Mapping[str, Any]:
        """Wait for a name; say the token and when it was had."""
        token = await self._store.claim(Claim(self._session, name, name))
        return {"token": token, "at": SystemClock().monotonic()}

    async def release(self, name: str) -> Mapping[str, Any]:
        return {"released": await self._store.release(Claim(self._session, name, name))}

    async def session(self) -> Mapping[str, Any]:
        return {"session": self._session}

    async def put(self, key: str, value: str) -> Mapping[str, Any]:
        return {"revision": await self._store.put(key, value.encode())}

    async def enter(self) -> Mapping[str, Any]:
        """Begin a transaction that changes something, and stay inside."""
        self._inside = sqlite3.connect(self._path, isolation_level=None)
        self._inside.execute("BEGIN IMMEDIATE")
        self._inside.execute("UPDATE claim SET token = 1, session = 'nobody'")
        self._inside.execute("DELETE FROM key")
        return {"inside": True}

    async def stand_in_line(self) -> Mapping[str, Any]:
        """Take the lock of those who wait to write, and keep it."""
        fcntl.flock(os.open(lock_path(self._path), os.O_RDWR), fcntl.LOCK_EX)
        return {"first": True}

    async def storm(self) -> Mapping[str, Any]:
        """Write without end."""
        number = 0
        while True:
            claim = Claim(self._session, f"storm-{os.getpid()}", str(number))
            await self._store.claim(claim)
            await self._store.release(claim)
            number += 1
            if number % 20 == 0:
                await self._store.put(f"storm/{os.getpid()}", str(number).encode())
                print(json.dumps({"put": number}), flush=True)
            await asyncio.sleep(0)


async def _main(path: Path, ttl: float) -> None:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with store_at(path).open() as store:
        session = await store.begin(who(), timedelta(seconds=ttl), lambda name, token: None)
        there = _There(store, session, path)
        print(json.dumps({"ready": True}), flush=True)
        while line := await lines.readline():
            name, *arguments = line.decode().split()
            print(json.dumps(await getattr(there, name)(*arguments)), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), float(sys.argv[2])))
