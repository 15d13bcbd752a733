"""A JSON file: a list of members somewhere inside it (RFC 8259)."""

from __future__ import annotations

from adapters.endpoints.json_text import JsonText, find_list
from adapters.endpoints.list_file import ListFile, ListSettings, ListText


class JsonFile(ListFile):
    """Members are the entries of a list in a JSON file; indentation and the order of fields stay."""

    class Settings(ListSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Settings of a list in a JSON file."""

    def document(self, data: bytes) -> ListText:
        return JsonText(find_list(data, self.at, self.path), self.shape)
