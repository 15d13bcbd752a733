"""Secrets come by reference, and what cannot be had is said with what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.errors import InitError, KeyringLocked

from adapters.secrets import forget, permission_problem, resolve, store
from engine.errors import SecretUnavailable
from engine.redaction import Redactor
from engine.settings.context import AdapterContext
from tests.doubles.keyring_in_memory import MemoryKeyring, NoKeyring, installed


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    with installed(MemoryKeyring()) as backend:
        yield backend


def refusal(reference: str, folder: Path) -> str:
    with pytest.raises(SecretUnavailable) as caught:
        resolve(reference, folder)
    return str(caught.value)


def test_the_keyring_keeps_what_is_stored(ring: MemoryKeyring, tmp_path: Path) -> None:
    store("staff", "hunter2")
    assert resolve("keyring:staff", tmp_path) == "hunter2"
    assert ring.secrets == {("syncdeck", "staff"): "hunter2"}
    forget("staff")
    forget("staff")
    assert ring.secrets == {}


def test_a_secret_that_the_keyring_lacks_says_how_to_store_it(ring: MemoryKeyring, tmp_path: Path) -> None:
    assert refusal("keyring:staff", tmp_path) == (
        "keyring:staff: the keyring holds no such secret. "
        "Store it in the console under Adapters, or run: syncdeck secrets staff"
    )


def test_an_empty_secret_is_not_stored(ring: MemoryKeyring) -> None:
    with pytest.raises(SecretUnavailable, match="an empty secret is not stored"):
        store("staff", "")


def test_a_server_without_a_desktop_is_told_what_to_write_instead(tmp_path: Path) -> None:
    with installed(NoKeyring()):
        assert refusal("keyring:staff", tmp_path) == (
            "keyring:staff: this machine has no keyring service (a server without a desktop?). "
            "Write env:NAME (a variable of the environment) or file:PATH (a file only you can read) instead."
        )
        with pytest.raises(SecretUnavailable, match="no keyring service"):
            store("staff", "hunter2")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (KeyringLocked("locked"), "keyring:staff: the keyring is locked. Unlock it and try again."),
        (InitError("no bus"), "keyring:staff: the keyring does not answer (InitError). Mend it, or: Write env:NAME"),
        (OSError("gone"), "keyring:staff: the keyring does not answer (OSError)."),
    ],
)
def test_whatever_a_keyring_raises_is_a_sentence(fault: Exception, sentence: str, tmp_path: Path) -> None:
    class Failing(MemoryKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            raise fault

    with installed(Failing()):
        assert sentence in refusal("keyring:staff", tmp_path)


def test_the_environment_gives_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAFF_PASSWORD", "hunter2")
    assert resolve("env:STAFF_PASSWORD", tmp_path) == "hunter2"
    monkeypatch.setenv("STAFF_PASSWORD", "")
    assert "env:STAFF_PASSWORD: the environment variable STAFF_PASSWORD is empty." in refusal(
        "env:STAFF_PASSWORD", tmp_path
    )
    monkeypatch.delenv("STAFF_PASSWORD")
    assert "STAFF_PASSWORD is not set. Set it where syncdeck is started" in refusal("env:STAFF_PASSWORD", tmp_path)


def test_a_file_is_found_from_the_workspace_and_loses_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "staff").write_bytes(b" hunter2 \r\n")
    assert resolve("file:secrets/staff", tmp_path) == " hunter2 "
    assert resolve(f"file:{tmp_path / 'secrets' / 'staff'}", Path("/nowhere")) == " hunter2 "


FILES = {
    "nothing": (b"", "is empty. Put the secret there."),
    "bytes": (b"\xff\xfe\x00", "is no text in UTF-8."),
    "a log": (b"x" * 70_000, "is larger than 64 KB."),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_holds_no_secret_is_refused(what: str, tmp_path: Path) -> None:
    data, sentence = FILES[what]
    (tmp_path / "secret").write_bytes(data)
    message = refusal("file:secret", tmp_path)
    assert message.startswith("file:secret: ")
    assert sentence in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    message = refusal("file:gone", tmp_path)
    assert message.startswith(f"file:gone: {tmp_path / 'gone'}: no such file or directory.")


@pytest.mark.parametrize("text", ["hunter2", "", "keyring:", "env:", "https://x"])
def test_a_text_that_is_no_reference_is_refused_without_repeating_it(text: str, tmp_path: Path) -> None:
    message = refusal(text, tmp_path)
    assert message.startswith("A secret stands in clear where a reference is expected.")
    assert "hunter2" not in message


def test_a_file_that_others_can_read_is_pointed_out(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o644)
    assert permission_problem("file:secret", tmp_path) == (
        f"file:secret: others on this machine can read {secret} (mode 644). Run: chmod 600 '{secret}'"
    )
    secret.chmod(0o600)
    assert permission_problem("file:secret", tmp_path) == ""
    assert permission_problem("env:HOME", tmp_path) == ""


def test_what_an_adapter_was_given_is_hidden_from_then_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAFF_PASSWORD", "correct horse")
    redactor = Redactor()
    context = AdapterContext(adapter="staff", folder=tmp_path, secrets=resolve, redactor=redactor)
    assert context.secret("env:STAFF_PASSWORD") == "correct horse"
    assert redactor.text("bind failed for correct horse") == "bind failed for ***"


def test_paths_are_relative_to_the_workspace(tmp_path: Path) -> None:
    context = AdapterContext(adapter="staff", folder=tmp_path, secrets=resolve, redactor=Redactor())
    assert context.path("lists/eng.yaml") == str(tmp_path / "lists" / "eng.yaml")
    assert context.path("/etc/people.csv") == "/etc/people.csv"
    assert context.path("~/people.csv") == os.path.join(os.path.expanduser("~"), "people.csv")  # noqa: PTH111, PTH118
