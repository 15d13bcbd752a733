"""scim2-server (a full SCIM 2.0 server with state) behind a local port, its storage open to tests."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any
from wsgiref.util import setup_testing_defaults

from scim2_models import ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME, BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

from tests.servers.http import Asked, Given

TOKEN = "s3cr3t-of-the-sandbox"


class Directory:
    """The server's application and what it stores."""

    def __init__(self, *, cursor: bool = False, token: str = TOKEN) -> None:
        config = load_default_service_provider_config()
        config.authentication_schemes = [BEARER_TOKEN_SCHEME]
        if cursor:
            config = type(config).model_validate(
                {
                    **config.model_dump(),
                    "pagination": {"cursor": True, "index": True, "defaultPageSize": 100, "maxPageSize": 1000},
                }
            )
        provider = ScimProvider.from_discovery(
            load_default_schemas().values(), load_default_resource_types().values(), config=config
        )
        self.storage = InMemoryStorage()
        self.kinds: dict[str, str] = {}
        """What each id is: User or Group."""
        self.types = {each.name: each for each in load_default_resource_types().values()}
        self._provider = provider
        service = ScimService(provider, secret="a secret of the cursors")
        self._wsgi = BearerTokenApplication(self.storage, provider, service=service, bearer_tokens=[token])

    def __call__(self, asked: Asked) -> Given:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": asked.method,
            "PATH_INFO": asked.path,
            "QUERY_STRING": asked.target.partition("?")[2],
            "CONTENT_LENGTH": str(len(asked.body)),
            "CONTENT_TYPE": asked.headers.get("content-type") or "",
            "wsgi.input": io.BytesIO(asked.body),
            "HTTP_HOST": asked.headers.get("host") or "localhost",
        }
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in asked.headers.items()}
        setup_testing_defaults(environ)
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            started.append((status, headers))

        body = b"".join(self._wsgi(environ, start))
        status, headers = started[0]
        return Given(int(status.split()[0]), body, dict(headers))

    def accept(self, token: str) -> None:
        """Take this bearer token from now on, and no other."""
        self._wsgi.bearer_tokens = {token}

    def create(self, kind: str, **fields: Any) -> str:
        """Make a user or a group and return its id."""
        model: Any = self._provider.model_for(self.types[kind])
        identity = str(self.storage.create(self.types[kind], model.model_validate(fields)).id)
        self.kinds[identity] = kind
        return identity

    def rename(self, user: str, name: str) -> None:
        """Give a user another userName."""
        stored = self.storage.get(self.types["User"], user)
        self.storage.update(self.types["User"], type(stored).model_validate({**stored.model_dump(), "userName": name}))

    def members(self, group: str) -> list[str]:
        """Return the ids of a group's members."""
        stored: Any = self.storage.get(self.types["Group"], group)
        return [str(member.value) for member in stored.members or ()]

    def set_members(self, group: str, identities: Sequence[str]) -> None:
        """Make a group hold exactly these ids, known or not."""
        stored = self.storage.get(self.types["Group"], group)
        fields = {**stored.model_dump(), "members": [self._member(each) for each in identities]}
        self.storage.update(self.types["Group"], type(stored).model_validate(fields))

    def _member(self, identity: str) -> dict[str, str]:
        kind = self.kinds.get(identity)
        return {"value": identity, **({"type": kind} if kind else {})}

    def fields(self, group: str, name: str) -> Any:
        """Return a field of a group."""
        return self.storage.get(self.types["Group"], group).model_dump().get(name)
