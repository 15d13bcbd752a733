"""How a verb is declared: one shape of help, common options, examples, exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from console.commands import VERBS
from console.commands.parser import add_common
from console.commands.session import Session

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse gives no public name
else:
    Subparsers = object

Verb = Callable[[argparse.Namespace, Session], Awaitable[int]]


def add_verb(
    verbs: Subparsers, name: str, run: Verb, *, examples: Sequence[str] = (), exits: str = ""
) -> argparse.ArgumentParser:
    """Declare a verb of the table and return its parser, for its own arguments."""
    summary = VERBS[name][1]
    epilog = "\n".join(["examples:", *(f"  {example}" for example in examples)]) if examples else ""
    if exits:
        epilog += f"\n\nexit codes:\n  {exits}"
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, description=summary, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common(parser)
    parser.add_argument("--json", action="store_true", help="for scripts: one JSON object a line")
    parser.set_defaults(verb=run)
    return parser
