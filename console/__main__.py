"""The command `syncdeck`: arguments, settings, adapters and engine put together. The one place that knows them all."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.parser import build_parser, parse
from console.outside import Outside

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from adapters.registry import Registry
    from engine.assembly import Engine
    from engine.settings.model import Workspace
    from engine.settings.replication import ServerSettings

ERROR = 1
INTERRUPTED = 130
ESCAPE_MILLISECONDS = "25"
"""As vim and tmux users set it; ncurses' 1000 and Textual's 100 are felt at each Esc."""
FRAMES_A_SECOND = "240"
"""At most. What changes next to a frame waits for the next one, at Textual's own 60 for up to 17 ms. No more is painted
for it: what is read is limited where it is read (`console.panes.pace`)."""
NO_TERMINAL = """\
The console needs a terminal, and this is none. Headless, say what you want to do:
  syncdeck status            how everything stands
  syncdeck plan SYNC         what would change
  syncdeck apply SYNC --yes  change it
  syncdeck --help            everything else"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one invocation and return its exit code."""
    if sys.stdin is None:  # closed, as some supervisors do: what is opened next must not be taken for it
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - for as long as this process lives
        os.set_inheritable(sys.stdin.fileno(), True)
    words = sys.argv[1:] if argv is None else argv
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    arguments = parse(words)
    try:
        return _run(arguments, bring_together())
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches an operator
        from console.commands.failing import report

        return report(error, as_json=getattr(arguments, "json", False))


def _run(arguments: argparse.Namespace, outside: Outside) -> int:
    no_colour = arguments.no_color or bool(os.environ.get("NO_COLOR"))
    if arguments.word is None:
        return open_console(arguments, outside, no_colour=no_colour)
    import asyncio

    from console.commands.session import Session, log_warnings

    log_warnings()

    session = Session.of(arguments, outside, no_colour=no_colour)
    if arguments.word != "demo" or arguments.headless or session.json or not session.interactive:
        try:
            code: int = asyncio.run(arguments.verb(arguments, session))
        except asyncio.CancelledError:  # told to end politely (`console.commands.progress`)
            raise KeyboardInterrupt from None
        return code
    from console.commands.demo import prepare

    asyncio.run(prepare(arguments.folder, session, fresh=arguments.fresh))
    from console.sample.serving import company_at_work

    arguments.workspace = arguments.folder
    with company_at_work(arguments.folder):
        return open_console(arguments, outside, no_colour=no_colour)


def bring_together() -> Outside:
    """Hand the adapters to those who only know the engine's protocols; import them when they are first asked for."""

    @cache
    def catalogue() -> Registry:
        from adapters.registry import Registry

        return Registry()

    def secret(reference: str, folder: Path) -> str:
        from adapters import secrets

        return secrets.resolve(reference, folder)

    def keep_secret(name: str, value: str) -> None:
        from adapters import secrets

        secrets.store(name, value)

    def forget_secret(name: str) -> None:
        from adapters import secrets

        secrets.forget(name)

    def load(folder: Path) -> Workspace:
        from engine.settings.reading import find_workspace, load_workspace

        return load_workspace(find_workspace(folder), catalogue())

    def serve(engine: Engine, settings: ServerSettings) -> AbstractAsyncContextManager[str]:
        return catalogue().serve(engine, settings, secret)

    return Outside(
        catalogue=catalogue,
        secret=secret,
        keep_secret=keep_secret,
        forget_secret=forget_secret,
        load=load,
        complaints=lambda workspace: catalogue().complaints(workspace),
        serve=serve,
        extensions=lambda: catalogue().extensions(),
        actor=os.environ.get("SYNCDECK_ACTOR", ""),
    )


def open_console(arguments: argparse.Namespace, outside: Outside, *, no_colour: bool) -> int:
    """Open the console on a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(NO_TERMINAL, file=sys.stderr)
        return ERROR
    hurry_textual()
    from console.app import run_console

    return run_console(
        outside,
        Path(arguments.workspace).expanduser(),
        read_only=arguments.read_only,
        ascii_only=arguments.ascii,
        no_colour=no_colour,
    )


def hurry_textual() -> None:
    """Wait no longer than a terminal needs for the rest of a key that begins with Esc, nor long for the next frame;
    before Textual is imported."""
    os.environ.setdefault("ESCDELAY", ESCAPE_MILLISECONDS)
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_A_SECOND)


def _complete() -> None:
    """Answer the shell's question and leave (argcomplete's protocol)."""
    import argcomplete

    from console.commands import VERBS

    argcomplete.autocomplete(build_parser(list(VERBS)))


if __name__ == "__main__":
    sys.exit(main())
