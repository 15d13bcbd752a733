"""The command `syncdeck`: arguments, settings, adapters and engine put together. The one place that knows them all."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.settings.reading import find_workspace, load_workspace

from adapters import secrets
from adapters.registry import Registry
from console.commands import demo
from console.commands.failing import report
from console.commands.parser import build_parser
from console.commands.session import ERROR, Session
from console.outside import Outside
from engine.settings.model import Workspace

INTERRUPTED = 130
NO_TERMINAL = """\
The console needs a terminal, and this is none. Headless, say what you want to do:
  syncdeck status            how everything stands
  syncdeck plan SYNC         what would change
  syncdeck apply SYNC --yes  change it
  syncdeck --help            everything else"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one invocation and return its exit code."""
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    arguments = parser.parse_args(argv)
    no_colour = arguments.no_color or bool(os.environ.get("NO_COLOR"))
    outside = bring_together()
    try:
        if hasattr(arguments, "verb"):
            session = Session.of(arguments, outside, no_colour=no_colour)
            if arguments.verb is not demo.demo or arguments.headless or session.json or not session.interactive:
                return asyncio.run(arguments.verb(arguments, session))
            asyncio.run(demo.prepare(arguments.folder, session, fresh=arguments.fresh))
            arguments.workspace = arguments.folder
        return open_console(arguments, outside, no_colour=no_colour)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches an operator
        return report(error, as_json=getattr(arguments, "json", False))


def bring_together() -> Outside:
    """Hand the adapters to those who only know the engine's protocols."""
    registry = Registry()

    def load(folder: Path) -> Workspace:
        return load_workspace(find_workspace(folder), registry)

    return Outside(
        catalogue=registry,
        secrets=secrets.resolve,
        keep_secret=secrets.store,
        load=load,
        actor=os.environ.get("SYNCDECK_ACTOR", ""),
    )


def open_console(arguments: argparse.Namespace, outside: Outside, *, no_colour: bool) -> int:
    """Open the console on a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(NO_TERMINAL, file=sys.stderr)
        return ERROR
    from console.app import run_console

    return run_console(
        outside,
        Path(arguments.workspace).expanduser(),
        read_only=arguments.read_only,
        ascii_only=arguments.ascii,
        no_colour=no_colour,
    )


if __name__ == "__main__":
    sys.exit(main())
