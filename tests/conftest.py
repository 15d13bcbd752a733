"""Settings that hold for every test."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("syncdeck", deadline=None)  # a busy machine is no counterexample
settings.load_profile("syncdeck")
