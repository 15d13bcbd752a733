"""A plan as bytes: canonical, named by its digest, refused in words when anything about it is not right."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

import msgspec

from engine.errors import PlanUnreadable
from engine.reconcile.history import Digest
from engine.reconcile.plan import PLAN_FORMAT, Plan

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Plan)
_AGAIN = "Make a new plan with: syncdeck plan"
HEADER_LIMIT = 1_000
"""Longest header line in bytes; ours has about 250."""


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's canonical body and the BLAKE2b-256 of it."""

    digest: Digest
    body: bytes


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a plan file. `seal` covers the line itself, as the digest covers the body."""

    syncdeck_plan: int
    digest: str
    engine: str
    seal: str = ""


def encode(plan: Plan) -> Encoded:
    """Return the canonical bytes of a plan and its digest: equal plans, equal bytes, on every machine."""
    body = _ENCODER.encode(plan)
    return Encoded(digest=_digest_of(body), body=body)


def decode(body: bytes, digest: Digest) -> Plan:
    """Return the plan of a body that was kept under a digest. Raises `PlanUnreadable`."""
    if _digest_of(body) != digest:
        raise PlanUnreadable(
            f"The plan's content does not match its digest {digest[:12]}: it was damaged or changed after it was made. "
            f"{_AGAIN}"
        )
    try:
        plan = _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise PlanUnreadable(f"The plan {digest[:12]} cannot be read: {error}. {_AGAIN}") from error
    if plan.format != PLAN_FORMAT:
        raise PlanUnreadable(_other_format(plan.format))
    return plan


def write(encoded: Encoded, file: BinaryIO, *, engine: str = "") -> None:
    """Write a plan file: one header line (format, digest, engine version), the body, and a line feed."""
    header = Header(syncdeck_plan=PLAN_FORMAT, digest=encoded.digest, engine=engine)
    file.write(_sealed(header))
    file.write(encoded.body)
    file.write(b"\n")


def read(file: BinaryIO) -> tuple[Digest, Plan]:
    """Read a plan file. Raises `PlanUnreadable` for a damaged, truncated, foreign or newer one."""
    line = file.readline(HEADER_LIMIT)
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlanUnreadable(f"This is not a plan file, or its first line is damaged. {_AGAIN}") from error
    if line != _sealed(header):
        raise PlanUnreadable(f"The first line of the plan file was damaged or changed. {_AGAIN}")
    if header.syncdeck_plan != PLAN_FORMAT:
        raise PlanUnreadable(_other_format(header.syncdeck_plan))
    body = file.read()
    if not body.endswith(b"\n"):
        raise PlanUnreadable(f"The plan file ends too early: part of it is missing. {_AGAIN}")
    digest = Digest(header.digest)
    return digest, decode(body[:-1], digest)


def _digest_of(body: bytes) -> Digest:
    return Digest(hashlib.blake2b(body, digest_size=32).hexdigest())


def _sealed(header: Header) -> bytes:
    """Return the header's only valid bytes: a reader compares whole lines, so no byte of it can change unnoticed."""
    bare = _ENCODER.encode(msgspec.structs.replace(header, seal=""))
    seal = hashlib.blake2b(bare, digest_size=8).hexdigest()
    return _ENCODER.encode(msgspec.structs.replace(header, seal=seal)) + b"\n"


def _other_format(found: int) -> str:
    advice = "Upgrade syncdeck, or make the plan again here." if found > PLAN_FORMAT else _AGAIN
    return f"The plan has format {found}; this version reads format {PLAN_FORMAT}. {advice}"
