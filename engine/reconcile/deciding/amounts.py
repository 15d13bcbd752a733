"""Counts and shares as the sentences of guards say them. Pure."""

from __future__ import annotations


def percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else 0.0


def number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"


def members(count: int) -> str:
    return "1 member" if count == 1 else f"{count} members"


def lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
