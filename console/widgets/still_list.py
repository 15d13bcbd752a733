"""A list whose sideways keys belong to its screen: rows are cut at the edge, not shifted."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from console.keymap import bindings
from console.widgets.record_list import RecordList


class StillList(RecordList, inherit_bindings=False):
    """A `RecordList` without the keys that shift it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]
