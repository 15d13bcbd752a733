"""The source trees as data, for the tests of the house itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREES = ("engine", "adapters", "console")


def source_files() -> list[Path]:
    """Return every Python file of the product, tests not included."""
    return sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (name, lines) of every function and method of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def classes(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (name, lines) of every class of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1
