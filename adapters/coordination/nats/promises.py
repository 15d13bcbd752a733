"""What a NATS can be relied on for, by what it says of itself. Pure."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from adapters.coordination.nats.jetstream import Config
from engine.coordination.promises import Feature, Promises
from engine.errors import NotSupported

OLDEST = (2, 11)

SYNC = (
    "NATS does not tell how it is set up: unless every server has sync_interval: always, a power failure may lose the "
    "last two minutes, and tokens are given again."
)

ALWAYS = (
    SYNC,
    "Times are counted in whole seconds, rounded up, by the servers' clocks: set forward, sessions lapse early.",
    "Tokens never go back, unless somebody deletes the bucket or restores a backup of it.",
)

PROMISES = Promises(
    backend="NATS",
    reach="all nodes that reach the same NATS servers",
    shortest_ttl=timedelta(seconds=1),
    crash_seen="when its session lapses: its ttl, and half a second",
    hang_seen="when its session lapses: its ttl, and half a second",
    shortest_expiry=timedelta(seconds=1),
    refusals={
        Feature.FENCED_WRITE: "NATS cannot look at a lock and write a key in one step. Write with the key's own "
        "revision (compare-and-set), or use sqlite, redis, etcd, consul or postgres."
    },
    cautions=ALWAYS,
)


def require_version(title: str, version: str) -> None:
    """Raise `NotSupported` for a server that takes times to live and forgets them."""
    words = version.split(".")[:2]
    if tuple(int(word) if word.isdigit() else 0 for word in words) < OLDEST:
        raise NotSupported(
            f"{title} is NATS {version}, which ignores times to live without a word: a crashed holder would block for "
            "ever. 2.11 or later is needed; upgrade it."
        )


def learnt(version: str, config: Config, replicas: int) -> Promises:
    """Return the promises of a server with a bucket that should be kept on so many servers."""
    return replace(PROMISES, backend=f"NATS {version}", cautions=(*_copies(config.num_replicas, replicas), *ALWAYS))


def _copies(kept: int, wanted: int) -> tuple[str, ...]:
    found = []
    if kept == 1:
        alone = "while it is away nobody is served, and its disk is the only copy."
        found.append(f"Everything is kept on one server (replicas 1): {alone}")
    else:
        found.append(
            "When the server that decides goes away, the others take 4 to 10 s to choose another one, in which nobody "
            "is served: what is held with a shorter ttl is lost, and its holder told."
        )
    if kept != wanted:
        found.append(
            f"The bucket is kept on {kept}, and coordination.replicas says {wanted}: change the bucket at NATS."
        )
    return tuple(found)
