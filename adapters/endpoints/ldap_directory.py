"""One connection to a directory. ldap3 waits in a thread of its own; nothing else in the program touches it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from adapters.endpoints.ldap_codes import COMPARE_TRUE, NO_SUCH_OBJECT, SUCCESS, error
from engine.errors import IncompleteRead, MissingExtra, RemoteRefused, RemoteUnavailable
from engine.redaction import REDACTOR

if TYPE_CHECKING:
    import ldap3

Result = TypeVar("Result")

PAGED_RESULTS = "1.2.840.113556.1.4.319"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How the directory is reached. `password` is the secret itself."""

    name: str
    host: str
    port: int
    ldaps: bool
    start_tls: bool
    ca_file: str
    bind_dn: str
    password: str
    timeout_seconds: int
    page_size: int

    def __repr__(self) -> str:
        return f"Access({self.name}, {self.host}:{self.port})"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; attribute names in lower case, options (`;range=`) included."""

    dn: str
    values: Mapping[str, Sequence[bytes]]

    def texts(self, name: str) -> list[str]:
        """Return an attribute's values as texts; none is an empty list."""
        return [value.decode("utf-8", "replace") for value in self.values.get(name.lower(), ())]

    def text(self, name: str) -> str:
        """Return an attribute's first value, or an empty text."""
        return next(iter(self.texts(name)), "")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A result code and the server's own words."""

    code: int
    message: str


