"""A REST collection for tests: members of two teams, the people who may join, paging in every style."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from tests.servers.http import Asked, Given, json_answer

Item = dict[str, Any]
TOKEN = "s3cr3t-of-the-sandbox"


class Collection:
    """The application: `/teams/eng/members`, `/people`. State is open to tests; a lock guards it."""

    def __init__(self, style: str = "cursor", page_size: int = 100) -> None:
        self.style = style
        self.page_size = page_size
        self.held: dict[str, Item] = {}
        self.people: dict[str, Item] = {}
        self.token = TOKEN
        self.writable = True
        self.there = True
        self.stale: list[Item] | None = None
        """What lists answer instead of the members, while set."""
        self.cut_short = False
        """The last page is forgotten, though the total counts it."""
        self._lock = threading.Lock()
        self._next = 0
        self._addresses: dict[str, str] = {}

    @property
    def members(self) -> list[Item]:
        """The members in the order they came."""
        return list(self.held.values())

    @members.setter
    def members(self, members: Sequence[Item]) -> None:
        self.held = {item["id"]: item for item in members}
        self._addresses = {item["email"].casefold(): item["id"] for item in members if item.get("email")}

    def put(self, item: Item) -> Item:
        """Make somebody a member, under a new id unless the item has one."""
        self._next += 1
        item = {"id": f"m/{self._next}", **item}
        self.held[item["id"]] = item
        if item.get("email"):
            self._addresses[item["email"].casefold()] = item["id"]
        return item

    def take(self, identity: str) -> bool:
        """Let a member go; false when there is none of this id."""
        item = self.held.pop(identity, None)
        if item is not None:
            self._addresses.pop(item.get("email", "").casefold(), None)
        return item is not None

    def __call__(self, asked: Asked) -> Given:
        with self._lock:
            if asked.headers.get("authorization") != f"Bearer {self.token}":
                return json_answer({"message": "Bad credentials"}, 401)
            if not self.there and asked.path.startswith("/teams"):
                return json_answer({"message": "No such team"}, 404)
            if asked.writes and not self.writable:
                return json_answer({"message": "Read only token"}, 403)
            return self._route(asked)

    def _route(self, asked: Asked) -> Given:
        match [asked.method, *(unquote(part) for part in asked.path.strip("/").split("/"))]:
            case ["GET", "teams", "eng", "members"]:
                return self._list(asked)
            case ["POST", "teams", "eng", "members"]:
                return self._add(asked.json)
            case ["POST", "teams", "eng", "members", "batch"]:
                return self._add_all(asked.json["members"])
            case ["POST", "teams", "eng", "members", "leave"]:
                return self._remove_all(asked.json["ids"])
            case ["PATCH", "teams", "eng", "members"]:
                return self._update_all(asked.json["members"])
            case ["DELETE", "teams", "eng", "members", identity]:
                return self._remove(identity)
            case ["PATCH", "teams", "eng", "members", identity]:
                return self._update(identity, asked.json)
            case ["GET", "people"]:
                return self._people(asked.query["q"])
        return json_answer({"message": f"No route {asked.method} {asked.path}"}, 404)

    def _add(self, new: Item) -> Given:
        folded = new["email"].casefold()
        if folded not in self.people:
            return json_answer({"message": "unknown person"}, 422)
        if folded in self._addresses:
            return json_answer({"message": "already a member"}, 409)
        return json_answer(self.put({**self.people[folded], **new, "note": "kept"}), 201)

    def _add_all(self, news: Sequence[Item]) -> Given:
        present = [new["email"] for new in news if new["email"].casefold() in self._addresses]
        if present:
            return json_answer({"message": f"already a member: {present[0]}"}, 409)
        added = [(new["email"], self._add(new)) for new in news]
        results = [{"email": name, "error": "unknown person" if given.status == 422 else None} for name, given in added]
        # Backwards, so that whoever pairs results with requests by their place is found out.
        return json_answer({"results": results[::-1]})

    def _remove(self, identity: str) -> Given:
        return Given(204) if self.take(identity) else json_answer({"message": "not a member"}, 404)

    def _remove_all(self, identities: Sequence[str]) -> Given:
        if not self.held.keys() >= set(identities):
            return json_answer({"message": "somebody is not a member"}, 400)
        for identity in identities:
            self.take(identity)
        return Given(204)

    def _update(self, identity: str, changes: Item) -> Given:
        if identity not in self.held:
            return json_answer({"message": "not a member"}, 404)
        self.held[identity].update(changes)
        return json_answer(self.held[identity])

    def _update_all(self, changes: Sequence[Item]) -> Given:
        if not self.held.keys() >= {change["id"] for change in changes}:
            return json_answer({"message": "somebody is not a member"}, 404)
        for change in changes:
            self.held[change["id"]].update(change)
        return Given(204)

    def _people(self, name: str) -> Given:
        person = self.people.get(name.casefold())
        return json_answer({"people": [person] if person else []})

    def _list(self, asked: Asked) -> Given:
        items = self.members if self.stale is None else self.stale
        query, size, total = asked.query, self.page_size, len(items)
        match self.style:
            case "page":
                start = (int(query.get("page", "1")) - 1) * size
            case "offset":
                start = int(query.get("offset", "0"))
            case _:
                start = int((query.get("cursor") or "c0")[1:])
        shown = items[start : start + size]
        last = start + size >= total
        if self.cut_short and last and start:
            shown = []
        body: dict[str, Any] = {"items": shown, "total": total}
        if self.style == "cursor" and not last:
            body["next_cursor"] = f"c{start + size}"
        if self.style == "next_url" and not last:
            body["next"] = f"{asked.path}?cursor=c{start + size}"
        if self.style == "link" and not last:
            return json_answer(body, link=f'<{asked.path}?cursor=c{start + size}>; rel="next"')
        return json_answer(body)
