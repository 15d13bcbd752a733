"""A JSON file: a list of members somewhere inside it (RFC 8259)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from adapters.endpoints.document import carry_out
from adapters.endpoints.entries import Form, Shape, batches_of
from adapters.endpoints.file_endpoint import FileEndpoint
from adapters.endpoints.json_text import JsonDocument, find_list
from engine.reconcile.plan import Change
from engine.reconcile.ports import Outcome
from engine.reconcile.records import Batch
from engine.settings.catalogue import EndpointContext, PathText


class JsonFile(FileEndpoint):
    """Members are the entries of one list in a JSON file: plain texts, or mappings with a key field.

    Rewriting touches those entries alone that change; every other byte of the file stays as it is.
    """

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Settings of a list in a JSON file."""

        path: Annotated[
            PathText,
            Meta(description="The file. A path is relative to the workspace's folder.", examples=["teams.json"]),
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
            Meta(
                description="Field that identifies a member. Empty: every member is a plain text.", examples=["email"]
            ),
        ] = ""
        entries: Annotated[
            Form,
            Meta(description="How new members are written: as the others in the list are, as text, or as mapping."),
        ] = Form.AUTO

        def __post_init__(self) -> None:
            if self.entries is Form.MAPPING and not self.key:
                raise ValueError("entries: mapping needs the setting `key`, the field that identifies a member.")

    def __init__(self, settings: Settings, context: EndpointContext) -> None:
        super().__init__(settings.path, context)
        self.at = settings.at
        self.shape = Shape(where=f"{self.path}, {self.at or 'the list'}", key=settings.key, form=settings.entries)

    def batches(self, data: bytes) -> Iterator[Batch]:
        listed = find_list(data, self.at, self.path)
        return batches_of(listed.values, self.shape, f"end of the list, {len(listed.values)} entries")

    def edited(self, data: bytes, changes: Sequence[Change]) -> tuple[bytes, list[Outcome]]:
        document = JsonDocument(find_list(data, self.at, self.path), self.shape)
        outcomes = carry_out(changes, document)
        return document.render(), outcomes
