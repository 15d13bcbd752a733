"""Servers that the sandboxes share, started when the first case asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.sandbox import Servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    shared = Servers()
    try:
        yield shared
    finally:
        shared.stop()
