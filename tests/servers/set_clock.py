"""A server's wall clock, set while it runs: a small library that is preloaded into it, compiled when first needed."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tests.servers.server_process import private_folder

SOURCE = Path(__file__).with_name("clock_shim.c")


class SettableClock:
    """By how much the wall clock of every server is off that was started with `environment`; at first by nothing.

    What measures time that has passed (CLOCK_MONOTONIC) goes on as it does, as when somebody sets a real clock.
    """

    def __init__(self, folder: Path) -> None:
        self._library = folder / "clock_shim.so"
        self._off_by = folder / "off_by"
        folder.chmod(0o755)  # a server that runs as nobody reads both
        _compile(self._library)
        self.set(timedelta())

    @property
    def environment(self) -> Mapping[str, str]:
        return {"LD_PRELOAD": str(self._library), "SET_CLOCK": str(self._off_by)}

    def set(self, off_by: timedelta) -> None:
        """Put it forward (or back, if negative) against the true time, from now on."""
        with self._off_by.open("r+b" if self._off_by.exists() else "wb") as file:
            file.write(struct.pack("q", off_by // timedelta(milliseconds=1)))


@contextmanager
def settable_clock() -> Iterator[SettableClock]:
    """Give a clock for servers to be started with within the block."""
    with private_folder("clock") as folder:
        yield SettableClock(folder)


def _compile(library: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise RuntimeError("No C compiler is here, and setting a server's clock needs one. Install gcc (or clang).")
    words = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)]
    finished = subprocess.run(words, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"{SOURCE.name} was not compiled: {finished.stderr.strip()}")
    library.chmod(0o755)
