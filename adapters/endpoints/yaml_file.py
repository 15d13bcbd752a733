"""A YAML file: a list of members somewhere inside it, with comments that people wrote for people."""

from __future__ import annotations

from adapters.endpoints.list_file import ListFile, ListSettings, ListText
from adapters.endpoints.yaml_nodes import find_list
from adapters.endpoints.yaml_text import YamlText


class YamlFile(ListFile):
    """Members are the entries of a list in a YAML file; comments, quotes, anchors and the order of fields stay."""

    class Settings(ListSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Settings of a list in a YAML file."""

    def document(self, data: bytes) -> ListText:
        return YamlText(find_list(data, self.at, self.path), self.shape)
