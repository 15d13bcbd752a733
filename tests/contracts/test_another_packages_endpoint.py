"""Another package's endpoint, installed and found by its entry point, is held to the same contract as our own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, cast

import msgspec
import pytest

from adapters.registry import Registry
from engine.reconcile.ports import Target
from tests.architecture.sources import ROOT
from tests.contracts.case import CASES
from tests.contracts.rows import SUITE
from tests.contracts.sandbox import Circumstance, Member, Servers, Surroundings
from tests.contracts.sandboxes.whole_files import NO_FILE_DOES_THIS, FileSandbox, own_folder

ABOVE = "# the team\n\n"

assert SUITE


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the package with pip into a folder of its own, and look for packages there, too."""
    source = Path(shutil.copytree(ROOT / "tests" / "example_endpoint", tmp_path_factory.mktemp("source") / "package"))
    options = ["--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check"]
    with own_folder() as site:
        command = [sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(source)]
        subprocess.run(command, check=True)
        sys.path.insert(0, str(site))
        try:
            yield site
        finally:
            sys.path.remove(str(site))
            for name in [name for name in sys.modules if name.partition(".")[0] == "acme_word_list"]:
                del sys.modules[name]


class WordListSandbox(FileSandbox):
    """A text file with a comment on top; the endpoint comes from the registry, as in a workspace."""

    label = "word_list"
    file_name = "members.txt"
    many = 300  # it looks through all lines for every change; lists of words are short
    attributes: ClassVar[tuple[str, ...]] = ()
    lacks: ClassVar = {
        **NO_FILE_DOES_THIS,
        Circumstance.ATTRIBUTES: "A line holds a key and nothing else.",
        Circumstance.COMPARISON: "A line holds a key and nothing else.",
        Circumstance.RENAMES: "A line is added or removed, never changed.",
        Circumstance.CARRIED: "A line without a key is blank.",
        Circumstance.CUT_SHORT: "Half a line looks like a whole one.",
    }

    def open(self) -> Target:
        registry = Registry()
        settings = msgspec.convert({"path": self.file_name}, registry.settings_of("word_list"))
        return cast("Target", registry.open("word_list", settings, Surroundings(self.folder)))

    def written(self, members: Sequence[Member]) -> bytes:
        return (ABOVE + "".join(f"{member.spelling}\n" for member in members)).encode()

    def half(self, data: bytes) -> bytes:
        return data[: len(data) // 2]

    async def held(self) -> Sequence[Member]:
        return [Member(line) for line in self.file.read_text().removeprefix(ABOVE).splitlines()]

    async def foreign(self) -> object:
        return self.file.read_text()[: len(ABOVE)]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.fits(WordListSandbox)])
async def test_it_keeps_the_contract(name: str, tmp_path: Path) -> None:
    async with WordListSandbox(tmp_path, Servers()) as sandbox:
        await CASES[name].run(sandbox)
