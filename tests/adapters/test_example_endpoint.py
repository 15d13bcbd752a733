"""Another package adds an endpoint by an entry point: installed by pip, found, configured, read and written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.registry import Registry
from tests.architecture.sources import ROOT

USE = """
import asyncio, sys
from pathlib import Path
from adapters.registry import Registry
from adapters.secrets import resolve
from engine.reconcile.plan import Action, Change
from engine.reconcile.records import fold
from engine.settings.context import AdapterContext
from engine.settings.reading import load_workspace

registry = Registry()
print(registry.types()["word_list"].origin, "acme_word_list.word_list" in sys.modules)
workspace = load_workspace(Path(sys.argv[1]), registry)
adapter = workspace.adapters["words"]
context = AdapterContext(adapter="words", folder=workspace.folder, secrets=resolve)

def change(action, spelling):
    return Change(action=action, key=fold(spelling), spelling=spelling)

async def use():
    async with registry.open(adapter.type, adapter.settings, context) as endpoint:
        for action, spelling in ((Action.ADD, "eve@x"), (Action.REMOVE, "BOB@x"), (Action.ADD, "Ann@x")):
            print(*[outcome.result.value for outcome in await endpoint.write([change(action, spelling)])])
        async for batch in endpoint.read():
            print(*batch.spellings, "|", batch.proof)

asyncio.run(use())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package as pip installs any other, into a folder of its own."""
    source = tmp_path_factory.mktemp("source") / "example_endpoint"
    shutil.copytree(ROOT / "tests" / "example_endpoint", source)
    site = tmp_path_factory.mktemp("site")
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--target", str(site)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options, str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return site


def test_it_is_found_configured_read_and_written(site: Path, tmp_path: Path) -> None:
    (tmp_path / "members.txt").write_text("# the team\nann@x\nbob@x\n")
    (tmp_path / "syncdeck.yaml").write_text(
        "syncdeck: 1\nadapters:\n  words: {type: word_list, path: members.txt}\n"
        "  people: {type: csv_file, path: people.csv, key: email}\n"
        "syncs:\n  team: {source: people, targets: [words]}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path)],
        env={"PYTHONPATH": f"{site}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "acme-word-list False",
        "done",
        "done",
        "already",
        "ann@x eve@x | end of file, 2 members",
    ]
    assert (tmp_path / "members.txt").read_text() == "# the team\nann@x\neve@x\n"


def test_without_it_the_type_is_unknown() -> None:
    assert "word_list" not in Registry().types()
