"""Settings that hold for every test."""

from __future__ import annotations

import logging
import os
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


@pytest.fixture(autouse=True)
def environment_and_log_of_this_test_alone() -> Iterator[None]:
    """What a test sets in the environment, and where a command sends its log, is as it was for the next."""
    environment, root = dict(os.environ), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    if os.environ != environment:
        os.environ.clear()
        os.environ.update(environment)
    root.handlers[:] = handlers
    root.setLevel(level)
