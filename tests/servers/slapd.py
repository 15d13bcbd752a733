"""A real OpenLDAP server for tests: its own folder, a loopback port, no root. Started and stopped by process id."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

SUFFIX = "dc=acme,dc=org"
ADMIN = f"cn=admin,{SUFFIX}"
READER = f"uid=reader,ou=people,{SUFFIX}"
"""An account that may read everything and write nothing."""
MISSING = (
    "slapd is not installed, and the tests of LDAP groups need a real server. Install it (Debian, Ubuntu: "
    "apt-get install slapd) or run `make test`, which does so where it may."
)
PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/openldap", "/usr/local/libexec", "/usr/libexec")
START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the directory."""

    dn: str
    uid: str
    mail: str


@dataclass(frozen=True, slots=True)
class Slapd:
    """A running server. Its password for ADMIN and READER is `password`."""

    port: int
    tls_port: int
    password: str
    ca_file: Path
    process: subprocess.Popen[bytes]
    people: dict[str, Person] = field(default_factory=dict)
    """Whom tests made, by folded address: people stay for the session, as in a real directory."""

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"


def slapd_program() -> str:
    """Return where slapd is. Raises `RuntimeError` with what to install: a missing server fails the tests."""
    found = shutil.which("slapd") or next(
        (str(Path(place, "slapd")) for place in PLACES if Path(place, "slapd").exists()), ""
    )
    if not found:
        raise RuntimeError(MISSING)
    return found


@contextmanager
def start_slapd(password: str = "s3cr3t-of-the-sandbox") -> Iterator[Slapd]:
    """Run a server until the block ends; it answers when the block begins."""
    program = slapd_program()
    with tempfile.TemporaryDirectory(prefix="slapd-") as name:
        folder = Path(name)
        port, tls_port = _free_ports(2)
        _write_configuration(folder, password)
        log = (folder / "log").open("wb")
        addresses = f"ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/"
        process = subprocess.Popen(
            [program, "-f", str(folder / "slapd.conf"), "-h", addresses, "-d", "0"], stdout=log, stderr=log
        )
        try:
            _wait_until_it_listens(process, port, folder / "log")
            server = Slapd(port, tls_port, password, folder / "ca.pem", process)
            _plant(server)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)
            log.close()


def _write_configuration(folder: Path, password: str) -> None:
    (folder / "data").mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    schemas = next(place for place in ("/etc/ldap/schema", "/etc/openldap/schema") if Path(place).is_dir())
    modules = next((place for place in ("/usr/lib/ldap", "/usr/lib64/openldap") if Path(place).is_dir()), "")
    lines = [
        *(f"include {schemas}/{schema}.schema" for schema in ("core", "cosine", "inetorgperson", "nis")),
        *([f"modulepath {modules}", "moduleload back_mdb"] if modules else []),
        f"pidfile {folder}/pid",
        f"TLSCertificateFile {folder}/certificate.pem",
        f"TLSCertificateKeyFile {folder}/key.pem",
        "sizelimit size.soft=500 size.hard=500 size.prtotal=unlimited",
        "database mdb",
        f"suffix {SUFFIX}",
        f"rootdn {ADMIN}",
        f"rootpw {password}",
        f"directory {folder}/data",
        "maxsize 1073741824",
        "dbnosync",
        "index objectClass,mail,uid,member,uniqueMember,memberUid eq",
        "access to attrs=userPassword by anonymous auth",
        "access to * by users read by anonymous auth",
    ]
    (folder / "slapd.conf").write_text("\n".join(lines) + "\n")


def _plant(server: Slapd) -> None:
    """Make the top of the tree and the account without rights."""
    from tests.servers.directory import Administrator

    with Administrator(server) as administrator:
        administrator.add(SUFFIX, ["dcObject", "organization"], {"dc": "acme", "o": "Acme"})
        for unit in ("people", "groups", "robots"):
            administrator.add(f"ou={unit},{SUFFIX}", ["organizationalUnit"], {"ou": unit})
        administrator.add(
            READER, ["inetOrgPerson"], {"uid": "reader", "cn": "Reader", "sn": "R", "userPassword": server.password}
        )


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"slapd ended at once ({process.returncode}): {log.read_text()[-500:]}")
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError(f"slapd did not listen within {START_SECONDS} s: {log.read_text()[-500:]}")


def _free_ports(count: int) -> Sequence[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
