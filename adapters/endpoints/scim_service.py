"""A SCIM service as the group sees it: what it announces, its users page by page, its groups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from adapters.abreast import abreast
from adapters.answers import Answer, Request
from adapters.endpoints.scim_protocol import Announced, announced, literal, user_filter, words
from adapters.endpoints.scim_settings import ScimKey, ScimSettings
from adapters.paging import Listing, PageStyle, Paging, pages
from adapters.rest import RestClient
from adapters.templates import Unfit, fill_path
from engine.errors import IncompleteRead, RemoteRefused


class ScimService:
    """Calls one service; learns once, on entering, what it can do."""

    def __init__(self, client: RestClient, settings: ScimSettings) -> None:
        self.client = client
        self.can = Announced()
        self._settings = settings
        self._concurrency = client.concurrency

    async def learn(self) -> None:
        """Ask the service what it can do; one that does not say is taken to follow the standard."""
        answer = await self.client.call(Request(path="ServiceProviderConfig"), tolerate=(401, 403))
        if answer.good:
            self.can = announced(answer.data)

    async def group_id(self, name: str) -> str:
        """Return the id of a group given by id or by display name. Raises `RemoteRefused` for none and for several."""
        try:
            answer = await self.client.call(self._group_request(name, "id"), needs="read groups", tolerate=(400,))
        except Unfit:
            answer = None
        if answer is not None and answer.good and isinstance(answer.data, dict) and answer.data.get("id") == name:
            return name
        wanted = Request(
            path="Groups", query={"filter": f"displayName eq {literal(name)}", "attributes": "id,displayName"}
        )
        listing = self._listing()
        found = [
            str(group["id"])
            async for page in pages(self.client, wanted, listing, needs="read groups")
            for group in page.items
            if isinstance(group, dict) and str(group.get("displayName", "")).casefold() == name.casefold()
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise RemoteRefused(
                f"{self.client.name}: {len(found)} groups are called {name} ({', '.join(found[:5])}). "
                "Give the id instead."
            )
        raise self.gone(name)

    async def group(self, group_id: str, attributes: str = "id,members,meta") -> Answer:
        """Return the answer with the group. Raises `RemoteRefused` when it is gone, `IncompleteRead` for nonsense."""
        request = self._group_request(group_id, attributes)
        answer = await self.client.call(request, needs="read the group")
        if answer.status == 404:
            raise self.gone(group_id)
        if not answer.good:
            raise RemoteRefused(f"{self.client.name}: the group {group_id} cannot be read ({words(answer)}).")
        data = answer.data
        if not isinstance(data, dict) or data.get("id") != group_id or not isinstance(data.get("members", []), list):
            raise IncompleteRead(
                f"{self.client.name}: the answer is not the group {group_id}. Nothing may be concluded from it; check "
                "base_url."
            )
        return answer

    async def users(self, wanted: str = "") -> AsyncIterator[Any]:
        """Yield users, all or those of a filter, every page of them; an unproven end is an `IncompleteRead`."""
        attributes = ("id", "userName", "emails", "active", *self._settings.attributes)
        query = {"attributes": ",".join(attributes)}
        if wanted:
            query["filter"] = wanted
        if self.can.sort:
            query |= {"sortBy": "id"}
        if self.can.cursor:
            query |= {"cursor": ""}
        seen: set[str] = set()
        async for page in pages(self.client, Request(path="Users", query=query), self._listing(), needs="read users"):
            for user in page.items:
                identity = str(user.get("id") or "") if isinstance(user, dict) else ""
                if not identity or identity in seen:
                    raise IncompleteRead(
                        f"{self.client.name}: {identity or 'a user without id'} came twice among the users: the list "
                        "moved while it was read, and somebody may be missing. Nothing may be concluded from it."
                    )
                seen.add(identity)
                yield user

    async def users_called(self, key: ScimKey, names: Sequence[str]) -> list[Any]:
        """Return every user who answers to one of the names.

        One name to a call: services that refuse `or` in a filter are many, services that refuse one comparison none.
        """
        if not self.can.filters:
            return [user async for user in self.users()]

        async def called(name: str) -> list[Any]:
            return [user async for user in self.users(user_filter(key, name))]

        return [user for users in await abreast(called, names, self._concurrency) for user in users]

    def gone(self, group: str) -> RemoteRefused:
        """Return the error for a group that does not exist (or that this token may not see)."""
        return RemoteRefused(
            f"{self.client.name}: there is no group {group}, or this token may not see it. Check group and the token's "
            "rights."
        )

    def group_path(self, group_id: str) -> str:
        """Return the path of a group. Raises `Unfit` for an id that cannot be one."""
        return fill_path("Groups/{id}", {"id": group_id})

    def _group_request(self, group_id: str, attributes: str) -> Request:
        return Request(path=self.group_path(group_id), query={"attributes": attributes})

    def _listing(self) -> Listing:
        size = min(self._settings.page_size, self.can.most_results or self._settings.page_size)
        paging = (
            Paging(style=PageStyle.CURSOR, param="cursor", path="nextCursor", size_param="count", size=size)
            if self.can.cursor
            else Paging(style=PageStyle.OFFSET, param="startIndex", start=1, size_param="count", size=size)
        )
        # A service may leave Resources out when it found nobody (RFC 7644 §3.4.2).
        items = "Resources || (totalResults != `null` && `[]`)"
        return Listing(items=items, page=paging, total="totalResults")
