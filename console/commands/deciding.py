"""`syncdeck approve` and `syncdeck reject`: decide about a plan by its digest."""

from __future__ import annotations

from argparse import Namespace

from console.commands.arguments import Subparsers, add_verb
from console.commands.session import DONE, Session
from engine.reconcile.history import Approval


def add_parser(verbs: Subparsers) -> None:
    approval = add_verb(
        verbs,
        "approve",
        approve,
        examples=(
            "syncdeck approve 3f2a90 --comment 'checked with HR'",
            "syncdeck approve 3f2a90 --override max_removals --comment 'the Lyon office closed, ticket 4711'",
        ),
    )
    rejection = add_verb(
        verbs,
        "reject",
        reject,
        examples=("syncdeck reject 3f2a90 --comment 'the export was broken'",),
    )
    for parser in (approval, rejection):
        parser.add_argument("digest", help="the plan's digest, or its first characters")
        parser.add_argument("--comment", metavar="TEXT", default="", help="why; kept with the decision")
    approval.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="GUARD",
        help="lift this guard for this plan (needs --comment)",
    )


async def approve(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        approval = await engine.reconcile.approve(
            arguments.digest, comment=arguments.comment, overrides=arguments.override
        )
        readiness = await engine.reconcile.readiness(arguments.digest)
    _tell(session, approval, "Approved")
    for obstacle in readiness.obstacles:
        session.say(f"Still in the way: {obstacle}")
    if not readiness.obstacles:
        session.say(f"To carry it out: syncdeck apply {approval.digest[:12]}")
    return DONE


async def reject(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        approval = await engine.reconcile.reject(arguments.digest, comment=arguments.comment)
    _tell(session, approval, "Rejected")
    return DONE


def _tell(session: Session, approval: Approval, done: str) -> None:
    session.emit(approval)
    lifted = f", lifting {', '.join(approval.overrides)}" if approval.overrides else ""
    session.say(f"{done} plan {approval.digest[:12]} as {approval.approver}{lifted}.")
