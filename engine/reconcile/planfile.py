"""A plan as bytes: canonical, named by its digest, refused in words when anything about it is not right."""

from __future__ import annotations

from typing import BinaryIO

import msgspec

from engine.reconcile.history import Digest
from engine.reconcile.plan import Plan


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's canonical body and the BLAKE2b-256 of it."""

    digest: Digest
    body: bytes


def encode(plan: Plan) -> Encoded:
    """Return the canonical bytes of a plan and its digest: equal plans, equal bytes, on every machine."""
    raise RuntimeError("under construction")


def decode(body: bytes, digest: Digest) -> Plan:
    """Return the plan of a body that was kept under a digest. Raises `PlanUnreadable`."""
    raise RuntimeError("under construction")


def write(encoded: Encoded, file: BinaryIO) -> None:
    """Write a plan file: one header line (format, digest, engine version), then the body."""
    raise RuntimeError("under construction")


def read(file: BinaryIO) -> tuple[Digest, Plan]:
    """Read a plan file. Raises `PlanUnreadable` for a damaged, truncated, foreign or newer one."""
    raise RuntimeError("under construction")
