"""Every kind of endpoint is known without being imported, and a missing or broken one costs only its own row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from adapters.registry import ENDPOINTS, Registry
from adapters.secrets import resolve
from engine.errors import MissingExtra, NothingFound
from engine.reconcile.ports import Source, Target
from engine.settings.catalogue import EndpointType
from engine.settings.context import AdapterContext
from tests.architecture.sources import ROOT


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: row.type)
def test_every_row_leads_to_an_endpoint_with_settings(row: EndpointType) -> None:
    settings = Registry().settings_of(row.type)
    assert issubclass(settings, msgspec.Struct)
    assert settings.__struct_config__.frozen
    assert settings.__struct_config__.forbid_unknown_fields
    assert "type" not in {field.encode_name for field in msgspec.structs.fields(settings)}


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: row.type)
def test_a_row_says_whether_its_endpoint_writes(row: EndpointType) -> None:
    endpoint = Registry()._endpoints.class_of(row.type)
    assert Source in endpoint.__mro__
    assert (Target in endpoint.__mro__) == row.writes


def test_an_endpoint_is_opened_with_its_settings_and_context(tmp_path: Path) -> None:
    registry = Registry()
    settings = msgspec.convert({"path": "people.csv", "key": "email"}, registry.settings_of("csv_file"))
    context = AdapterContext(adapter="people", folder=tmp_path, secrets=resolve)
    endpoint = registry.open("csv_file", settings, context)
    assert type(endpoint).Settings is type(settings)  # type: ignore[attr-defined]


def test_an_unknown_type_names_the_nearest() -> None:
    with pytest.raises(NothingFound, match=r"There is no endpoint type csv_fil\. Did you mean csv_file\?"):
        Registry().settings_of("csv_fil")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def installed_package(site: Path, name: str, entry: str, source: str) -> None:
    """Put a distribution where Python finds it, as an installer does: a module, metadata, an entry point."""
    (site / f"{name}.py").write_text(source)
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[syncdeck.endpoints]\n{entry}\n")


def test_an_endpoint_without_its_package_says_what_to_install(site: Path) -> None:
    (site / "needy_endpoint.py").write_text("import a_client_nobody_has.deep\n")
    row = EndpointType(type="needy", title="N", summary="N.", path="needy_endpoint:Needy", extra="needy")
    with pytest.raises(MissingExtra) as caught:
        Registry((row,)).settings_of("needy")
    assert str(caught.value) == "needy needs the package a_client_nobody_has: pip install 'syncdeck[needy]'"


def test_a_mistake_in_a_row_is_no_missing_package() -> None:
    row = EndpointType(type="typo", title="T", summary="T.", path="adapters.endpoints.typo:Typo")
    with pytest.raises(ModuleNotFoundError, match=r"adapters\.endpoints\.typo"):
        Registry((row,)).settings_of("typo")


ROW = (
    "from engine.settings.catalogue import EndpointType\n"
    "ROW = EndpointType(type='{word}', title='Acme', summary='Acme.', path='{path}')\n"
)


def test_another_package_adds_its_endpoint(site: Path) -> None:
    source = ROW.format(word="acme_list", path="adapters.endpoints.memory:Memory")
    installed_package(site, "acme_endpoint", "acme_list = acme_endpoint:ROW", source)
    registry = Registry()
    assert registry.types()["acme_list"].origin == "acme_endpoint"
    assert registry.settings_of("acme_list") is registry.settings_of("memory")
    assert registry.problems == ()


def test_a_broken_package_costs_only_its_own_row(site: Path) -> None:
    installed_package(site, "broken_endpoint", "broken = broken_endpoint:ROW", "raise RuntimeError('half installed')\n")
    installed_package(site, "odd_endpoint", "odd = odd_endpoint:ROW", "ROW = 5\n")
    greedy = ROW.format(word="csv_file", path="adapters.endpoints.memory:Memory")
    installed_package(site, "greedy_endpoint", "csv_file = greedy_endpoint:ROW", greedy)
    registry = Registry()
    assert set(registry.types()) == {row.type for row in ENDPOINTS}
    assert registry.types()["csv_file"].origin == "syncdeck"
    assert sorted(registry.problems) == [
        "broken_endpoint: the endpoint broken cannot be loaded: RuntimeError: half installed",
        "greedy_endpoint: the endpoint type csv_file is Syncdeck's own and stays so.",
        "odd_endpoint: the entry point odd names no EndpointType. Tell its author.",
    ]


LOAD = """
import sys
from pathlib import Path
from adapters.registry import Registry
from engine.settings.reading import read_workspace
text = Path("tests/adapters/few.yaml").read_bytes()
registry = Registry()
registry.types()
read_workspace(text, Path("few.yaml").absolute(), registry)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_reading_a_workspace_imports_only_what_it_names() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"textual", "rich", "httpx", "sqlalchemy", "ldap3", "keyring", "ruamel", "psycopg"}
    assert heavy & set(done.stdout.split()) == set()
