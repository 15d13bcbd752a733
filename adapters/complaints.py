"""What is wrong outside the settings of a workspace: secrets that others can read, tokens that travel in clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from adapters import secrets
from engine.settings.model import Workspace
from engine.settings.references import secret_references
from engine.settings.replication import LOOPBACK


def complaints(workspace: Workspace) -> Iterator[str]:
    """Yield a sentence for each fault."""
    settings = [adapter.settings for adapter in workspace.adapters.values()]
    settings += [*workspace.peers.values(), workspace.server]
    for reference in sorted({reference for each in settings for _, reference in secret_references(each)}):
        if problem := secrets.permission_problem(reference, Path(workspace.folder)):
            yield problem
    for peer in workspace.peers.values():
        address = urlsplit(peer.url)
        if peer.token and address.scheme == "http" and address.hostname not in LOOPBACK:
            yield (
                f"peers.{peer.name}: the token and all events go to {address.hostname} in clear. Serve it with "
                "server.tls_certificate and write https://, or let a tunnel carry it."
            )
    server = workspace.server
    if server.host not in LOOPBACK and not server.tls_certificate:
        yield (
            f"server: {server.host} is served without TLS: tokens and events can be read on the way. "
            "Give server.tls_certificate and tls_key, or put a proxy with TLS before it."
        )
