"""`syncdeck doctor` and `syncdeck backup`: is everything sound, and a copy of the state in case it is not."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from console.commands.arguments import Subparsers, add_verb
from console.commands.session import DONE, ERROR, Session
from engine.assembly import Engine
from engine.errors import SecretUnavailable
from engine.settings.model import Workspace
from engine.settings.references import secret_references
from engine.storage.care import Finding


def add_parser(verbs: Subparsers) -> None:
    add_verb(
        verbs,
        "doctor",
        doctor,
        examples=("syncdeck doctor",),
    )
    parser = add_verb(
        verbs,
        "backup",
        backup,
        examples=("syncdeck backup /srv/backup/state-$(date +%F).db",),
    )
    parser.add_argument("file", type=Path, help="where to write; must not exist yet")


async def doctor(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        findings = [
            *await engine.care.examine(),
            *await _coordination(engine),
            *_outside(session, engine.workspace),
        ]
    for finding in findings:
        session.emit(finding)
        mark = session.paint("ok     ", "green") if finding.ok else session.paint("PROBLEM", "red")
        session.say(f"{mark}  {finding.name:<20} {finding.detail}")
        if not finding.ok and finding.advice:
            session.say(f"{'':<30}{finding.advice}")
    return DONE if all(finding.ok for finding in findings) else ERROR


async def _coordination(engine: Engine) -> Sequence[Finding]:
    """Return whether the backend answers, and what to know before trusting it."""
    standing = await engine.coordination.standing()
    promises = standing.promises
    if not standing.reachable:
        advice = "Without it nothing is applied: nobody can know who else is at it. See coordination in syncdeck.yaml."
        return [Finding(name="coordination", ok=False, detail=standing.fault, advice=advice)]
    took = f" in {standing.latency.total_seconds() * 1000:.1f} ms" if standing.latency is not None else ""
    answers = f"{promises.backend} answers{took}; it coordinates {promises.reach}."
    seen = f"A holder that was killed is seen {promises.crash_seen}; one that hangs {promises.hang_seen}."
    return [
        Finding(name="coordination", ok=True, detail=answers),
        Finding(name="", ok=True, detail=seen),
        *(Finding(name="", ok=True, detail=caution) for caution in promises.cautions),
    ]


def _outside(session: Session, workspace: Workspace) -> Iterator[Finding]:
    """Yield a finding for every secret that an adapter refers to (can it be had here?), and every other complaint."""
    for complaint in session.outside.complaints(workspace):
        yield Finding(name="outside", ok=False, detail=complaint, advice="")
    for adapter in workspace.adapters.values():
        for field, reference in secret_references(adapter.settings):
            name = f"{adapter.name}.{field}"
            try:
                session.outside.secret(reference, workspace.folder)
            except SecretUnavailable as error:
                yield Finding(name=name, ok=False, detail=str(error), advice="")
            else:
                yield Finding(name=name, ok=True, detail=f"{reference} can be read", advice="")


async def backup(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        copied = await engine.care.backup(arguments.file)
    session.emit({"file": str(arguments.file), "bytes": copied})
    session.say(f"Copied and verified: {arguments.file} ({copied:,} bytes).")
    return DONE
