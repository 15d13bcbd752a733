"""The kinds of endpoint that exist, seen from the settings: their words, and the settings each takes.

The annotated types here are how a settings class says what a text means. A further `Meta` may be laid around them:
`token: Annotated[Secret, Meta(description="Bearer token.", examples=["env:SCIM_TOKEN"])] = ""`. What `extra` knows:
`secret`, `path` (flags), `format` (a name in `engine.settings.formats`), `group` (a heading in forms). A rule over
several fields belongs into the class's `__post_init__`: raise `ValueError` with a finished sentence.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

Secret = Annotated[str, Meta(pattern=r"^(keyring|env|file):.", extra={"secret": True})]
"""A reference to a secret, never the secret: `keyring:NAME`, `env:NAME` or `file:PATH`. Default "": none."""

PathText = Annotated[str, Meta(extra={"path": True})]
"""A path as written: relative to the workspace's folder; `~` expands. `EndpointContext.path` makes it absolute."""

Expression = Annotated[str, Meta(extra={"format": "jmespath"})]
"""A JMESPath expression; its syntax is checked while the file is read."""

Cron = Annotated[str, Meta(extra={"format": "cron"})]
"""A cron expression of five fields."""

Timezone = Annotated[str, Meta(extra={"format": "timezone"})]
"""A name of the IANA time zone database."""

Pattern = Annotated[str, Meta(extra={"format": "pattern"})]
"""A pattern with `*` and `?` that is compared with a whole key."""


class EndpointContext(Protocol):
    """What an endpoint is given beside its own settings."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The adapter's name in the workspace, for messages."""

    @abstractmethod
    def path(self, text: str) -> str:
        """Return the absolute path of a path written in the workspace file (relative to its folder; ~ expands)."""

    @abstractmethod
    def secret(self, reference: str) -> str:
        """Return the secret behind `keyring:NAME`, `env:NAME` or `file:PATH`; raises `SecretUnavailable`.

        A text without such a prefix is refused: secrets do not stand in files.
        """


class EndpointType(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the registry: a kind of endpoint, without importing it."""

    type: str
    """The word in the workspace file."""
    title: str
    summary: str
    path: str
    """`module:Class`; the class is called with (settings, context) and has a nested frozen msgspec `Settings`."""
    writes: bool = True
    extra: str = ""
    """The extra to install, if the endpoint needs a client of its own."""
    origin: str = "syncdeck"
    """The distribution it comes from; third parties' by entry point."""


class BackendType(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the registry: a kind of coordination backend, without importing it."""

    type: str
    """The word in the workspace file."""
    title: str
    summary: str
    path: str
    """`module:Class`; called with (settings, context, clock, namespace), and has a nested frozen msgspec `Settings`."""
    extra: str = ""
    """The extra to install, if it needs a client of its own."""
    origin: str = "syncdeck"
    """The distribution it comes from; third parties' by entry point."""


class TypeCatalogue(Protocol):
    """What exists here: the kinds of endpoint and of backend with the settings of each, and the ways to end a
    conflict."""

    @abstractmethod
    def strategies(self) -> Mapping[str, str]:
        """Return the strategies that a rule may use, by their word, with a sentence about each."""

    @abstractmethod
    def types(self) -> Mapping[str, EndpointType]:
        """Return every type by its word, without importing any of them."""

    @abstractmethod
    def settings_of(self, type_name: str) -> type[msgspec.Struct]:
        """Import the endpoint and return its settings class. Raises `MissingExtra`, `NothingFound`."""

    @abstractmethod
    def backends(self) -> Mapping[str, BackendType]:
        """Return every kind of coordination backend by its word, without importing any of them."""

    @abstractmethod
    def backend_settings(self, type_name: str) -> type[msgspec.Struct]:
        """Import the backend and return its settings class. Raises `MissingExtra`, `NothingFound`."""
