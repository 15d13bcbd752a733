"""A table of lazy paths with the rows that other packages add to it by entry points.

Classes are imported when first asked for and kept. A broken package costs only its own row; why is kept in `problems`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from engine.errors import MissingExtra, NothingFound
from engine.settings.catalogue import BackendType, EndpointType
from engine.settings.spelling import did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

R = TypeVar("R", EndpointType, BackendType)


class Rows(Generic[R]):
    """One table: our own rows, and those of an entry-point group whose values name a row."""

    def __init__(self, own: tuple[R, ...], *, group: str, kind: type[R], what: str) -> None:
        self._own: dict[str, R] = {row.type: row for row in own}
        self._group = group
        self._kind: type[R] = kind
        self._what = what
        """What a row is, in words: `endpoint`."""
        self._classes: dict[str, Any] = {}
        self.problems: list[str] = []

    @cached_property
    def all(self) -> Mapping[str, R]:
        """Every row by its word; our own words stay our own."""
        return MappingProxyType({**dict(self._foreign()), **self._own})

    def class_of(self, word: str) -> Any:
        """Import the class of a row. Raises `NothingFound`, `MissingExtra`."""
        known = self._classes.get(word)
        if known is None:
            # Our own rows are looked up first: the entry points of all installed packages take milliseconds to list.
            row = self._own.get(word) or self.all.get(word)
            if row is None:
                raise NothingFound(f"There is no {self._what} type {word}. {did_you_mean(word, self.all)}")
            known = self._classes[word] = _import_class(row)
        return known

    def _foreign(self) -> Iterator[tuple[str, R]]:
        # Half of this module's import time, needed only where somebody asks for all types.
        from importlib.metadata import entry_points

        for entry in entry_points(group=self._group):
            row = self._row_of(entry)
            if row is not None:
                yield row.type, row

    def _row_of(self, entry: EntryPoint) -> R | None:
        """Return another package's row. A broken package costs only its own row, whatever its import raises."""
        package = entry.dist.name if entry.dist else entry.module
        try:
            row = entry.load()
        except Exception as error:  # noqa: BLE001
            reason = f"{type(error).__name__}: {error}"
            self.problems.append(f"{package}: the {self._what} {entry.name} cannot be loaded: {reason}")
            return None
        if not isinstance(row, self._kind):
            self.problems.append(
                f"{package}: the entry point {entry.name} names no {self._kind.__name__}. Tell its author."
            )
            return None
        if row.type in self._own:
            self.problems.append(f"{package}: the {self._what} type {row.type} is Syncdeck's own and stays so.")
            return None
        found: R = msgspec.structs.replace(row, origin=package)
        return found


def _import_class(row: EndpointType | BackendType) -> Any:
    module_name, _, class_name = row.path.partition(":")
    try:
        return getattr(import_module(module_name), class_name)
    except ModuleNotFoundError as error:
        if error.name is None or module_name == error.name or module_name.startswith(error.name + "."):
            raise
        raise missing_extra(row, error.name) from error


def missing_extra(row: EndpointType | BackendType, package: str) -> MissingExtra:
    """Return the error that says what to install for a row."""
    package = package.partition(".")[0]
    what = f"'{row.origin}[{row.extra}]'" if row.extra else package
    return MissingExtra(f"{row.type} needs the package {package}: pip install {what}")
