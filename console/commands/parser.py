"""The command line's grammar. Only the verb in use is spelled out; the others are names with a summary."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

from console.commands import VERBS

DESCRIPTION = """\
Keep systems in step: see what differs, why, and change it only when you agree.
Without a verb, the console opens."""
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


class Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"syncdeck {version('syncdeck')}")
        parser.exit()


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return what the words say. What follows two dashes is a command of its own: `arguments.command`."""
    own, dashes, command = words, "--" in words, list[str]()
    if dashes:
        place = words.index("--")
        own, command = words[:place], list(words[place + 1 :])
    parser = build_parser(own)
    arguments = parser.parse_args(own)
    if "command" in arguments:
        arguments.command = command
    elif dashes:
        return parser.parse_args(words)
    return arguments


def build_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the grammar for these words."""
    parser = argparse.ArgumentParser(
        prog="syncdeck", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print the version and leave")
    parser.add_argument("--ascii", action="store_true", help="console: draw with plain ASCII only")
    parser.add_argument("--no-color", action="store_true", help="no colours (also: NO_COLOR=1)")
    add_common(parser, default=".")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="word")
    used = {VERBS[word][0] for word in words if word in VERBS}
    for name, (module, summary) in VERBS.items():
        if module not in used:
            verbs.add_parser(name, help=summary)
    for module in sorted(used):
        import_module(f"console.commands.{module}").add_parser(verbs)
    return parser


def add_common(parser: argparse.ArgumentParser, *, default: object = argparse.SUPPRESS) -> None:
    """Add the options that stand before or after a verb."""
    parser.add_argument(
        "-w",
        "--workspace",
        default=default,
        metavar="DIR",
        help="folder of syncdeck.yaml (default: nearest upward from here)",
    )
    parser.add_argument(
        "--read-only",
        action="store_true",
        default=False if default is not argparse.SUPPRESS else default,
        help="look only: whatever would change something is refused",
    )
