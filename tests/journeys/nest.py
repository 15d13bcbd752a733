"""Where the commands of journeys come from: a process that has imported the program, and forks for each of them.

A command of a script begins with an interpreter that imports some 400 modules, which is most of its time; journeys run
hundreds of them. From the fork on everything is as in the real command: its own process, arguments, environment,
folder, standard streams, exit code. What is about starting itself (`test_main_job_headless`, serving nodes, commands
with something before them) starts the interpreter.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STREAMS = 3

_lock = threading.Lock()
_line: socket.socket | None = None


def hatch(words: Sequence[str], folder: Path, environment: Mapping[str, str], streams: Sequence[int]) -> int:
    """Run a command with these standard streams, and return its exit code, as `subprocess` tells it."""
    request = json.dumps({"words": list(words), "folder": str(folder), "environment": dict(environment)}).encode()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with _lock:
            socket.send_fds(_nest(), [b"!"], [theirs.fileno(), *streams])
        theirs.close()
        ours.sendall(len(request).to_bytes(4, "big") + request)
        answer = b""
        while piece := ours.recv(64):
            answer += piece
    return int(answer)


def _nest() -> socket.socket:
    global _line
    if _line is None:
        _line, theirs = socket.socketpair()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "tests.journeys.nest", str(theirs.fileno())]
        nest = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()
        atexit.register(nest.wait)
        atexit.register(_line.close)
    return _line


def brood(line: socket.socket) -> None:
    """Fork for each request until the line is closed. A fork of its own waits for each, so that many go on at once."""
    for module in ("console.__main__", "engine.assembly", "adapters.registry", "console.commands.session"):
        import_module(module)
    while True:
        message, streams, _, _ = socket.recv_fds(line, 1, STREAMS + 1)
        if not message:
            return
        if os.fork() == 0:
            line.close()
            _hatch_one(socket.socket(fileno=streams[0]), streams[1:])
        for stream in streams:
            os.close(stream)
        _reap()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def _hatch_one(answers: socket.socket, streams: Sequence[int]) -> None:
    size = int.from_bytes(answers.recv(4, socket.MSG_WAITALL), "big")
    request: dict[str, Any] = json.loads(answers.recv(size, socket.MSG_WAITALL))
    child = os.fork()
    if child == 0:
        answers.close()
        _become(request, streams)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    answers.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(request: dict[str, Any], streams: Sequence[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["syncdeck", *request["words"]]
    code: object = 1
    try:
        code = import_module("console.__main__").main(request["words"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - said as the interpreter says it
        traceback.print_exc()
    finally:
        with suppress(OSError):  # nobody reads any more
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    brood(socket.socket(fileno=int(sys.argv[1])))
