"""Syncdeck's own two themes. Every tone reads at 4.5:1 or better on all its grounds (WCAG 2.2 §1.4.3); a test measures."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="syncdeck-dark",
    primary="#7aa2d8",
    secondary="#8fa8b8",
    accent="#7fc4c0",
    success="#86c28b",
    warning="#e0b15e",
    error="#f08a80",
    foreground="#d7dce2",
    background="#14181d",
    surface="#191e24",
    panel="#222932",
    dark=True,
    variables={
        "tone-plain": "#d7dce2",
        "tone-strong": "#f2f5f8",
        "tone-quiet": "#93a0ad",
        "tone-accent": "#8ab8ec",
        "tone-good": "#86c28b",
        "tone-warn": "#e0b15e",
        "tone-bad": "#f79a90",
        "tone-add": "#86c28b",
        "tone-update": "#e0b15e",
        "tone-remove": "#f79a90",
        "cursor": "#2b3644",
        "cursor-idle": "#212831",
        "rule": "#39434f",
        "header": "#1d242c",
        "header-protected": "#4a1f22",
    },
)

LIGHT = Theme(
    name="syncdeck-light",
    primary="#2a5a94",
    secondary="#4a6478",
    accent="#0d6a68",
    success="#24672f",
    warning="#7a4d00",
    error="#a8261c",
    foreground="#1f2429",
    background="#fbfbf9",
    surface="#f5f5f2",
    panel="#e9eae6",
    dark=False,
    variables={
        "tone-plain": "#1f2429",
        "tone-strong": "#000000",
        "tone-quiet": "#525c66",
        "tone-accent": "#1f5390",
        "tone-good": "#20602b",
        "tone-warn": "#704600",
        "tone-bad": "#9c2018",
        "tone-add": "#20602b",
        "tone-update": "#704600",
        "tone-remove": "#9c2018",
        "cursor": "#d5e1ef",
        "cursor-idle": "#e6e9ec",
        "rule": "#b9bfc5",
        "header": "#e9ecee",
        "header-protected": "#f6d5d2",
    },
)

THEMES = (DARK, LIGHT)
