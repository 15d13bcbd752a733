"""What a Redis can be relied on for, by its kind and by what it says of itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from engine.coordination.promises import Promises
from engine.errors import CoordinationUnavailable, NotSupported

OLDEST = (6, 2)

ALWAYS = (
    "A failover may forget the last grants: two hold one lock until the first renews; the second has a greater token.",
    "Whoever loses the connection for 0.8 s gives up what it holds: others take it after 1 s.",
    "Keys expire by the server's wall clock; sessions and claims do not depend on it.",
)

PROMISES = Promises(
    backend="Redis",
    reach="all nodes that reach the server",
    shortest_ttl=timedelta(milliseconds=500),
    crash_seen="after 1.3 s, through its connection",
    hang_seen="after the ttl and 0.6 s, through its heart-beat",
    shortest_expiry=timedelta(milliseconds=1),
    cautions=ALWAYS,
)


def learnt(title: str, info: Mapping[str, str], durability: Mapping[str, str] | None) -> Promises:
    """Return the promises of a server, from its INFO and from its `append*` settings (None: it does not show them).

    Raises `NotSupported` for one that is too old or a cluster, `CoordinationUnavailable` for a replica.
    """
    backend = fit(title, info)
    cautions = (*_counting(backend, info), *_durability(backend, durability), *_memory(info), *ALWAYS)
    return replace(PROMISES, backend=backend, cautions=cautions)


def fit(title: str, info: Mapping[str, str]) -> str:
    """Return what a server calls itself. Raises as `learnt` does."""
    valkey = info.get("valkey_version")
    version = info.get("redis_version", "0")
    backend = f"Valkey {valkey}" if valkey else f"Redis {version}"
    if not valkey and tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
        raise NotSupported(f"{title} is {backend}; 6.2 is the oldest that can do this. Use a newer one, or Valkey.")
    if "cluster" in (info.get("redis_mode"), info.get("server_mode")) or info.get("cluster_enabled") == "1":
        raise NotSupported(f"{title} is a cluster; coordination needs a single server.")
    if info.get("role") == "slave":
        primary = info.get("master_host", "another")
        raise CoordinationUnavailable(
            f"{title} is a replica of {primary}. Name the primary in coordination.url, or what leads to it."
        )
    return backend


def facts(text: bytes) -> dict[str, str]:
    """Return what an answer to INFO says."""
    lines = (line.partition(":") for line in text.decode(errors="replace").splitlines() if ":" in line)
    return {name: value for name, _, value in lines}


def introduced(hello: Mapping[bytes, Any]) -> dict[str, str]:
    """Return as much of INFO as the answer to HELLO tells, to a user who may not ask for more."""
    said = {name.decode(): value.decode() for name, value in hello.items() if isinstance(value, bytes)}
    version = said.get("version", "0")
    return {
        ("valkey_version" if said.get("server") == "valkey" else "redis_version"): version,
        "cluster_enabled": "1" if said.get("mode") == "cluster" else "0",
        "role": "slave" if said.get("role") == "replica" else "master",
    }


def _counting(backend: str, info: Mapping[str, str]) -> tuple[str, ...]:
    if "run_id" in info:
        return ()
    return (f"{backend} hides INFO from this user: tokens of grants it forgot in a crash or failover may come again.",)


def _durability(backend: str, settings: Mapping[str, Any] | None) -> tuple[str, ...]:
    if settings is None:
        return (f"{backend} does not show its settings: whether it keeps anything over a crash is not known.",)
    if settings.get("appendonly") != "yes":
        forgets = "locks are forgotten and tokens begin again at 1. Set appendonly yes and appendfsync always."
        return (f"{backend} keeps nothing over a crash (appendonly no): {forgets}",)
    if settings.get("appendfsync") != "always":
        forgets = "two may hold one lock. Set appendfsync always."
        return (f"A power failure loses the last moments (appendfsync {settings.get('appendfsync')}): {forgets}",)
    return ()


def _memory(info: Mapping[str, str]) -> tuple[str, ...]:
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory", "0") == "0" or not policy.startswith("allkeys-"):  # volatile: keys that expire; none does
        return ()
    return (f"When its memory is full it may drop anything, locks too (maxmemory-policy {policy}). Set noeviction.",)
