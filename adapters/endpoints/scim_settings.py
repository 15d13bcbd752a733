"""Settings of a SCIM group."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from adapters.connection import Tls
from engine.settings.catalogue import Secret


class ScimKey(StrEnum):
    """What people are compared by."""

    USER_NAME = "userName"
    EMAIL = "email"


class Removal(StrEnum):
    """How a member is taken out of a group by PATCH.

    Only `path` is in RFC 7644 §3.5.2.2. `values` is the older habit of Okta's and Entra's world; a server that does not
    know it may read it as "remove all members", so it is never tried unasked.
    """

    PATH = "path"
    VALUES = "values"


class ScimSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a SCIM group."""

    base_url: Annotated[str, Meta(description="Address of the SCIM service.", examples=["https://idp.example/scim/v2"])]
    group: Annotated[str, Meta(min_length=1, description="Id or display name of the group.", examples=["Engineering"])]
    token: Annotated[Secret, Meta(description="Bearer token.", examples=["keyring:idp", "env:SCIM_TOKEN"])] = ""
    key: Annotated[ScimKey, Meta(description="What people are compared by: userName, or email (the primary one).")] = (
        ScimKey.USER_NAME
    )
    attributes: Annotated[
        tuple[str, ...],
        Meta(
            description="Further attributes of users to read, as paths.",
            examples=[["displayName", "name.familyName", "externalId"]],
        ),
    ] = ()
    removal: Annotated[
        Removal,
        Meta(description="path as the standard has it; values only where the service's documentation shows that form."),
    ] = Removal.PATH
    page_size: Annotated[int, Meta(ge=1, le=5_000, description="Users in one page.")] = 200
    batch: Annotated[int, Meta(ge=1, le=1_000, description="Members changed in one request.")] = 100
    per_second: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="Calls a second, all kinds together.", examples=[10])
    ] = None
    tls: Annotated[Tls, Meta(description="Whom to trust, and what to show.")] = Tls()
    timeout_seconds: Annotated[Annotated[float, Meta(gt=0)], Meta(description="Longest silence of the service.")] = 30.0
    allow_plain: Annotated[
        bool, Meta(description="Send the token over http (never needed for this machine itself).")
    ] = False
