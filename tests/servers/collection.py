"""A REST collection for tests: members of two teams, the people who may join, paging in every style."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
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
        self.members: list[Item] = []
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

    def new_id(self) -> str:
        """Return an id nobody has had."""
        self._next += 1
        return f"m/{self._next}"

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

    def _member(self, wanted: Callable[[Item], bool]) -> Item | None:
        return next((item for item in self.members if wanted(item)), None)

    def _add(self, new: Item) -> Given:
        known = self.people.get(new["email"].casefold())
        if known is None:
            return json_answer({"message": "unknown person"}, 422)
        if self._member(lambda item: item.get("email", "").casefold() == new["email"].casefold()):
            return json_answer({"message": "already a member"}, 409)
        self.members.append({**known, **new, "id": self.new_id(), "note": "kept"})
        return json_answer(self.members[-1], 201)

    def _add_all(self, news: Sequence[Item]) -> Given:
        results = []
        held = {item.get("email", "").casefold() for item in self.members}
        for new in news:
            if new["email"].casefold() in held:
                return json_answer({"message": f"already a member: {new['email']}"}, 409)
        for new in news:
            given = self._add(new)
            error = "unknown person" if given.status == 422 else None
            results.append({"email": new["email"], "error": error})
        return json_answer({"results": list(reversed(results))})

    def _remove(self, identity: str) -> Given:
        item = self._member(lambda item: item["id"] == identity)
        if item is None:
            return json_answer({"message": "not a member"}, 404)
        self.members.remove(item)
        return Given(204)

    def _remove_all(self, identities: Sequence[str]) -> Given:
        leaving = [item for item in self.members if item["id"] in set(identities)]
        if len(leaving) < len(identities):
            return json_answer({"message": "somebody is not a member"}, 400)
        self.members = [item for item in self.members if item["id"] not in set(identities)]
        return Given(204)

    def _update(self, identity: str, changes: Item) -> Given:
        item = self._member(lambda item: item["id"] == identity)
        if item is None:
            return json_answer({"message": "not a member"}, 404)
        item.update(changes)
        return json_answer(item)

    def _update_all(self, changes: Sequence[Item]) -> Given:
        known = {item["id"]: item for item in self.members}
        if not known.keys() >= {change["id"] for change in changes}:
            return json_answer({"message": "somebody is not a member"}, 404)
        for change in changes:
            known[change["id"]].update(change)
        return Given(204)

    def _people(self, query: str) -> Given:
        hits = [person for name, person in self.people.items() if query.casefold() in name]
        return json_answer({"people": hits})

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
