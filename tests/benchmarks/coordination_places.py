"""Where coordination is measured: each backend with a server of its own, what is compared there, and what is to be
reached. Names are kinds of `coordination_contenders`; a place is a folder, or a server's URL with a namespace behind
`#`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.servers.consul import start_consul
from tests.servers.etcd import start_etcd
from tests.servers.nats import start_nats
from tests.servers.postgres import start_postgres
from tests.servers.redis import start_redis
from tests.servers.server_process import ServerProcess

_namespaces = count(1)


@contextmanager
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        yield name


def served(start: Callable[[], AbstractContextManager[ServerProcess]]) -> Callable[[], AbstractContextManager[str]]:
    """Return how to have a server, and a namespace there."""

    @contextmanager
    def place() -> Iterator[str]:
        with start() as server:
            yield f"{server.url}#bench-{os.getpid()}-{next(_namespaces)}"

    return place


def apart(place: str) -> str:
    """Return a place at the same server, or in the same folder, that nobody uses yet."""
    number = next(_namespaces)
    if "#" in place:
        return f"{place}-{number}"
    inner = Path(place) / str(number)
    inner.mkdir()
    return str(inner)


def through(place: str, port: int) -> str:
    """Return the same place by way of a proxy at this port."""
    parts = urlsplit(place)
    login = f"{parts.username}:{parts.password}@" if parts.username else ""
    return urlunsplit(parts._replace(netloc=f"{login}127.0.0.1:{port}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What is to be reached on a quiet machine: pairs and grants a second at least, milliseconds at most. Zero: no
    goal."""

    pairs: float
    grants: float
    hand_over: float
    hand_over_p95: float
    killed: float
    hung: float
    """After the ttl."""
    told: float = 5.0
    """A change, to the feed of another process, 99th percentile."""
    turns: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A backend's row: `limit` is a raw pair of round trips (of writes), `rivals` are what people use there."""

    place: Callable[[], AbstractContextManager[str]]
    limit: str
    rivals: tuple[str, ...]
    goals: Goals


BACKENDS = {
    "sqlite": Backend(
        place=folder,
        limit="two-transactions",
        rivals=("bare-queue", "tooz-file", "filelock", "fasteners"),
        goals=Goals(pairs=10_000, grants=4_000, hand_over=0.6, hand_over_p95=5, killed=15, hung=100, told=2),
    ),
    "redis": Backend(
        place=served(start_redis),
        limit="redis-set-del",
        rivals=("tooz-redis", "redis-py", "python-redis-lock"),
        goals=Goals(pairs=3_500, grants=1_800, hand_over=1.2, hand_over_p95=6, killed=1_300, hung=600),
    ),
    "postgres": Backend(
        place=served(lambda: start_postgres(durable=True)),
        limit="two-updates",
        rivals=("tooz-postgresql", "pg_advisory_lock"),
        goals=Goals(pairs=700, grants=160, hand_over=3, hand_over_p95=10, killed=20, hung=600),
    ),
    "etcd": Backend(
        place=served(start_etcd),
        limit="etcd-put-delete",
        rivals=("tooz-etcd3gw", "etcd-v3lock"),
        goals=Goals(pairs=500, grants=90, hand_over=4, hand_over_p95=12, killed=2_600, hung=600),
    ),
    "nats": Backend(
        place=served(start_nats),
        limit="nats-create-delete",
        rivals=(),
        goals=Goals(pairs=900, grants=0, hand_over=4, hand_over_p95=12, killed=2_100, hung=600),
    ),
    "consul": Backend(
        place=served(start_consul),
        limit="consul-acquire-release",
        rivals=(),
        goals=Goals(pairs=0, grants=0, hand_over=0, hand_over_p95=0, killed=4_600, hung=2_600, told=0),
    ),
}
SHORT = 2.0
"""Seconds after which a silent holder's place goes to the next, where that is measured."""
