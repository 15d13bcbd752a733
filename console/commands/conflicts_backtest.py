"""`syncdeck conflicts backtest`: what other rules would have done with past conflicts, and would do with open ones."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from console.commands.conflicts_lines import tried_lines, tried_object
from console.commands.session import DONE, Session
from engine.errors import SettingsError
from engine.events.merging.rules import fingerprint
from engine.settings.reading import read_rules

SHOWN = 100
"""Differences shown one by one; `--json` has all."""


async def back_test(arguments: Namespace, session: Session) -> int:
    file = Path(arguments.rules).expanduser()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror or error}.") from error
    rules = read_rules(data, file.name, session.outside.catalogue())
    async with session.open() as engine:
        tested = await engine.conflicts.back_test(rules)
    for tried in tested.tried:
        session.emit(tried_object(tried))
    differing = [tried for tried in tested.tried if tried.agrees is False]
    for tried in differing[:SHOWN]:
        for line in tried_lines(tried):
            session.say(line)
    if len(differing) > SHOWN:
        session.say(f"… and {len(differing) - SHOWN:,} more that differ; --json lists all.")
    waiting = [tried for tried in tested.tried if tried.agrees is None and not tried.asks]
    session.say(f"Rules {fingerprint(rules)[:12]}, tried on {len(tested.tried):,} contested fields:")
    session.say(f"{tested.agree:,} as operators decided, {tested.differ:,} otherwise, {tested.ask:,} would ask;")
    session.say(f"{len(waiting):,} that wait now would be settled.")
    return DONE
