"""What the documentation of `syncdeck serve` says is what the program takes."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

from adapters.registry import Registry
from engine.settings.reading import load_workspace
from tests.architecture.sources import ROOT

TEXT = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the one code block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def unit() -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(block("ini"))
    return parser


def test_the_settings_shown_are_read_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "syncdeck.yaml"
    file.write_text(block("yaml"), encoding="utf-8")
    read = load_workspace(file, Registry())
    assert read.server.tokens
    assert read.peers["hamburg"].url.startswith("https://")


def test_the_unit_hands_over_every_secret_that_the_settings_name() -> None:
    named = set(re.findall(r"/run/credentials/syncdeck\.service/([\w-]+)", block("yaml")))
    handed = set(re.findall(r"^LoadCredential=([\w-]+):", block("ini"), re.MULTILINE))
    assert named == handed == {"hamburg", "at-hamburg", "key"}


def test_the_unit_waits_for_the_word_and_restricts_the_service() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert service["ExecStart"].endswith("serve")
    for hardening in ("ProtectSystem", "NoNewPrivileges", "SystemCallFilter", "CapabilityBoundingSet", "MemoryMax"):
        assert hardening in service
