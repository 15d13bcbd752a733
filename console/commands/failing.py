"""How an error reaches an operator: a sentence, an exit code, and for the unforeseen a report without secrets."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path

import msgspec

from console.commands.session import ERROR
from engine.errors import SyncdeckError
from engine.redaction import redact


def report(error: BaseException, *, as_json: bool) -> int:
    """Print the error on standard error and return the exit code for it."""
    foreseen = _foreseen(error)
    if foreseen is not None:
        _print(type(foreseen).__name__, redact(str(foreseen)), as_json=as_json)
        return foreseen.exit_code
    file = write_report(error)
    fault = redact(str(error)) or type(error).__name__
    sentence = f"Something unforeseen went wrong: {fault}. Nothing is left half-written. Details: {file}"
    _print("Unforeseen", sentence, as_json=as_json)
    return ERROR


def write_report(error: BaseException) -> Path:
    """Write the traceback, without local variables and without secrets, to a private file; return where."""
    text = redact("".join(traceback.format_exception(error)))
    with tempfile.NamedTemporaryFile("w", prefix="syncdeck-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(text)
    return Path(file.name)


def _foreseen(error: BaseException) -> SyncdeckError | None:
    """Return the error meant for an operator, also from inside a group of one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, SyncdeckError) else None


def _print(kind: str, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode({"error": kind, "message": sentence}).decode(), file=sys.stderr)
    else:
        print(f"syncdeck: {sentence}", file=sys.stderr)
