"""The stream that keeps a namespace: made when it is missing, refused when it is another's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from adapters.coordination.nats.jetstream import Config, Info, JetStream
from adapters.coordination.nats.layout import Layout
from adapters.coordination.nats.promises import require_version
from engine.errors import CoordinationError, NotSupported

MARKED = timedelta(minutes=2)
"""For so long it is remembered of something that its time was over."""


async def bucket(jetstream: JetStream, layout: Layout, replicas: int) -> Info:
    """Return how the bucket is. Raises `NotSupported`, `CoordinationError`."""
    require_version(jetstream.line.address.title, jetstream.line.version)
    await jetstream.check()
    info = await jetstream.info(layout.stream)
    if info is None:
        info = await jetstream.make(bucket_settings(layout, replicas))
    _check(jetstream.line.address.title, layout.stream, info.config)
    return info


def bucket_settings(layout: Layout, replicas: int) -> dict[str, Any]:
    return {
        "name": layout.stream,
        "description": "Coordination of Syncdeck",
        "subjects": [layout.all],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "allow_msg_ttl": True,
        "subject_delete_marker_ttl": round(MARKED.total_seconds() * 1e9),
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_direct": False,
    }


def _check(title: str, stream: str, config: Config) -> None:
    if not config.allow_msg_ttl or not config.subject_delete_marker_ttl:
        raise NotSupported(
            f"{title} keeps {stream} without times to live: a crashed holder would block for ever. It was made by an "
            "older server or by somebody else; upgrade every server to 2.11 or later, and remove or rename it."
        )
    if config.max_msgs_per_subject != 1 or config.max_age or config.storage != "file":
        raise CoordinationError(
            f"{title}: the stream {stream} is not as Syncdeck keeps it (one message a subject, for ever, in a file). "
            "Somebody else made or changed it; mend it, or choose another coordination.namespace."
        )
