"""The ways services hand out a list in pages, and the proof that the last page was seen.

A page that was seen before, a cursor that comes twice, more or fewer items than the service itself counts: each is an
incomplete read. A short page proves nothing (services cap sizes as they like), so page numbers and offsets go on until
the told total is reached, the service says that nothing follows, or a page is empty.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urljoin

import msgspec
from msgspec import Meta

from adapters.answers import Answer, Request, quoted
from adapters.rest import RestClient
from engine.errors import IncompleteRead
from engine.settings.catalogue import Expression

MOST_PAGES = 100_000
MOST_EMPTY_PAGES = 100
"""Some services answer a few empty pages while they search; hundreds are a list without an end."""


class PageStyle(StrEnum):
    """How one page leads to the next."""

    NONE = "none"
    LINK = "link"
    """The Link header with rel="next" (RFC 8288)."""
    NEXT_URL = "next_url"
    """The address of the next page stands in the body."""
    CURSOR = "cursor"
    TOKEN = "token"  # noqa: S105
    PAGE = "page"
    OFFSET = "offset"


USUAL: dict[PageStyle, tuple[str, str]] = {
    PageStyle.NEXT_URL: ("", "next"),
    PageStyle.CURSOR: ("cursor", "next_cursor"),
    PageStyle.TOKEN: ("pageToken", "nextPageToken"),
    PageStyle.PAGE: ("page", ""),
    PageStyle.OFFSET: ("offset", ""),
}
"""Parameter and place in the body, where the settings name none."""


class Paging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a list is paged."""

    style: Annotated[
        PageStyle,
        Meta(description="none, link, next_url, cursor, token, page (a number) or offset.", examples=["link"]),
    ] = PageStyle.NONE
    param: Annotated[
        str, Meta(description="Query parameter for the cursor, token, page number or offset.", examples=["cursor"])
    ] = ""
    path: Annotated[
        Expression,
        Meta(description="Where the next cursor, token or address stands in the body.", examples=["meta.next_cursor"]),
    ] = ""
    size_param: Annotated[str, Meta(description="Query parameter for the size of a page.", examples=["limit"])] = ""
    size: Annotated[int, Meta(ge=1, description="Items to ask for in a page, sent as size_param.")] = 100
    start: Annotated[int | None, Meta(description="First page number or offset; default 1 for page, 0 for offset.")] = (
        None
    )
    more: Annotated[
        Expression, Meta(description="True in the body when further pages follow.", examples=["has_more"])
    ] = ""


class Listing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the items of a list stand, how it is paged, and where the service counts them."""

    items: Annotated[Expression, Meta(description="Where the list stands in the body; @: it is the body.")] = "@"
    page: Annotated[Paging, Meta(description="How the list is paged.")] = Paging()
    total: Annotated[
        Expression, Meta(description="Where the body tells how many items there are.", examples=["meta.total"])
    ] = ""
    total_header: Annotated[
        str, Meta(description="Header that tells how many items there are.", examples=["X-Total-Count"])
    ] = ""
    error: Annotated[
        Expression, Meta(description="Found in a 2xx answer that is an error all the same.", examples=["error"])
    ] = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page's items; `proof` is set on the last page only."""

    items: Sequence[Any]
    proof: str = ""


class Steps(ABC):
    """The turning of pages in one style: decides from an answer what to ask next."""

    def __init__(self, paging: Paging) -> None:
        self.paging = paging
        usual_param, usual_path = USUAL.get(paging.style, ("", ""))
        self.param, self.path = paging.param or usual_param, paging.path or usual_path

    def first(self) -> dict[str, str]:
        """Return the query parameters of the first page."""
        return {}

    @abstractmethod
    def next(self, request: Request, answer: Answer, received: int, page: int) -> Request | None:
        """Return the request after this one, or None when nothing follows by this style's own sign.

        `received` counts the items of all pages, `page` those pages.
        """


class _Single(Steps):
    def next(self, request: Request, answer: Answer, received: int, page: int) -> Request | None:  # noqa: ARG002
        return None


class _Links(Steps):
    def next(self, request: Request, answer: Answer, received: int, page: int) -> Request | None:  # noqa: ARG002
        target = (
            next_link(answer.headers.get("link", ""))
            if self.paging.style is PageStyle.LINK
            else str(found(self.path, answer.data) or "")
        )
        return msgspec.structs.replace(request, path=urljoin(answer.url, target), query={}) if target else None


class _Cursors(Steps):
    def next(self, request: Request, answer: Answer, received: int, page: int) -> Request | None:  # noqa: ARG002
        cursor = found(self.path, answer.data)
        # Some services end with a cursor of 0 (Redis SCAN's habit), some with an empty text, most without any.
        return None if cursor in {None, "", 0} else _asking(request, self.param, str(cursor))


class _Numbers(Steps):
    def __init__(self, paging: Paging) -> None:
        super().__init__(paging)
        by_page = paging.style is PageStyle.PAGE
        self.start = paging.start if paging.start is not None else int(by_page)
        self.by_page = by_page

    def first(self) -> dict[str, str]:
        return {self.param: str(self.start)}

    def next(self, request: Request, answer: Answer, received: int, page: int) -> Request | None:  # noqa: ARG002
        return _asking(request, self.param, str(self.start + (page if self.by_page else received)))


STYLES: dict[PageStyle, type[Steps]] = {
    PageStyle.NONE: _Single,
    PageStyle.LINK: _Links,
    PageStyle.NEXT_URL: _Links,
    PageStyle.CURSOR: _Cursors,
    PageStyle.TOKEN: _Cursors,
    PageStyle.PAGE: _Numbers,
    PageStyle.OFFSET: _Numbers,
}


