"""A list of members somewhere inside a structured file: what JSON and YAML files share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from adapters.endpoints.document import carry_out
from adapters.endpoints.entries import Entries, Form, Shape, batches_of
from adapters.endpoints.file_endpoint import FileEndpoint
from engine.reconcile.plan import Change
from engine.reconcile.ports import Outcome
from engine.reconcile.records import Batch
from engine.settings.catalogue import EndpointContext, PathText


class ListSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a list inside a file."""

    path: Annotated[
        PathText,
        Meta(description="The file. A path is relative to the workspace's folder.", examples=["lists/eng.yaml"]),
    ]
    at: Annotated[
        str,
        Meta(
            description="Where the list stands: field names with dots between them. Empty: the file is the list.",
            examples=["members", "teams.engineering.members"],
        ),
    ] = ""
    key: Annotated[
        str,
        Meta(description="Field that identifies a member. Empty: every member is a plain text.", examples=["email"]),
    ] = ""
    entries: Annotated[
        Form,
        Meta(description="How new members are written: as the list's last one (auto), as a text, or as a mapping."),
    ] = Form.AUTO

    def __post_init__(self) -> None:
        if self.entries is Form.MAPPING and not self.key:
            raise ValueError("entries: mapping needs the setting `key`, the field that identifies a member.")


class ListText(Entries):
    """The list as it stands in the text of its file, and as it is edited there."""

    @abstractmethod
    def render(self) -> bytes:
        """Return the file's bytes; those it was made from as long as nothing was done."""


class ListFile(FileEndpoint):
    """Members are the entries of one list in a file: plain texts, or mappings with a key field.

    Rewriting touches those entries alone that change; every other byte of the file stays as it is, comments included.
    """

    def __init__(self, settings: ListSettings, context: EndpointContext) -> None:
        super().__init__(settings.path, context)
        self.at = settings.at
        where = f"{self.path}, {self.at or 'the list'}"
        self.shape = Shape(where=where, key=settings.key, form=settings.entries)

    @abstractmethod
    def document(self, data: bytes) -> ListText:
        """Find the list in a file's bytes. Raises `RemoteRefused` when it is not there, or is no list."""

    def batches(self, data: bytes) -> Iterator[Batch]:
        items = self.document(data).items
        return batches_of(items, self.shape, f"end of the list, {len(items)} entries")

    def edited(self, data: bytes, changes: Sequence[Change]) -> tuple[bytes, list[Outcome]]:
        document = self.document(data)
        outcomes = carry_out(changes, document)
        return document.render(), outcomes
