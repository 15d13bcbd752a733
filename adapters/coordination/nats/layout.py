"""Where Syncdeck's things lie in NATS: names of streams and subjects. Pure."""

from __future__ import annotations

from hashlib import sha256
from string import ascii_letters, ascii_lowercase, digits
from urllib.parse import unquote

from engine.coordination.standing import SessionId

READABLE = frozenset((ascii_letters + digits + "-_").encode())
CASELESS = frozenset((ascii_lowercase + digits + "-_").encode())
"""Names of streams are folders at the server, and some file systems fold upper and lower case."""

EMPTY = "="
"""Stands for a part without a letter, which a subject cannot have."""

LONGEST = 160
"""Letters of an escaped name of a stream; NATS takes 255 in all."""


class Layout:
    """`$KV.<bucket>.key.<key>`, `….session.<id>` and `….queue.<session>.<name>`: a bucket that NATS's own tools show.

    The parts of a name between `/` become the parts of its subject; every byte but letters, digits, `-` and `_` is
    written as `=` and two hexadecimal digits.
    """

    def __init__(self, namespace: str) -> None:
        bucket = f"syncdeck-{namespace}"
        self.stream = f"KV_{bucket}"
        """That keeps the bucket."""
        self.all = f"$KV.{bucket}.>"
        self.keys = f"$KV.{bucket}.key"
        self.sessions = f"$KV.{bucket}.session"
        self.queues = f"$KV.{bucket}.queue"
        self.events = f"syncdeck.{namespace}.events"
        self._event_streams = f"syncdeck={namespace}="

    def key(self, key: str) -> str:
        return f"{self.keys}.{path(key)}"

    def session(self, session: SessionId) -> str:
        return f"{self.sessions}.{path(session)}"

    def part(self, name: str, session: SessionId) -> str:
        """Return where a session writes down what it has in the queue of a name."""
        return f"{self.queues}.{path(session)}.{path(name)}"

    def under(self, prefix: str) -> str:
        """Return the narrowest filter that lets through all keys with a prefix, and perhaps others."""
        whole, slash, _ = prefix.rpartition("/")
        return f"{self.key(whole)}.>" if slash else f"{self.keys}.>"

    def told(self, subject: str) -> tuple[str, str]:
        """Return what a subject of the bucket is about, as its prefix, and the name; before that of a queue stands the
        session, and `/`."""
        for prefix in (self.keys, self.sessions, self.queues):
            if subject.startswith(f"{prefix}."):
                return prefix, name_of(subject[len(prefix) + 1 :])
        return "", subject

    def event_stream(self, stream: str) -> str:
        return self._event_streams + _bounded(stream)

    def nameless(self, stream: str) -> str:
        """Return the subject of the messages of an event stream that have no name."""
        return f"{self.events}.{_bounded(stream)}.any"

    def named(self, stream: str, name: str) -> str:
        """Return the subject that one message alone has."""
        return f"{self.events}.{_bounded(stream)}.named.{_bounded(name)}"

    def events_of(self, stream: str) -> str:
        """Return a filter for all messages of an event stream."""
        return f"{self.events}.{_bounded(stream)}.>"


def path(name: str) -> str:
    """Return a name as parts of a subject."""
    return ".".join(_escaped(part, READABLE) or EMPTY for part in name.split("/"))


def name_of(parts: str) -> str:
    """Return the name that `path` made these parts of."""
    return "/".join("" if part == EMPTY else unquote(part.replace("=", "%")) for part in parts.split("."))


def _escaped(text: str, plain: frozenset[int]) -> str:
    return "".join(chr(byte) if byte in plain else f"={byte:02X}" for byte in text.encode())


def _bounded(name: str) -> str:
    """Return a name as one part, whatever its length: a long one is cut, and told from others by its digest."""
    escaped = _escaped(name, CASELESS) or EMPTY
    if len(escaped) <= LONGEST:
        return escaped
    return f"{escaped[: LONGEST - 64]}={sha256(name.encode()).hexdigest()}"
