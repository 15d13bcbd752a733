"""The app's styles, each source parsed once for each theme.

Textual parses every source anew, twice, whenever a screen is first shown: a hundred milliseconds in which no key is
answered. What it parsed is the same as long as the theme's colours are.
"""

from __future__ import annotations

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

MOST_SOURCES = 512
"""Textual remembers 64 parsed sources; with one more than it remembers it would parse all of them again."""


class ParsedOnce(Stylesheet):
    """A style sheet that forgets what it parsed only when the variables change."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(MOST_SOURCES)
        self._parsed_with = dict(variables)

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._parsed_with:
            self._parsed_with = dict(variables)
            super().set_variables(variables)

    def reparse(self) -> None:
        """Bring the rules up to date with sources and variables; what is known already is not parsed again."""
        self.parse()
