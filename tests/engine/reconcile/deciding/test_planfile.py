"""A plan file is the plan, or it is refused in words."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.errors import PlanUnreadable
from engine.reconcile.deciding import planfile
from engine.reconcile.history import Digest
from tests.engine.reconcile.model import batch_of, planned, sync_of

PLAN = planned(
    sync_of(attributes={"name": "name", "tags": "tags"}),
    batch_of([("Ann@X.com", {"name": "Ännchen", "tags": ["a", "b"]}), ("bob", {"name": None, "tags": 3})]),
    batch_of([("BOB", {"name": "Bob", "tags": None}), ("zoë", {"name": "Z"})]),
)


def written() -> bytes:
    file = io.BytesIO()
    planfile.write(planfile.encode(PLAN), file, engine="1.2.3")
    return file.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(PlanUnreadable) as caught:
        planfile.read(io.BytesIO(content))
    return str(caught.value)


def test_what_is_read_is_what_was_written() -> None:
    encoded = planfile.encode(PLAN)
    assert planfile.read(io.BytesIO(written())) == (encoded.digest, PLAN)
    assert planfile.decode(encoded.body, encoded.digest) == PLAN


class Pipe(io.BytesIO):
    """Cannot be wound back."""

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_writing_piece_by_piece_gives_the_same_file(kind: type[io.BytesIO]) -> None:
    file = kind()
    assert planfile.save(PLAN, file, engine="1.2.3") == planfile.encode(PLAN).digest
    assert file.getvalue() == written()


def test_the_first_line_names_format_digest_and_engine() -> None:
    first = written().partition(b"\n")[0].decode()
    assert first.startswith('{"syncdeck_plan":1,"digest":"' + planfile.encode(PLAN).digest + '","engine":"1.2.3"')


@given(st.integers(0, len(written()) - 1), st.integers(1, 255))
def test_no_byte_of_a_plan_file_can_change_unnoticed(place: int, flip: int) -> None:
    content = bytearray(written())
    content[place] ^= flip
    assert refused(bytes(content))


def test_every_single_flipped_bit_is_noticed() -> None:
    content = written()
    for place in range(len(content)):
        assert refused(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


@given(st.integers(0, len(written()) - 1))
def test_a_truncated_plan_file_is_refused(length: int) -> None:
    assert refused(written()[:length])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "This is not a plan file, or its first line is damaged."),
        (b"email,name\nann@x.com,Ann\n", "This is not a plan file, or its first line is damaged."),
        (b"\xff\xfe\x00", "This is not a plan file, or its first line is damaged."),
        (b"{}" * 5_000, "This is not a plan file, or its first line is damaged."),
        (written() + b"\n", "The plan's content does not match its digest"),
        (written().replace(b'"1.2.3"', b'"1.2.4"'), "The first line of the plan file was damaged or changed."),
        (written().replace(b"zo", b"ZO"), "it was damaged or changed after it was made. Make a new plan"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_in_words(content: bytes, sentence: str) -> None:
    assert sentence in refused(content)


def test_a_newer_format_says_that_it_is_newer() -> None:
    newer = planfile.encode(replace(PLAN, format=2))
    with pytest.raises(PlanUnreadable, match=r"The plan has format 2; this version reads format 1\. Upgrade syncdeck"):
        planfile.decode(newer.body, newer.digest)


def test_a_body_that_is_no_plan_is_refused_even_under_its_own_digest() -> None:
    foreign = planfile.Encoded(digest=Digest(""), body=b'{"plan":{"sync":"x"},"counts":[]}\n')
    digest = planfile.encode(PLAN).digest
    with pytest.raises(PlanUnreadable, match="does not match its digest"):
        planfile.decode(foreign.body, digest)
