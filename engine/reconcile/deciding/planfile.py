"""A plan as bytes: canonical, named by its digest, refused in words when anything about it is not right.

The body is lines of JSON: the plan without its changes and how many each target has, then every change on a line of
its own, in order. So a plan of any size is written piece by piece, and `grep` finds a member in a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from engine.errors import PlanUnreadable
from engine.reconcile.history import Digest
from engine.reconcile.plan import PLAN_FORMAT, Change, Plan

_ENCODER = msgspec.json.Encoder(order="deterministic")
_CHANGES = msgspec.json.Decoder(Change)
_PIECE = 2_000
"""Changes encoded at once when a plan is written straight to a file: about half a megabyte."""
_AGAIN = "Make a new plan with: syncdeck plan"
HEADER_LIMIT = 1_000
"""Longest header line in bytes; ours has about 250."""


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's canonical body and the BLAKE2b-256 of it."""

    digest: Digest
    body: bytes


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of a body: the plan without its changes, and how many lines of changes each target has."""

    plan: Plan
    counts: tuple[int, ...]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a plan file. `seal` covers the line itself, as the digest covers the body."""

    syncdeck_plan: int
    digest: str
    engine: str
    seal: str = ""


def encode(plan: Plan) -> Encoded:
    """Return the canonical bytes of a plan and its digest: equal plans, equal bytes, on every machine."""
    body = b"".join(_pieces(plan))
    return Encoded(digest=_digest_of((body,)), body=body)


def _pieces(plan: Plan) -> Iterator[bytes]:
    bare = replace(plan, targets=tuple(replace(target, changes=()) for target in plan.targets))
    yield _ENCODER.encode(Head(plan=bare, counts=tuple(len(target.changes) for target in plan.targets))) + b"\n"
    for target in plan.targets:
        for start in range(0, len(target.changes), _PIECE):
            yield _ENCODER.encode_lines(target.changes[start : start + _PIECE])


def decode(body: bytes, digest: Digest) -> Plan:
    """Return the plan of a body that was kept under a digest. Raises `PlanUnreadable`."""
    if _digest_of((body,)) != digest:
        raise PlanUnreadable(
            f"The plan's content does not match its digest {digest[:12]}: it was damaged or changed after it was made. "
            f"{_AGAIN}"
        )
    first, _, rest = body.partition(b"\n")
    try:
        head = msgspec.json.decode(first, type=Head)
        changes = iter(_CHANGES.decode_lines(rest))
    except msgspec.DecodeError as error:
        raise PlanUnreadable(f"The plan {digest[:12]} cannot be read: {error}. {_AGAIN}") from error
    if head.plan.format != PLAN_FORMAT:
        raise PlanUnreadable(_other_format(head.plan.format))
    pairs = zip(head.plan.targets, head.counts, strict=True)
    return replace(
        head.plan,
        targets=tuple(replace(target, changes=tuple(islice(changes, count))) for target, count in pairs),
    )


def write(encoded: Encoded, file: BinaryIO, *, engine: str = "") -> None:
    """Write a plan file: one header line (format, digest, engine version), then the body."""
    file.write(_sealed(Header(syncdeck_plan=PLAN_FORMAT, digest=encoded.digest, engine=engine)))
    file.write(encoded.body)


def save(plan: Plan, file: BinaryIO, *, engine: str = "") -> Digest:
    """Write a plan file without ever holding its bytes as a whole.

    The digest stands first and is known last: where the file can be wound back it is put in afterwards (until then
    the file is refused as damaged), else the plan is encoded twice.
    """
    if not file.seekable():
        digest = _digest_of(_pieces(plan))
        file.write(_sealed(Header(syncdeck_plan=PLAN_FORMAT, digest=digest, engine=engine)))
        file.writelines(_pieces(plan))
        return digest
    start = file.tell()
    file.write(_sealed(Header(syncdeck_plan=PLAN_FORMAT, digest=Digest("0" * 64), engine=engine)))
    digest = _digest_of(_written(_pieces(plan), file))
    end = file.tell()
    file.seek(start)
    file.write(_sealed(Header(syncdeck_plan=PLAN_FORMAT, digest=digest, engine=engine)))
    file.seek(end)
    return digest


def _written(pieces: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
    for piece in pieces:
        file.write(piece)
        yield piece


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
    digest = Digest(header.digest)
    return digest, decode(file.read(), digest)


def _digest_of(pieces: Iterable[bytes]) -> Digest:
    hashing = hashlib.blake2b(digest_size=32)
    for piece in pieces:
        hashing.update(piece)
    return Digest(hashing.hexdigest())


def _sealed(header: Header) -> bytes:
    """Return the header's only valid bytes: a reader compares whole lines, so no byte of it can change unnoticed."""
    bare = _ENCODER.encode(replace(header, seal=""))
    seal = hashlib.blake2b(bare, digest_size=8).hexdigest()
    return _ENCODER.encode(replace(header, seal=seal)) + b"\n"


def _other_format(found: int) -> str:
    advice = "Upgrade syncdeck, or make the plan again here." if found > PLAN_FORMAT else _AGAIN
    return f"The plan has format {found}; this version reads format {PLAN_FORMAT}. {advice}"
