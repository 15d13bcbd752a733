"""What a headless node says on standard error: for people on a terminal, one JSON object a line for everybody else."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.redaction import REDACTOR, RedactingFilter

STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)
CHATTY = ("httpx", "httpcore", "asyncio", "aiosqlite", "uvicorn.access")
"""Libraries whose every step is of no use to an operator."""


class JsonLines(logging.Formatter):
    """One object a line: `at`, `level`, `from`, `message`, and whatever else was told."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": _moment(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "message": record.getMessage(),
            **_more(record),
        }
        return msgspec.json.encode(line, enc_hook=str).decode()


class HumanLines(logging.Formatter):
    """Time, level unless it is the usual one, and the sentence."""

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return f"{_moment(record):%H:%M:%S}  {level}{record.getMessage()}"


def log_lines(*, as_json: bool, verbose: bool) -> None:
    """Let the process log so from now on, with every secret hidden."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else HumanLines())
    handler.addFilter(RedactingFilter(REDACTOR))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("syncdeck").setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _more(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in STANDARD and name != "taskName"}
