"""Text files with one member a line. This module is all that is imported until such an endpoint is used."""

from __future__ import annotations

from engine.settings.catalogue import EndpointType

ROW = EndpointType(
    type="word_list",
    title="Word list",
    summary="The lines of a text file; blank lines and comments stay.",
    path="acme_word_list.word_list:WordList",
)
