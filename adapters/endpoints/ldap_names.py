"""Names of a directory: comparing distinguished names, and texts inside filters. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

Folded = tuple[tuple[tuple[str, str], ...], ...]
"""A name to compare by: its parts, each a sorted tuple of (attribute, value) in lower case."""

_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)
_HEX_RUN = re.compile(r"(?:\\[0-9A-Fa-f]{2})+")


def fold_dn(dn: str) -> Folded:
    """Return what equal names share: letter case, blanks and ways to escape do not matter (RFC 4514, RFC 4518 §2).

    Servers write names back in their own way, so names are never compared as texts.
    """
    return tuple(
        tuple(sorted(_assertion(part) for part in _split(component, "+")))
        for component in _split(dn, ",;")
        if component
    )


def is_below(dn: str, ancestor: str) -> bool:
    """Return whether a name is the ancestor or stands under it."""
    inner, outer = fold_dn(dn), fold_dn(ancestor)
    return not outer or inner[-len(outer) :] == outer


def suffix_of(dn: str) -> str:
    """Return the dc= parts at the end of a name; empty when there are none."""
    parts = list(_split(dn, ","))
    start = len(parts)
    while start and parts[start - 1].strip().lower().startswith("dc="):
        start -= 1
    return ",".join(part.strip() for part in parts[start:])


def escape_filter(text: str) -> str:
    """Return a text as it may stand in a filter (RFC 4515 §3): \\, *, ( ) and NUL lose their meaning."""
    return "".join(f"\\{ord(letter):02x}" if letter in "\\*()\0" else letter for letter in text)


def any_of(name: str, texts: list[str]) -> str:
    """Return a filter that fits entries whose attribute has one of the values."""
    return "(|" + "".join(f"({name}={escape_filter(text)})" for text in texts) + ")"


def _assertion(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), " ".join(_unescaped(value.strip()).casefold().split())


def _unescaped(value: str) -> str:
    whole = _HEX_RUN.sub(lambda run: bytes.fromhex(run[0].replace("\\", "")).decode("utf-8", "replace"), value)
    return _ESCAPE.sub(lambda found: found[1], whole)


def _split(text: str, separators: str) -> Iterator[str]:
    """Yield the parts between separators that are neither escaped nor quoted."""
    start, escaped, quoted = 0, False, False
    for index, letter in enumerate(text):
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter in separators and not quoted:
            yield text[start:index]
            start = index + 1
    yield text[start:]