async def pages(
    client: RestClient, request: Request, listing: Listing, *, needs: str, nobody: Collection[int] = ()
) -> AsyncIterator[Page]:
    """Yield every page of a list; the last one carries the proof. Statuses in `nobody` say that the list is empty.

    Raises `IncompleteRead` for loops and for totals that do not come out, `RemoteRefused` for an answer without a list
    or a next page at another origin, `RemoteUnavailable` when the service gives up half-way.
    """
    paging = listing.page
    steps = STYLES[paging.style](paging)
    size = {paging.size_param: str(paging.size)} if paging.size_param else {}
    request = msgspec.structs.replace(request, query={**request.query, **size, **steps.first()})
    watch = _Watch(client.name, listing)
    for number in range(1, MOST_PAGES + 1):
        watch.enter(request)
        answer = await (client.call if number == 1 else client.call_patiently)(request, needs=needs)
        if answer.status in nobody:
            yield Page(items=(), proof=f"the service answered {answer.status}")
            return
        if not answer.good or (listing.error and found(listing.error, answer.data)):
            raise client.refusal(request, answer, needs)
        listed = found(listing.items, answer.data)
        if not isinstance(listed, list):
            raise IncompleteRead(
                f"{client.name}: page {number} holds no list at {listing.items}; nothing may be concluded from it. "
                f"Check the setting items.{quoted(answer)}"
            )
        following = steps.next(request, answer, watch.received + len(listed), number)
        proof = watch.judge(listed, answer, following=following is not None)
        yield Page(items=listed, proof=proof)
        if proof or following is None:
            return
        request = following
    raise IncompleteRead(f"{client.name}: the list did not end within {MOST_PAGES:,} pages.")


class _Watch:
    """Counts what was received, and notices when the paging goes in circles."""

    def __init__(self, name: str, listing: Listing) -> None:
        self.name = name
        self.listing = listing
        self.paging = listing.page
        self.received = 0
        self.number = 0
        self.empty_in_a_row = 0
        self._requests: set[tuple[str, tuple[tuple[str, str], ...], bytes]] = set()
        self._contents: set[int] = set()

    def enter(self, request: Request) -> None:
        """Refuse a request that was made before."""
        wanted = (request.path, tuple(sorted(request.query.items())), msgspec.json.encode(request.body))
        if wanted in self._requests:
            raise IncompleteRead(
                f"{self.name}: page {self.number} leads back to a page read before: the paging goes in circles. "
                "Nothing may be concluded from this read. Check the settings under page."
            )
        self._requests.add(wanted)
        self.number += 1

    def judge(self, listed: list[Any], answer: Answer, *, following: bool) -> str:
        """Count a page; return the proof when it is the last one, else an empty text."""
        content = hash(msgspec.json.encode(listed))
        if listed and content in self._contents:
            raise IncompleteRead(
                f"{self.name}: page {self.number} holds the very items of an earlier page, as if the service ignored "
                f"the parameter of its paging ({self.paging.style}). Nothing may be concluded from this read."
            )
        self._contents.add(content)
        self.received += len(listed)
        self.empty_in_a_row = 0 if listed else self.empty_in_a_row + 1
        if self.empty_in_a_row > MOST_EMPTY_PAGES:
            raise IncompleteRead(f"{self.name}: {self.empty_in_a_row} empty pages in a row, and no end. Check page.")
        total = told_total(self.listing, answer)
        more = found(self.paging.more, answer.data) if self.paging.more else None
        numbered = self.paging.style in {PageStyle.PAGE, PageStyle.OFFSET}
        ends = not following or (numbered and (not listed or self.received == total)) or more is False
        if total is not None and (self.received > total or (ends and self.received != total)):
            raise IncompleteRead(
                f"{self.name}: {self.received:,} items came in {self.number} pages, but the service counts {total:,}. "
                "Something was left out or changed meanwhile; nothing may be concluded from this read. Try again."
            )
        return self._proof(total, listed, following=following) if ends else ""

    def _proof(self, total: int | None, listed: list[Any], *, following: bool) -> str:
        count = f"{self.received:,} items in {self.number} page{'s' if self.number > 1 else ''}"
        if total is not None:
            return f"{count}; the service's own total matches"
        if self.paging.style is PageStyle.NONE:
            return f"{count}; the list is not paged"
        if not following:
            return f"{count}; no next page is named"
        return f"{count}; the service says that nothing follows" if listed else f"{count}; the last one empty"


def told_total(listing: Listing, answer: Answer) -> int | None:
    """Return how many items the service counts, if it tells."""
    told = found(listing.total, answer.data) if listing.total else None
    if told is None and listing.total_header:
        told = answer.headers.get(listing.total_header)
    if isinstance(told, str) and told.strip().isdigit():
        return int(told)
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def found(expression: str, data: Any) -> Any:
    """Return what a JMESPath expression finds; an empty one means everything."""
    import jmespath

    return jmespath.search(expression, data) if expression and expression != "@" else data


_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w*!#$&+.^`|~-]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def next_link(header: str) -> str:
    """Return the target of rel="next" in a Link header (RFC 8288 §3), as it stands there; empty when there is none.

    Several headers come joined by commas, as HTTP clients hand them out; rel may hold several words.
    """
    for target, parameters in _LINK.findall(header):
        relation = _REL.search(parameters)
        if relation and "next" in (relation.group(1) or relation.group(2) or "").lower().split():
            return str(target)
    return ""


def _asking(request: Request, param: str, value: str) -> Request:
    query: Mapping[str, str] = {**request.query, param: value}
    return msgspec.structs.replace(request, query=query)
