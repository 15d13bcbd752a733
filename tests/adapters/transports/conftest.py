"""A node that serves, with small limits and little patience, and a client that knows its token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.adapters.transports.asking import SMALL
from tests.adapters.transports.nodes import GENTLE, Node, running_node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with running_node(tmp_path, patience=GENTLE, **SMALL) as node:
        yield node


@pytest.fixture
async def http(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with node.client() as http:
        yield http
