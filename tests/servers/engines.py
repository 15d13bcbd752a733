"""One running server of each kind for a whole test process: started when first asked for, ended with the process.

Tests that share a server keep apart by their names (a namespace, a database, a prefix of their own). One that stops,
kills or freezes it needs to put nothing right: whoever asks for it next gets it running. A test that counts on
untouched data over a restart, or on options, starts a server of its own with `start_redis`, `start_etcd`, …
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from tests.servers.consul import start_consul
from tests.servers.etcd import start_etcd
from tests.servers.memcached import start_memcached
from tests.servers.nats import start_nats
from tests.servers.postgres import start_postgres
from tests.servers.redis import start_redis, start_valkey
from tests.servers.server_process import ServerProcess

START: dict[str, Callable[[], AbstractContextManager[ServerProcess]]] = {
    "redis": start_redis,
    "valkey": start_valkey,
    "etcd": start_etcd,
    "consul": start_consul,
    "nats": start_nats,
    "postgres": start_postgres,
    "memcached": start_memcached,
}

_running: dict[str, ServerProcess] = {}
_ends = ExitStack()


def engine(kind: str) -> ServerProcess:
    """Return the server of this kind, which answers. Raises `RuntimeError` where none can be had, saying what to do."""
    if kind not in _running:
        _running[kind] = _ends.enter_context(START[kind]())
    return _running[kind].well()


@atexit.register
def end_engines() -> None:
    """End every server that runs, and remove what it left on the disk."""
    _running.clear()
    _ends.close()
