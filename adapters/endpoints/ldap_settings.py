"""Settings of an LDAP group."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from adapters.connection import is_loopback
from adapters.endpoints.ldap_directory import Access
from engine.redaction import REDACTOR
from engine.settings.catalogue import EndpointContext, PathText, Secret

PORTS = {"ldap": 389, "ldaps": 636}


class LdapSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an LDAP group."""

    url: Annotated[str, Meta(description="ldaps:// or ldap:// address.", examples=["ldaps://dc1.acme.example"])]
    group: Annotated[str, Meta(description="Name (DN) of the group.", examples=["cn=eng,ou=groups,dc=acme,dc=org"])]
    bind_dn: Annotated[
        str,
        Meta(
            description="Who logs in: a DN, or user@domain for Active Directory; empty: nobody.",
            examples=["cn=sync,dc=acme,dc=org", "sync@acme.example"],
        ),
    ] = ""
    password: Annotated[Secret, Meta(description="Password of bind_dn.", examples=["keyring:staff"])] = ""
    start_tls: Annotated[bool, Meta(description="Turn a plain connection into TLS before logging in.")] = False
    ca_file: Annotated[
        PathText, Meta(description="Certificates to trust instead of the system's (PEM).", examples=["ca.pem"])
    ] = ""
    allow_plain: Annotated[
        bool, Meta(description="Send the password without TLS (never needed for this machine itself).")
    ] = False
    key: Annotated[str, Meta(min_length=1, description="Attribute that people are compared by.")] = "mail"
    attributes: Annotated[
        tuple[str, ...],
        Meta(description="Further attributes of people to read.", examples=[["cn", "title", "entryUUID"]]),
    ] = ()
    people_base: Annotated[
        str, Meta(description="Where people are looked up; default: the whole directory.", examples=["ou=people,…"])
    ] = ""
    user_filter: Annotated[
        str, Meta(description="Filter for people; default: by class.", examples=["(objectClass=inetOrgPerson)"])
    ] = ""
    member_attribute: Annotated[
        Literal["", "member", "uniqueMember", "memberUid"],
        Meta(description="Where members stand; default: by the class of the group."),
    ] = ""
    placeholder: Annotated[
        str,
        Meta(
            description="DN that is put into a group which must not be empty when its last member leaves.",
            examples=["cn=nobody,dc=acme,dc=org"],
        ),
    ] = ""
    page_size: Annotated[int, Meta(ge=1, le=5_000, description="Entries in one page of a search.")] = 500
    batch: Annotated[int, Meta(ge=1, le=5_000, description="Members changed in one request.")] = 200
    timeout_seconds: Annotated[int, Meta(ge=1, description="Longest wait for the server.")] = 30

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host, plain = parts.hostname or "", parts.scheme == "ldap" and not self.start_tls
            legible = parts.scheme in PORTS and bool(host) and (parts.port or 1) > 0
        except ValueError:
            legible, host, plain = False, "", False
        if not legible:
            raise ValueError(f"url is {self.url!r}; write it as ldaps://host or ldap://host:port.")
        if bool(self.bind_dn) != bool(self.password):
            raise ValueError("bind_dn and password belong together: without a password a server lets anybody in.")
        if self.password and plain and not self.allow_plain and not is_loopback(host):
            raise ValueError(
                f"The password would travel readable to {host}; use ldaps://, start_tls: true, or allow_plain: "
                "true if the way is safe."
            )


def access_of(settings: LdapSettings, context: EndpointContext) -> Access:
    """Return how to reach the directory, the password in clear. Raises `SecretUnavailable`."""
    parts = urlsplit(settings.url)
    password = context.secret(settings.password) if settings.password else ""
    REDACTOR.register(password)
    return Access(
        name=context.name,
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        ldaps=parts.scheme == "ldaps",
        start_tls=settings.start_tls,
        ca_file=context.path(settings.ca_file) if settings.ca_file else "",
        bind_dn=settings.bind_dn,
        password=password,
        timeout_seconds=settings.timeout_seconds,
        page_size=settings.page_size,
    )
