"""Secrets never reach a file, an event, a log line, a plan or a screen: the one place that hides them.

Two nets. What was *registered* (every secret that an adapter was given) is hidden wherever it stands, also
percent-encoded, in base64, escaped in JSON. What merely *looks* like a secret (a password in a URL, an Authorization
header, `token=…`) is hidden even if nobody registered it. References such as `keyring:staff` are no secrets and stay.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

HIDDEN = "***"
SHORTEST = 4
"""Shorter secrets are not searched for: hiding every `a` would make all texts unreadable and hide nothing."""

_WORDS = r"(?:pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)"
_REFERENCE = r"(?!(?:keyring|env|file):\S)"
_SECRET_NAME = re.compile(rf"(?i)^(?:[\w.-]*{_WORDS}|(?:proxy-)?authorization|(?:set-)?cookie)$")

_PATTERNS = (
    # The password of a URL: everything between the first colon and the last @ before the path (RFC 3986 §3.2.1).
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"]*):[^\s/'\"]*@"), rf"\1:{HIDDEN}@"),
    (
        re.compile(rf"(?i)(\b(?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?){_REFERENCE}[^\r\n'\",}}]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{12,}"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)({_WORDS}['\"]?\s*[:=]\s*)(['\"]){_REFERENCE}(?!\2).+?(?<!\\)\2"), rf"\1\2{HIDDEN}\2"),
    (
        # A number of few digits is a fencing token, which operators must see.
        re.compile(rf"(?i)({_WORDS}=){_REFERENCE}(?!\d{{1,12}}\b)(?!\*)[^\s&;,'\"(){{}}\[\]]+"),
        rf"\1{HIDDEN}",
    ),
    (
        # `password: hunter2` at the end of a line; in the middle of one it is a sentence about a setting.
        re.compile(rf"(?im)({_WORDS}:[ \t]+){_REFERENCE}(?!\d{{1,12}}\b|\*)[^\s,'\"{{}}\[\]]+(?=[ \t]*(?:$|[,}}]))"),
        rf"\1{HIDDEN}",
    ),
)

_TELLTALES = ("://", "authorization", "cookie", "bearer", "basic", "pass", "pwd", "secret", "token", "credential")
_TELLTALE_KEYS = tuple(f"{kind}{gap}key" for kind in ("api", "access", "private") for gap in ("", "_", "-"))
"""Without one of these no pattern can match: nearly all texts are done after a dozen quick searches."""


class Redactor:
    """Knows the secrets of this process and hides them. Registering and hiding may happen in different threads."""

    def __init__(self) -> None:
        self._forms: frozenset[str] = frozenset()
        self._registered: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def register(self, secret: str) -> None:
        """Hide this secret from now on, in every form it is likely to be written in."""
        forms = self._forms | {form for form in _forms_of(secret) if len(form) >= SHORTEST}
        if forms == self._forms:
            return
        self._forms = forms
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._registered = re.compile("|".join(map(re.escape, longest_first)))

    def text(self, text: str) -> str:
        """Return the text with every secret in it hidden. Hiding twice changes nothing more."""
        if self._registered is not None:
            text = self._registered.sub(HIDDEN, text)
        if not _tells(text):
            return text
        for pattern, hidden in _PATTERNS:
            text = pattern.sub(hidden, text)
        return text

    @property
    def knowledge(self) -> object:
        """Another object after each new secret: whoever remembers that a text held none forgets it then."""
        return self._registered

    def suspects(self, text: str) -> bool:
        """Tell whether a text may hold a secret; `value` leaves a value alone whose JSON text is not suspected.

        A text that is not suspected has no part that is: one look at many joined texts clears them all.
        """
        return _tells(text) or (self._registered is not None and self._registered.search(text) is not None)

    def value(self, value: Any) -> Any:
        """Return a copy with every secret hidden, through mappings, lists, structs and bytes, keys included.

        A text under a name like `password` or `token` is hidden whatever it looks like, unless it is a reference.
        """
        return self._hidden(value)

    def _hidden(self, value: object) -> object:
        match value:
            case str():
                return self.text(value)
            case bytes():
                return self.text(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
            case Mapping():
                return {self._hidden(key): self._under(key, each) for key, each in value.items()}
            case msgspec.Struct():
                names = value.__struct_fields__
                changes = {name: self._under(name, getattr(value, name)) for name in names}
                return msgspec.structs.replace(value, **changes)
            case list() | tuple() | set() | frozenset():
                return type(value)(self._hidden(each) for each in value)
            case BaseException():
                return self.text(str(value))
            case _:
                return value

    def _under(self, name: object, value: object) -> object:
        """Hide a value by the name it stands under."""
        clear = isinstance(value, str) and value and not re.match(r"(keyring|env|file):\S", value)
        return HIDDEN if clear and is_secret_name(name) else self._hidden(value)


class RedactingFilter(logging.Filter):
    """Put on a handler: rewrites each record before it is written, arguments, extras and traceback included."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, redacted."""
        record.msg, record.args = self._redactor.text(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = record.exc_text or self._formatter.formatException(record.exc_info)
            record.exc_info = None
        record.exc_text = self._redactor.text(record.exc_text) if record.exc_text else None
        record.stack_info = self._redactor.text(record.stack_info) if record.stack_info else None
        for name in record.__dict__.keys() - _STANDARD:
            record.__dict__[name] = self._redactor.value(record.__dict__[name])
        return True


_STANDARD = logging.LogRecord("", 0, "", 0, "", (), None).__dict__.keys()


def is_secret_name(name: object) -> bool:
    """Tell whether a setting, header or attribute of this name usually holds a secret."""
    return isinstance(name, str) and _SECRET_NAME.match(name) is not None


def _tells(text: str) -> bool:
    folded = text.casefold()
    for word in _TELLTALES:
        if word in folded:
            return True
    return "key" in folded and any(word in folded for word in _TELLTALE_KEYS)


def _forms_of(secret: str) -> Iterator[str]:
    """Yield the ways a secret is written: as it is, in URLs, JSON and base64, and line by line if it is a key file."""
    for text in {secret, secret.strip()}:
        yield text
        yield quote(text, safe="")
        yield quote_plus(text)
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield repr(text)[1:-1]
        yield from _base64_forms(text.encode())
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= 16 and not line.startswith("-----"))


def _base64_forms(data: bytes) -> Iterator[str]:
    """Yield the part of the base64 text that is the same wherever the secret stands in what was encoded.

    Basic authentication encodes `user:secret`, so the secret may start at any of three offsets.
    """
    if len(data) < 6:
        return
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + data).decode()
        start = (0, 2, 3)[offset]
        whole = len(encoded) if (offset + len(data)) % 3 == 0 else len(encoded.rstrip("=")) - 1
        yield encoded[start:whole]
        yield encoded[start:whole].replace("+", "-").replace("/", "_")


REDACTOR = Redactor()
"""The process's own: what adapters were given is registered here, and logs, errors, events and screens ask it."""


def redact(text: str) -> str:
    """Return the text with every secret hidden that this process knows of or that looks like one."""
    return REDACTOR.text(text)
