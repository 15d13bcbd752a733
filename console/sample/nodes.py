"""The sample company's other offices: two more nodes with workspaces of their own, and the history they share."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

from console.sample.cards import FIRST, LAST, SINCE, cards, edits
from console.sample.work import settings
from engine.assembly import Engine
from engine.events.merging.queue import Choice, Take
from engine.events.replicating.messages import Limits, Selection

PEERS = {"hamburg": 8471, "lisbon": 8472}
"""The other nodes, and the ports of theirs in pictures; a demo takes ports that are free."""

RULES = """\
conflicts:
  rules:                                  # first match wins; what no rule knows, a person decides
    - {name: visits add up, when: {field: visits}, use: keep_both}
    - {name: tags are united, when: {field: tags}, use: union}
    - {name: the last note, when: {field: note}, use: last_write_wins}
    - {name: money needs a human, when: {field: "credit.*"}, use: ask_operator}
"""

_SETTINGS = """\
# An office of the sample company. It holds the same customer cards as Berlin, and people edit them here too.
syncdeck: 1
title: Acme {title} (sample)
node: {node}
server: {{port: {port}}}                  # loopback only, so it needs no tokens

{work}
{rules}"""

Opening = Callable[[Path], AbstractAsyncContextManager[Engine]]


def folder_of(folder: Path, node: str) -> Path:
    """Return the folder of another office's workspace within the sample's."""
    return folder / "offices" / node


def free_ports() -> dict[str, int]:
    """Return a port of the loopback for each other node that nobody uses now."""
    with_ports = {}
    for node in PEERS:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            with_ports[node] = listening.getsockname()[1]
    return with_ports


def peer_settings(ports: Mapping[str, int]) -> str:
    """Return the section of the sample's own settings that names the other nodes."""
    lines = [f'  {node}: {{url: "http://127.0.0.1:{port}", every: 15s}}' for node, port in ports.items()]
    return "\n".join(["peers:                                    # the other offices", *lines, ""])


def build_offices(folder: Path, ports: Mapping[str, int]) -> None:
    """Write the workspaces of the other offices."""
    for node, port in ports.items():
        office = folder_of(folder, node)
        office.mkdir(parents=True, exist_ok=True)
        text = _SETTINGS.format(title=node.capitalize(), node=node, port=port, work=settings(office=True), rules=RULES)
        (office / "syncdeck.yaml").write_text(text, encoding="utf-8")


async def share_history(berlin: Engine, folder: Path, opening: Opening) -> None:
    """Register the customers, settle an old conflict in Hamburg, then edit everywhere at once; Berlin knows nearly
    all of it, the others lack what the others did today."""
    async with AsyncExitStack() as stack:
        nodes = {"berlin": berlin}
        for node in PEERS:
            nodes[node] = await stack.enter_async_context(opening(folder_of(folder, node)))
        await berlin.log.append(cards())
        await _everybody(nodes)
        for node, engine in nodes.items():
            if events := edits(FIRST, node):
                await engine.log.append(events)
        await _everybody(nodes)
        (settled,) = await nodes["hamburg"].conflicts.queue()
        path = settled.fields[0]
        await nodes["hamburg"].conflicts.resolve(
            settled.id, {path: Choice(take=Take.VALUE, value=16_000)}, comment="agreed on the phone"
        )
        await _everybody(nodes)
        for node, engine in nodes.items():
            await engine.log.append(edits(SINCE, node))
        for node in PEERS:
            await _give(nodes[node], berlin)
            await nodes[node].log.append(edits(LAST, node))


async def _everybody(nodes: Mapping[str, Engine]) -> None:
    """Let every node have what any has."""
    for giver in nodes.values():
        for taker in nodes.values():
            await _give(giver, taker)


async def _give(giver: Engine, taker: Engine) -> None:
    more = giver is not taker
    while more:
        batch = await giver.replica.lacking(await taker.log.vector(), Limits(), Selection())
        if batch.items:
            await taker.replica.receive(batch)
        more = batch.more
