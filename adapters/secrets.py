"""Secrets by reference: `keyring:NAME`, `env:NAME`, `file:PATH`. The workspace file holds only these words.

The keyring is the desktop's (Secret Service, Keychain, Credential Locker), under the service name `syncdeck`:
`syncdeck secrets NAME` stores what `keyring:NAME` reads. A server without a desktop has none; there `env:` and
`file:` do, as systemd's LoadCredential and container secrets provide them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import SecretUnavailable

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "syncdeck"
LARGEST_BYTES = 64 * 1024
"""A key with its whole certificate chain fits; a wrong path to a log file does not."""

WITHOUT_KEYRING = "Write env:NAME (a variable of the environment) or file:PATH (a file only you can read) instead"


def resolve(reference: str, folder: Path) -> str:
    """Return the secret behind a reference; `file:` paths are relative to the workspace's folder.

    Raises `SecretUnavailable` naming the reference, never the secret.
    """
    kind, _, name = reference.partition(":")
    match kind:
        case "keyring" if name:
            return _from_keyring(name)
        case "env" if name:
            return _from_environment(name)
        case "file" if name:
            return _from_file(reference, _path(name, folder))
        case _:
            # The text itself may be the secret, so the message does not repeat it.
            raise SecretUnavailable(
                "A secret stands in clear where a reference is expected. "
                "Write keyring:NAME, env:NAME or file:PATH, and keep the secret there."
            )


def store(name: str, value: str) -> None:
    """Keep a secret in the keyring as `keyring:NAME`. Raises `SecretUnavailable` where there is no keyring."""
    if not value:
        raise SecretUnavailable(
            f"keyring:{name}: an empty secret is not stored. To remove one: syncdeck secrets NAME --forget."
        )
    with _keyring(name) as keyring:
        keyring.set_password(SERVICE, name, value)


def forget(name: str) -> None:
    """Remove a secret from the keyring; one that is not there is fine."""
    with _keyring(name) as keyring:
        if keyring.get_password(SERVICE, name) is not None:
            keyring.delete_password(SERVICE, name)


def permission_problem(reference: str, folder: Path) -> str:
    """Return a sentence when others on this machine can read the file behind a `file:` reference, else nothing."""
    kind, _, name = reference.partition(":")
    path = _path(name, folder)
    if kind != "file" or os.name == "nt" or not path.is_file():
        return ""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return ""
    return f"{reference}: others on this machine can read {path} (mode {mode:03o}). Run: chmod 600 '{path}'"


def _from_keyring(name: str) -> str:
    with _keyring(name) as keyring:
        secret = keyring.get_password(SERVICE, name)
    if not secret:
        raise SecretUnavailable(
            f"keyring:{name}: the keyring holds no such secret. "
            f"Store it in the console under Adapters, or run: syncdeck secrets {name}"
        )
    return secret


def _from_environment(name: str) -> str:
    secret = os.environ.get(name, "")
    if not secret:
        how = "is empty" if name in os.environ else "is not set"
        raise SecretUnavailable(
            f"env:{name}: the environment variable {name} {how}. Set it where syncdeck is started, and start again."
        )
    return secret


def _from_file(reference: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        secret = data.decode().rstrip("\r\n")
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise SecretUnavailable(
            f"{reference}: {path}: {reason}. Put the secret there, readable for you alone."
        ) from error
    except UnicodeDecodeError as error:
        raise SecretUnavailable(
            f"{reference}: {path} is no text in UTF-8. Name a file that holds the secret."
        ) from error
    if len(data) > LARGEST_BYTES:
        raise SecretUnavailable(f"{reference}: {path} is larger than 64 KB. Name a file that holds the secret alone.")
    if not secret:
        raise SecretUnavailable(f"{reference}: {path} is empty. Put the secret there.")
    return secret


def _path(text: str, folder: Path) -> Path:
    return folder / Path(text).expanduser()


@contextmanager
def _keyring(name: str) -> Iterator[KeyringBackend]:
    """Give the keyring and turn whatever goes wrong with it into a sentence about `keyring:name`."""
    import keyring
    from keyring.errors import KeyringError, KeyringLocked, NoKeyringError

    try:
        yield keyring.get_keyring()
    except KeyringLocked as error:
        raise SecretUnavailable(f"keyring:{name}: the keyring is locked. Unlock it and try again.") from error
    except NoKeyringError as error:
        raise SecretUnavailable(
            f"keyring:{name}: this machine has no keyring service (a server without a desktop?). {WITHOUT_KEYRING}."
        ) from error
    except (KeyringError, OSError, RuntimeError) as error:
        raise SecretUnavailable(
            f"keyring:{name}: the keyring does not answer ({type(error).__name__}). Mend it, or: {WITHOUT_KEYRING}."
        ) from error
