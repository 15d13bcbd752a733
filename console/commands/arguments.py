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
    parser = _add(verbs, name, VERBS[name][1], examples, exits)
    parser.add_argument("--json", action="store_true", help=_JSON)
    parser.set_defaults(verb=run)
    return parser


def add_act(
    acts: Subparsers, name: str, run: Verb, summary: str, *, examples: Sequence[str] = (), exits: str = ""
) -> argparse.ArgumentParser:
    """Declare what a verb can do beside its own matter (`syncdeck events export`), with help of its own."""
    parser = _add(acts, name, summary, examples, exits)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_JSON)
    parser.set_defaults(verb=run)
    return parser


_JSON = "for scripts: one JSON object a line"


def _add(parsers: Subparsers, name: str, summary: str, examples: Sequence[str], exits: str) -> argparse.ArgumentParser:
    epilog = "\n".join(["examples:", *(f"  {example}" for example in examples)]) if examples else ""
    if exits:
        epilog += f"\n\nexit codes:\n  {exits}"
    parser: argparse.ArgumentParser = parsers.add_parser(
        name, help=summary, description=summary, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common(parser)
    return parser
