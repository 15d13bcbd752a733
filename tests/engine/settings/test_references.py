"""Every secret that settings refer to is found, so that `syncdeck doctor` can ask for it."""

from __future__ import annotations

import msgspec

from engine.settings.catalogue import Secret
from engine.settings.references import secret_references


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials of one kind."""

    token: Secret = ""
    user: str = ""


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets in every place they can stand."""

    password: Secret
    auth: Inner = Inner()
    headers: dict[str, Secret] = {}
    servers: tuple[Inner, ...] = ()
    name: str = "env:NO_SECRET"


def test_secrets_are_found_wherever_they_stand() -> None:
    settings = Outer(
        password="keyring:a",
        auth=Inner(token="env:B"),
        headers={"X": "file:c"},
        servers=(Inner(), Inner(token="env:D")),
    )
    assert list(secret_references(settings)) == [
        ("password", "keyring:a"),
        ("auth.token", "env:B"),
        ("headers.X", "file:c"),
        ("servers[1].token", "env:D"),
    ]


def test_a_secret_that_is_not_set_is_none() -> None:
    assert list(secret_references(Outer(password=""))) == []
