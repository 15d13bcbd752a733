"""What `syncdeck doctor` says of things outside the settings."""

from __future__ import annotations

from pathlib import Path

from adapters.registry import Registry
from engine.settings.reading import read_workspace


def said(folder: Path, settings: str) -> list[str]:
    return Registry().complaints(read_workspace(settings.encode(), folder / "syncdeck.yaml", Registry()))


def test_a_token_that_travels_in_clear_is_told(tmp_path: Path) -> None:
    (sentence,) = said(tmp_path, "syncdeck: 1\npeers: {hamburg: {url: http://hamburg.example:8470, token: env:T}}\n")
    assert sentence.startswith("peers.hamburg: the token and all events go to hamburg.example in clear.")


def test_loopback_and_https_are_fine(tmp_path: Path) -> None:
    peers = "a: {url: http://127.0.0.1:1, token: env:T}, b: {url: https://b.example, token: env:T}"
    assert said(tmp_path, f"syncdeck: 1\npeers: {{{peers}}}\n") == []


def test_a_server_without_tls_beyond_loopback_is_told(tmp_path: Path) -> None:
    (sentence,) = said(tmp_path, "syncdeck: 1\nserver: {host: 0.0.0.0, tokens: [env:T]}\n")
    assert "0.0.0.0 is served without TLS" in sentence


def test_a_peers_token_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2")
    (tmp_path / "token").chmod(0o644)
    (sentence,) = said(tmp_path, "syncdeck: 1\npeers: {b: {url: https://b.example, token: file:token}}\n")
    assert "token" in sentence
    assert "hunter2" not in sentence
