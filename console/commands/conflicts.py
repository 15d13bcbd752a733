"""`syncdeck conflicts`: what waits for a decision, side by side, and deciding it."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from console.commands.arguments import Subparsers, add_act, add_verb
from console.commands.conflicts_backtest import back_test
from console.commands.conflicts_deciding import claim, release, resolve, resolve_all, undo
from console.commands.conflicts_lines import detail_lines, detail_object, summary_object, summary_table
from console.commands.session import DONE, Session
from engine.events.merging.queue import ConflictState

ALL = 2**62
WAITING = (ConflictState.OPEN, ConflictState.CLAIMED)


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "conflicts",
        conflicts,
        examples=(
            "syncdeck conflicts                                     what waits for an operator",
            "syncdeck conflicts --field email --state settled       what was decided about one field",
            "syncdeck conflicts show 3f2a90                         base and sides, field by field",
            "syncdeck conflicts resolve 3f2a90 --take local         preview, ask, decide",
        ),
        exits="0 done, 2 a decision was written (resolve, undo), 4 the conflict has moved on, 1 error",
    )
    parser.add_argument(
        "--state",
        action="append",
        choices=[state.value for state in ConflictState],
        default=[],
        help="only those in this state; may be given several times (default: open and claimed)",
    )
    parser.add_argument("--field", default="", metavar="F", help="pattern of a contested field, dotted (profile.*)")
    parser.add_argument("--aggregate", default="", metavar="A", help="pattern of the aggregate (user:*)")
    parser.add_argument("--limit", type=int, default=1_000, metavar="N", help="the newest N (default 1000; 0: all)")
    acts = parser.add_subparsers(title="more", metavar="ACT", dest="act")
    _show(acts)
    _resolve(acts)
    _resolve_all(acts)
    _undo(acts)
    _claims(acts)
    _back_test(acts)


def _show(acts: Subparsers) -> None:
    parser = add_act(
        acts,
        "show",
        show,
        "Show a conflict: the base, each side with who and when, and the rule that applies.",
        examples=("syncdeck conflicts show 3f2a90", "syncdeck conflicts show user:1"),
    )
    _names_one(parser)


def _resolve(acts: Subparsers) -> None:
    parser = add_act(
        acts,
        "resolve",
        resolve,
        "Decide a conflict: preview, ask, write. The decision goes to every node.",
        examples=(
            "syncdeck conflicts resolve 3f2a90 --take remote                    every field that waits",
            "syncdeck conflicts resolve 3f2a90 --field email --take 2 --field tags --take both",
            "syncdeck conflicts resolve 3f2a90 --take merged.json --comment 'asked HR' --yes",
        ),
        exits="0 there was nothing to decide, 2 the decision was written, 4 the conflict has moved on, 1 error",
    )
    _names_one(parser)
    parser.add_argument(
        "--take",
        dest="decisions",
        action=_InOrder,
        default=[],
        metavar="WHAT",
        help="local (what this node wrote), remote, base, both, remove, the number of a side, or a JSON file: the "
        "value of the --field before it, else a merge patch on the whole",
    )
    parser.add_argument(
        "--field",
        dest="decisions",
        action=_InOrder,
        default=[],
        metavar="F",
        help="the field that the next --take is for (a pattern; . is the whole); without: all that wait",
    )
    parser.add_argument("--comment", metavar="TEXT", default="", help="why; kept with the decision")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _resolve_all(acts: Subparsers) -> None:
    parser = add_act(
        acts,
        "resolve-all",
        resolve_all,
        "Decide many conflicts alike: every field that waits, that the filters match and that the choice fits.",
        examples=(
            "syncdeck conflicts resolve-all --field tags --take both --comment 'nobody loses a tag'",
            "syncdeck conflicts resolve-all --aggregate 'user:*' --take hamburg     what that node wrote",
        ),
        exits="0 there was nothing to decide, 2 all decisions were written, 4 a conflict moved on (none), 1 error",
    )
    parser.add_argument(
        "--take", required=True, metavar="WHAT", help="base, both, remove, oldest, newest, or the name of a node"
    )
    parser.add_argument("--field", default="", metavar="F", help="pattern of contested fields, dotted")
    parser.add_argument("--aggregate", default="", metavar="A", help="pattern of the aggregates")
    parser.add_argument("--comment", metavar="TEXT", default="", help="why; kept with each decision")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _undo(acts: Subparsers) -> None:
    parser = add_act(
        acts,
        "undo",
        undo,
        "Take a decision back: the conflict waits again as it did.",
        examples=("syncdeck conflicts undo 3f2a90 --yes",),
        exits="2 taken back, 4 the field was changed since, 1 error",
    )
    _names_one(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _claims(acts: Subparsers) -> None:
    _names_one(add_act(acts, "claim", claim, "Tell all operators that you are at a conflict. Keeps nobody out."))
    _names_one(add_act(acts, "release", release, "Tell all operators that nobody is at a conflict any more."))


def _back_test(acts: Subparsers) -> None:
    parser = add_act(
        acts,
        "backtest",
        back_test,
        "Try rules on past decisions and on what waits: where they agree, differ, or would ask. Writes nothing.",
        examples=("syncdeck conflicts backtest new-rules.yaml     a file with rules:, or a whole syncdeck.yaml",),
    )
    parser.add_argument("rules", metavar="RULES.yaml", help="the file with the rules to try")


def _names_one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("conflict", metavar="ID", help="the conflict's id, its first characters, or the aggregate")


class _InOrder(argparse.Action):
    """Keeps --field and --take in the order in which they were given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002  argparse gives it
        namespace: Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        given: Sequence[tuple[str, str]] = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*given, ((option_string or "").lstrip("-"), str(values))])


async def conflicts(arguments: Namespace, session: Session) -> int:
    states = tuple(map(ConflictState, arguments.state)) or WAITING
    async with session.open() as engine:
        found = await engine.conflicts.queue(
            states=states, field=arguments.field, aggregate=arguments.aggregate, limit=arguments.limit or ALL
        )
    for summary in found:
        session.emit(summary_object(summary))
    for line in summary_table(found):
        session.say(line)
    if not found:
        narrowed = arguments.state or arguments.field or arguments.aggregate
        session.say("No conflict matches." if narrowed else "No conflict waits for an operator.")
    elif len(found) == arguments.limit:
        session.warn(f"The newest {len(found):,} are shown; --limit 0 shows all.")
    return DONE


async def show(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        detail = await engine.conflicts.show(arguments.conflict)
        node = engine.workspace.node
    session.emit(detail_object(detail))
    for line in detail_lines(session, detail, node):
        session.say(line)
    return DONE
