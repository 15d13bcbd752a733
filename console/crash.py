"""What is left of an error nobody expected: a report file without values, and one line on the terminal.

Textual would print every local variable of every frame, and with them whatever secret one of them holds.
"""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from importlib import metadata
from pathlib import Path


def write_report(error: BaseException, folder: Path | None = None) -> Path:
    """Write where the error happened (files, lines, names of errors; no messages of foreign errors, no values)."""
    descriptor, name = tempfile.mkstemp(prefix="syncdeck-report-", suffix=".txt", dir=folder, text=True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(report(error))
    return Path(name)


def report(error: BaseException) -> str:
    """Return the report: versions, then each error of the chain with its places, the oldest cause last."""
    lines = [
        f"Syncdeck {_version('syncdeck')}, Textual {_version('textual')}",
        f"Python {platform.python_version()}, {platform.system()}",
        "Values and messages are left out: they might hold secrets.",
    ]
    link: BaseException | None = error
    while link is not None:
        lines += ["", f"{type(link).__module__}.{type(link).__qualname__}"]
        lines += [
            f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(link.__traceback__)
        ]
        link = link.__cause__ or link.__context__
    return "\n".join(lines) + "\n"


def last_words(error: BaseException, path: Path) -> str:
    """Return the one line an operator sees."""
    return (
        f"Syncdeck stopped: {type(error).__name__} inside the console. Nothing that runs elsewhere was touched; "
        f"a report without your data is in {path}. Start Syncdeck again to go on."
    )


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "(not installed)"
