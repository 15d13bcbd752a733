"""A team behind HTTP whose writes wait until a test lets them through: what happens to an apply that is under way."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.servers.collection import Collection
from tests.servers.http import Application, Asked, Given, LocalServer

PATIENCE = 30

TEAM = """\
adapters:
  people: {{type: csv_file, path: people.csv, key: email}}
  team:
    type: http_json
    base_url: {url}
    auth: {{kind: bearer, token: "env:TEAM_TOKEN"}}
    list: {{path: /teams/eng/members, items: items, key: email, id: id, total: total, page: {{style: cursor}}}}
    add: {{path: /teams/eng/members, body: {{email: "{{key}}"}}}}
    remove: {{method: DELETE, path: "/teams/eng/members/{{id}}"}}
    rate: {{concurrency: {concurrency}}}
syncs:
  engineering: {{source: people, targets: [team]}}
"""


class HeldUp:
    """Mischief: every write waits, once it has arrived, until it is let through."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.let_through = threading.Event()

    def __call__(self, asked: Asked, application: Application) -> Given:
        if asked.writes:
            self.arrived.set()
            self.let_through.wait(PATIENCE)
        return application(asked)


@contextmanager
def team_of_nobody(names: Sequence[str]) -> Iterator[LocalServer]:
    """Serve a team of nobody that knows these people."""
    collection = Collection()
    collection.people = {name: {"email": name} for name in names}
    with LocalServer(collection).running() as server:
        yield server
