"""A terminal without Unicode: every glyph becomes a plain one of the same width, whatever widget drew it."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_PAIRS = (
    "█#▇#▆=▅=▄=▃_▂_▁_▀-▔-▉#▊|▋|▌|▍|▎|▏|▐|░.▒:▓%│|┃|║|─-━-═-╌-╸-╺-┌+┐+└+┘+╭+╮+╰+╯+├+┤+┬+┴+┼+"
    "▸>▾v▶>▼v▲^◀<◆&◇o✓y✔y✗x✘x→>←<↑^↓v…~·.•*●*○o◐%◑%⊘X≠!⏎$⚠!×x–-—-‘'’'“\"”\"›>‹<≤<≥>∅0↻~‖=⏸=«<»>▪*■#□o◷@µu±~▷>▹>⋯~⟳~✎e⇄=╱/╲\\┊:�?"
)
TABLE = str.maketrans(dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True)))


@lru_cache(4096)
def plain(text: str) -> str:
    """Return the text in ASCII of the same width; what the table does not know becomes `?`."""
    known = text.translate(TABLE)
    if known.isascii():
        return known
    return "".join(
        character if character.isascii() else _letter(character) * cell_len(character) for character in known
    )


def _letter(character: str) -> str:
    """Braille and the rest of the block elements are drawings; everything else is a letter nobody can show here."""
    return "#" if "\u2580" <= character <= "\u28ff" else "?"


class Ascii(LineFilter):
    """The last filter of the app when it may not use Unicode."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(plain(segment.text), segment.style, segment.control)
            for segment in segments
        ]
