"""What the sandboxes of all file formats share: a folder of their own, and the trouble that a file can be in."""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.contracts.sandbox import Circumstance, Member, Sandbox, Servers

NOBODY = 65534

NO_FILE_DOES_THIS = {
    Circumstance.WRONG_CREDENTIALS: "A file asks for no password or token.",
    Circumstance.UNKNOWN_IDENTITY: "A file takes every text as a key.",
    Circumstance.THROTTLED_WITH_PAUSE: "A file system throttles nobody with an answer.",
    Circumstance.THROTTLED_WITHOUT_PAUSE: "A file system throttles nobody with an answer.",
    Circumstance.SERVER_ERROR: "A full disk needs a disk of its own; it is shown in the tests of whole_file.",
    Circumstance.ANSWER_LOST: "Replacing a file answers at once or has not happened.",
    Circumstance.STALE_READ: "A file reads as it was last written.",
}


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder that other users may enter (those of pytest are closed to them); remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="syncdeck-sandbox-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def forbid_writing(file: Path) -> Iterator[None]:
    """Make a file and its folder read-only, also for root, who becomes nobody for as long as the block lasts."""
    file.chmod(0o444)
    file.parent.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        file.parent.chmod(0o755)
        file.chmod(0o644)


class FileSandbox(Sandbox):
    """A file in a folder of its own, written and read here without the endpoint."""

    lacks = NO_FILE_DOES_THIS
    attributes: ClassVar[tuple[str, ...]] = ("name", "role")
    file_name: str

    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder, servers)
        self.stack = ExitStack()
        self.trouble_ends = ExitStack()
        self.folder = self.stack.enter_context(own_folder())

    async def __aenter__(self) -> Self:
        await self.fill([])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        self.stack.close()

    @property
    def file(self) -> Path:
        return self.folder / self.file_name

    @abstractmethod
    def half(self, data: bytes) -> bytes:
        """Return the beginning of the file, cut in the middle of a member."""

    async def fill(self, members: Sequence[Member]) -> None:
        self.file.write_bytes(self.written(members))

    @abstractmethod
    def written(self, members: Sequence[Member]) -> bytes:
        """Return the file's bytes with these members."""

    async def provoke(self, trouble: Circumstance) -> None:
        self.trouble = trouble
        match trouble:
            case Circumstance.MISSING:
                self.file.rename(self.file.with_suffix(".away"))
            case Circumstance.NO_RIGHTS:
                self.trouble_ends.enter_context(forbid_writing(self.file))
            case Circumstance.CUT_SHORT:
                self.file.write_bytes(self.half(self.file.read_bytes()))
            case _:
                await super().provoke(trouble)

    async def settle(self) -> None:
        self.trouble_ends.close()
        await super().settle()
