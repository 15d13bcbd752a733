"""The command line's grammar: every verb in one table."""

from __future__ import annotations

import argparse
from importlib.metadata import version

from console.commands import (
    adapters,
    applying,
    arguments,
    caring,
    deciding,
    demo,
    events,
    overview,
    planning,
    runs,
    starting,
)

VERBS = (planning, applying, deciding, runs, overview, adapters, events, caring, starting, demo)

DESCRIPTION = (
    "Keep systems in step: see what differs, why, and change it only when you agree. Without a verb, the console opens."
)
EPILOG = """\
examples:
  syncdeck                        open the console on the nearest workspace
  syncdeck demo                   see it at work on a sample company
  syncdeck plan engineering       what would change, and why
  syncdeck apply engineering      change it, after asking

exit codes:
  0 nothing to do or done   1 error    2 changes found or made   3 guard or missing approval
  4 stale plan   5 drift    6 partly   7 locked   8 frozen
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the whole grammar."""
    parser = argparse.ArgumentParser(
        prog="syncdeck", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"syncdeck {version('syncdeck')}")
    parser.add_argument("--ascii", action="store_true", help="console: draw with plain ASCII only")
    parser.add_argument("--no-color", action="store_true", help="no colours (also: NO_COLOR=1)")
    arguments.add_common(parser, default=".")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", parser_class=argparse.ArgumentParser)
    for module in VERBS:
        module.add_parser(verbs)
    return parser
