"""Settings that hold for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from engine.redaction import REDACTOR

settings.register_profile("syncdeck", deadline=None)  # a busy machine is no counterexample
settings.load_profile("syncdeck")


@pytest.fixture(autouse=True)
def secrets_of_this_test_alone() -> Iterator[None]:
    """A word that was one test's password is an ordinary word in the texts of the next."""
    before = vars(REDACTOR).copy()
    yield
    vars(REDACTOR).update(before)