class Modification(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a modify request; all parts of a request happen together or not at all."""

    adds: bool
    attribute: str
    values: Sequence[str]


class Directory:
    """Opens when first needed and again after the connection broke; requests go one after another."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"ldap-{access.name}")
        self._connection: ldap3.Connection | None = None

    @property
    def name(self) -> str:
        """The adapter's name, for messages."""
        return self._access.name

    async def open(self) -> None:
        """Connect and log in. Raises `RemoteUnavailable`, `RemoteRefused`, `MissingExtra`."""
        await self._do("connecting", lambda _: None)

    async def close(self) -> None:
        """Log out; a connection that is gone already is fine."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        self._thread.shutdown(wait=False)

    async def entry(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """Return one entry by its name; None when it does not exist."""

        def act(connection: ldap3.Connection) -> Entry | None:
            connection.search(dn, "(objectClass=*)", "BASE", attributes=list(attributes))
            reply = _reply(connection)
            if reply.code == NO_SUCH_OBJECT:
                return None
            entries = _entries(connection)
            if reply.code != SUCCESS:
                raise error(reply.code, reply.message, f"{self.name}: reading {dn or 'the root entry'}")
            return entries[0] if entries else None

        return await self._do(f"reading {dn or 'the root entry'}", act)

    async def search(self, where: str, wanted: str, attributes: Sequence[str]) -> list[Entry]:
        """Return every entry below `where` that fits the filter, page by page (RFC 2696).

        Raises `IncompleteRead` when the server stops early (sizeLimitExceeded) or its cookie comes twice.
        """

        def act(connection: ldap3.Connection) -> list[Entry]:
            entries: list[Entry] = []
            cookie, cookies = b"", set[bytes]()
            while True:
                connection.search(
                    where,
                    wanted,
                    "SUBTREE",
                    attributes=list(attributes),
                    paged_size=self._access.page_size,
                    paged_cookie=cookie or None,
                )
                reply = _reply(connection)
                if reply.code != SUCCESS:
                    raise error(reply.code, reply.message, f"{self.name}: searching {where}")
                entries += _entries(connection)
                cookie = _cookie(connection)
                if not cookie:
                    return entries
                if cookie in cookies:
                    raise IncompleteRead(f"{self.name}: searching {where} goes in circles: a page's cookie came twice.")
                cookies.add(cookie)

        return await self._do(f"searching {where}", act)

    async def holds(self, dn: str, attribute: str, value: str) -> bool:
        """Return whether an entry's attribute has this value, as the server compares them."""

        def act(connection: ldap3.Connection) -> bool:
            connection.compare(dn, attribute, value)
            return _reply(connection).code == COMPARE_TRUE

        return await self._do(f"comparing {attribute} of {dn}", act)

    async def modify(self, dn: str, parts: Sequence[Modification]) -> Reply:
        """Send one modify request and return its result, whatever it is.

        Raises `RemoteUnavailable` when no answer came, `maybe_done` when the request had left.
        """

        def act(connection: ldap3.Connection) -> Reply:
            changes: dict[str, list[tuple[str, list[bytes]]]] = {}
            for part in parts:
                operation = "MODIFY_ADD" if part.adds else "MODIFY_DELETE"
                changes.setdefault(part.attribute, []).append((operation, [value.encode() for value in part.values]))
            connection.modify(dn, changes)
            return _reply(connection)

        return await self._do(f"changing {dn}", act, writes=True)

    async def _do(self, doing: str, act: Callable[[ldap3.Connection], Result], *, writes: bool = False) -> Result:
        """Run `act` on the open connection in the connection's thread, and translate what ldap3 raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, doing, act, writes)

    def _guarded(self, doing: str, act: Callable[[ldap3.Connection], Result], writes: bool) -> Result:
        try:
            from ldap3.core.exceptions import LDAPException
        except ImportError as missing:
            raise MissingExtra("LDAP needs the package ldap3: pip install 'syncdeck[ldap]'.") from missing
        connection = self._connected()
        try:
            return act(connection)
        except (LDAPException, OSError) as broken:
            self._drop()
            words = REDACTOR.text(str(broken) or type(broken).__name__)
            raise RemoteUnavailable(
                f"{self.name}: {doing} broke off ({words}). Try again.", maybe_done=writes
            ) from broken

    def _connected(self) -> ldap3.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._logged_in()
        return self._connection

    def _logged_in(self) -> ldap3.Connection:
        import ldap3

        access = self._access
        place = f"{self.name}: {access.host}:{access.port}"
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=access.ca_file or None)
        server = ldap3.Server(
            access.host,
            access.port,
            use_ssl=access.ldaps,
            tls=tls,
            get_info=ldap3.NONE,
            connect_timeout=access.timeout_seconds,
        )
        connection = ldap3.Connection(
            server,
            user=access.bind_dn or None,
            password=access.password or None,
            authentication=ldap3.SIMPLE if access.bind_dn else ldap3.ANONYMOUS,
            auto_referrals=False,
            auto_range=False,
            check_names=False,
            receive_timeout=access.timeout_seconds,
        )
        try:
            self._log_in(connection, place)
        except BaseException:
            _shut(connection)
            raise
        return connection

    def _log_in(self, connection: ldap3.Connection, place: str) -> None:
        """Connect, start TLS, bind, and translate what goes wrong with it."""
        from ldap3.core.exceptions import LDAPException

        access = self._access
        try:
            connection.open()
            if access.start_tls and not connection.start_tls():
                raise RemoteRefused(f"{place} does not start TLS; use ldaps:// if it offers that.")
            connection.bind()
        except (LDAPException, OSError) as broken:
            if "certificate" in str(broken).lower():
                raise RemoteRefused(f"{place}: its certificate is not trusted ({broken}). See ca_file.") from broken
            raise RemoteUnavailable(f"{place} cannot be reached ({REDACTOR.text(str(broken))}).") from broken
        reply = _reply(connection)
        if reply.code != SUCCESS:
            raise error(reply.code, reply.message, f"{place}: logging in as {access.bind_dn or 'nobody'}")

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _shut(connection)


def _shut(connection: ldap3.Connection) -> None:
    """Close a connection in whatever state it is."""
    from ldap3.core.exceptions import LDAPException

    with suppress(LDAPException, OSError):
        connection.unbind()


def _reply(connection: ldap3.Connection) -> Reply:
    result: Mapping[str, Any] = connection.result or {}
    return Reply(code=int(result.get("result", 80)), message=str(result.get("message") or ""))


def _entries(connection: ldap3.Connection) -> list[Entry]:
    return [
        Entry(
            dn=item["dn"],
            values={name.lower(): list(values) for name, values in item["raw_attributes"].items()},
        )
        for item in connection.response or ()
        if item["type"] == "searchResEntry"
    ]


def _cookie(connection: ldap3.Connection) -> bytes:
    control = (connection.result.get("controls") or {}).get(PAGED_RESULTS)
    return bytes(control["value"]["cookie"] or b"") if control else b""
