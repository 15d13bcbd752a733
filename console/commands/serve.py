"""`syncdeck serve`: this node without a screen. Peers reach it, it syncs with them by itself, works at tasks, and fires
schedules while it leads."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from argparse import Namespace

import msgspec

from console.commands.arguments import Subparsers, add_verb
from console.commands.log_lines import log_lines
from console.commands.serve_log import tell_of
from console.commands.session import DONE, Session
from console.commands.stopping import stopped_by
from engine.assembly import Engine
from engine.errors import ReadOnly, SettingsError
from engine.settings.replication import ServerSettings

logger = logging.getLogger("syncdeck.serve")

PORTS = range(65536)


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "serve",
        serve,
        examples=(
            "syncdeck serve                         as the server section of syncdeck.yaml says",
            "syncdeck serve --port 0                on a free port, which is printed",
            "syncdeck serve --log-json 2> node.log  one JSON object a line",
        ),
    )
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on, instead of server.host")
    parser.add_argument(
        "--port", type=int, metavar="N", help="port to listen on, instead of server.port; 0: a free one"
    )
    parser.add_argument("--log-json", action="store_true", help="log JSON also on a terminal")
    parser.add_argument("--verbose", action="store_true", help="log every request, and syncs that moved nothing")


async def serve(arguments: Namespace, session: Session) -> int:
    if session.read_only:
        raise ReadOnly("A node that serves stores what its peers send. Start it without --read-only.")
    log_lines(as_json=arguments.log_json or not sys.stderr.isatty(), verbose=arguments.verbose)
    with stopped_by(signal.SIGTERM, signal.SIGINT) as stop:
        async with session.open() as engine:
            settings = _settings(engine.workspace.server, arguments)
            async with session.outside.serve(engine, settings) as url, asyncio.TaskGroup() as group:
                _announce(session, engine, url)
                works = (engine.replication.run(), engine.log_care.run(), engine.work.run(), tell_of(engine))
                working = [group.create_task(work) for work in works]
                await stop.wait()
                notify("STOPPING=1")
                logger.info("stopping: requests under way are answered first")
                for task in working:
                    task.cancel()
    logger.info("stopped")
    return DONE


def notify(state: str) -> None:
    """Tell the service manager how far this process is (sd_notify(3)), if it asked to be told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.connect("\0" + address[1:] if address.startswith("@") else address)
            line.sendall(state.encode())
    except OSError as error:
        logger.warning("the service manager cannot be told %s (%s)", state, error.strerror)


def _settings(settings: ServerSettings, arguments: Namespace) -> ServerSettings:
    """Return the server's settings with what the command line says instead."""
    said = {name: getattr(arguments, name) for name in ("host", "port") if getattr(arguments, name) is not None}
    if said.get("port", 0) not in PORTS:
        raise SettingsError(f"--port {said['port']}: a port is a number from 0 to {PORTS[-1]}.")
    try:
        return msgspec.structs.replace(settings, **said)
    except ValueError as error:
        raise SettingsError(f"server: {error}") from error


def _announce(session: Session, engine: Engine, url: str) -> None:
    node = engine.workspace.node
    peers = len(engine.workspace.peers)
    session.emit({"node": node, "url": url, "pid": os.getpid()})
    session.say(f"Serving {node} on {url}")
    sys.stdout.flush()
    logger.info("serving %s on %s with %d peers", node, url, peers, extra={"node": node, "url": url, "peers": peers})
    notify(f"READY=1\nSTATUS=Serving {node} on {url}\nMAINPID={os.getpid()}")
