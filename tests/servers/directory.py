"""The administrator of a test directory: makes people and groups, and looks at them without the endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import ldap3

from tests.servers.slapd import ADMIN, SUFFIX, Person, Slapd


class Administrator:
    """A connection with all rights. Used as `with`; every fault of the server is raised."""

    def __init__(self, server: Slapd) -> None:
        self._server = server
        self._connection = ldap3.Connection(
            ldap3.Server("127.0.0.1", server.port, get_info=ldap3.NONE),
            ADMIN,
            server.password,
            raise_exceptions=True,
            check_names=False,
        )

    def __enter__(self) -> Self:
        self._connection.bind()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.unbind()

    def add(self, dn: str, classes: Sequence[str], attributes: Mapping[str, Any]) -> None:
        """Make an entry."""
        self._connection.add(dn, list(classes), dict(attributes))

    def add_if_new(self, dn: str, classes: Sequence[str], attributes: Mapping[str, Any]) -> None:
        """Make an entry unless there is one."""
        if self.values(dn, "objectClass") is None:
            self.add(dn, classes, attributes)

    def know(self, mail: str) -> Person:
        """Make a person of this address, or give the one there is exactly this spelling of it."""
        folded = mail.casefold()
        person = self._server.people.get(folded)
        if person is None:
            uid = f"u{len(self._server.people)}"
            # A comma within the name, as directories that write "Last, First" have it.
            person = Person(f"cn=Person\\2C {uid},ou=people,{SUFFIX}", uid, mail)
            fields = {"cn": f"Person, {uid}", "sn": "Person", "uid": uid, "mail": mail}
            self.add(person.dn, ["inetOrgPerson"], fields)
        elif person.mail != mail:
            person = Person(person.dn, person.uid, mail)
            self.replace(person.dn, "mail", [mail])
        self._server.people[folded] = person
        return person

    def delete(self, dn: str) -> None:
        """Take an entry away; its name stays in groups (no referential integrity here)."""
        self._connection.delete(dn)

    def replace(self, dn: str, attribute: str, values: Sequence[str]) -> None:
        """Set an attribute's values."""
        self._connection.modify(dn, {attribute: [("MODIFY_REPLACE", list(values))]})

    def values(self, dn: str, attribute: str) -> list[str] | None:
        """Return an attribute's values in the server's order; None when the entry does not exist."""
        try:
            self._connection.search(dn, "(objectClass=*)", "BASE", attributes=[attribute])
        except ldap3.core.exceptions.LDAPNoSuchObjectResult:
            return None
        raw = self._connection.response[0]["raw_attributes"]
        return [value.decode() for value in raw.get(attribute, [])]
