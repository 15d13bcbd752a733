"""A plan in words: its state, the facts above its tree, what is asked before something is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.presentation.ages import age, count
from console.presentation.change_lines import counts_line
from console.presentation.spans import Line, Span, cell, clean, fit, joined, spread, wrap
from console.presentation.ticks import Ticks
from engine.reconcile.history import Approval, Decision, PlanState
from engine.reconcile.plan import Action, Plan
from engine.reconcile.results import Readiness, StoredPlan

STATES: dict[PlanState, tuple[str, str]] = {
    PlanState.OPEN: ("open", "accent"),
    PlanState.WAITING: ("waits for approval", "warn"),
    PlanState.REFUSED: ("refused by a guard", "error"),
    PlanState.APPROVED: ("approved", "ok"),
    PlanState.REJECTED: ("rejected", "error"),
    PlanState.EXPIRED: ("expired", "dim"),
    PlanState.EMPTY: ("nothing to do", "dim"),
    PlanState.APPLIED: ("applied", "dim"),
}
DECIDABLE = {PlanState.OPEN, PlanState.WAITING, PlanState.REFUSED, PlanState.APPROVED}
"""States in which anything can still be decided."""

SHORT = 8
"""Digits of a digest that people read."""


def state_span(state: PlanState, *, complete: bool) -> Span:
    """Return a plan's state in words. Without changes, a plan that could not see everything knows too little to say
    that there is nothing to do."""
    if state is PlanState.EMPTY and not complete:
        return Span("incomplete", "error")
    return Span(*STATES[state])


def facts(stored: StoredPlan, width: int, now: datetime) -> list[Line]:
    """Return what stands above a plan's tree: state, origin, and in full what refuses it."""
    plan = stored.plan
    head = joined(
        (
            (Span(clean(plan.sync), "strong"),),
            (state_span(stored.state, complete=plan.complete),),
            (Span(plan.mode.value, "dim"),),
            (Span(f"undoes run {clean(plan.undoes)}", "warn"),) if plan.undoes else (),
            (Span(f"chosen from {plan.parent[:SHORT]}", "accent"),) if plan.parent else (),
        ),
        "  ",
    )
    ending = "expired" if plan.expires_at <= now else "expires"
    until = f"  {ending} {age(plan.expires_at, now)}" if stored.state in DECIDABLE or ending == "expired" else ""
    lines = [spread(head, (Span(f"{stored.digest[:SHORT]}{until}", "dim"),), width)]
    lines.append(spread(_source(plan, now), _decisions(stored, now), width))
    for sentence in _banners(plan, brief=width < 100):
        lines += [(Span("▌ ", "error"), *line) for line in wrap(sentence, width - 2, "error")]
    lines += [fit((Span("· ", "dim"), Span(clean(note), "dim")), width) for note in plan.notes[:2]]
    return lines


def _source(plan: Plan, now: datetime) -> Line:
    if plan.source is None and plan.undoes and not plan.error:
        return (Span(f"from what run {clean(plan.undoes)} did"),)
    if plan.source is None:
        return (Span("The source could not be read.", "error"),)
    source = plan.source
    read = f"{clean(source.adapter)}: {count(source.fingerprint.count, 'record')}, read {age(source.read_at, now)}"
    return (Span(read), Span(f" ({clean(source.proof, 80)})", "dim"))


def _decisions(stored: StoredPlan, now: datetime) -> Line:
    if not stored.approvals:
        return (Span(f"by {clean(stored.plan.created_by, 30)} {age(stored.plan.created_at, now)}", "dim"),)
    return joined(decision_line(approval, now) for approval in stored.approvals[-2:])


def decision_line(approval: Approval, now: datetime) -> Line:
    """Return one decision: what, who, when, and the comment."""
    verb = "approved" if approval.decision is Decision.APPROVE else "rejected"
    lifted = f", lifting {', '.join(approval.overrides)}" if approval.overrides else ""
    comment = f" “{clean(approval.comment, 60)}”" if approval.comment else ""
    role = "ok" if approval.decision is Decision.APPROVE else "error"
    text = f" by {clean(approval.approver, 30)} {age(approval.at, now)}{lifted}{comment}"
    return (Span(verb, role), Span(text, "dim"))


def _banners(plan: Plan, *, brief: bool) -> list[str]:
    """Return what has to be read first. Briefly: the number and limit of each refusal, and the way out once."""
    sentences = [plan.error] if plan.error else []
    sentences += [_first_sentence(verdict.refusal) if brief else verdict.refusal for verdict in plan.refusals]
    if brief and plan.refusals:
        sentences[-1] += " Check the source, raise the guard in the sync, or O lifts it for this plan."
    sentences += [f"{target.target}: {target.error}" for target in plan.targets if target.error]
    return sentences[:3] + ([f"… and {len(sentences) - 3} more; see the guards below."] if len(sentences) > 3 else [])


def _first_sentence(text: str) -> str:
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]


class Deed(StrEnum):
    """What can be decided about a plan, a run, a conflict, or what nodes coordinate."""

    APPLY = "apply"
    APPROVE = "approve"
    REJECT = "reject"
    OVERRIDE = "override"
    RESUME = "resume"
    CANCEL = "cancel"
    SETTLE = "settle"
    REOPEN = "reopen"
    GO_ON = "go on"
    """What the title asks for; where only one thing can be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """Everything that is said and asked before something is decided. `typed` has to be typed before `deed`."""

    title: str
    lines: tuple[Line, ...]
    deed: Deed | None
    """What the main button does; None when nothing can be done now, and the lines say why."""
    button: str = ""
    besides: Deed | None = None
    """A smaller deed that is possible instead."""
    typed: str = ""
    comment: str = ""
    """What the comment field says; empty for none."""
    comment_needed: bool = False


def approval_matter(stored: StoredPlan, readiness: Readiness, left_out: int, width: int) -> Matter:
    """Return what is asked by A: apply if nothing stands in the way, else approve, else only why not."""
    plan = stored.plan
    lines = [*_extent(plan, left_out, width), ()]
    name = f"{clean(plan.sync)} {stored.digest[:SHORT]}"
    if not readiness.obstacles:
        lines.append(
            (Span("U on the run makes a plan that undoes it; it is guarded and approved like any other.", "dim"),)
        )
        besides = Deed.APPROVE if readiness.needs_approval and readiness.may_approve else None
        return Matter(
            title=f"Apply {name}?",
            lines=tuple(lines),
            deed=Deed.APPLY,
            button=f"Apply {count(plan.change_count, 'change')}",
            besides=besides,
            typed=readiness.confirm_word,
            comment="Comment" if besides else "",
        )
    for sentence in readiness.obstacles:
        lines += wrap(sentence, width, "warn")
    if readiness.needs_approval and readiness.may_approve and not readiness.refusals:
        return Matter(
            title=f"Approve {name}?",
            lines=tuple(lines),
            deed=Deed.APPROVE,
            button="Approve",
            typed=readiness.confirm_word,
            comment="Comment",
        )
    if readiness.refusals:
        lines += [(), (Span("O", "accent"), Span(" overrides a guard for this plan, with a reason.", "dim"))]
    return Matter(title=f"{name} cannot be applied now", lines=tuple(lines), deed=None)


def rejection_matter(stored: StoredPlan, width: int) -> Matter:
    """Return what is asked by X."""
    sentence = "It can never be applied then. A new plan of the same sync can be made at any time."
    lines = (*_extent(stored.plan, 0, width), (), *wrap(sentence, width, "dim"))
    name = f"{clean(stored.plan.sync)} {stored.digest[:SHORT]}"
    return Matter(title=f"Reject {name}?", lines=lines, deed=Deed.REJECT, button="Reject", comment="Reason")


def override_matter(stored: StoredPlan, readiness: Readiness, width: int) -> Matter:
    """Return what is asked by O: the refusing guards by name, a reason that is kept, and a phrase with the number."""
    lines = [*_extent(stored.plan, 0, width), ()]
    for verdict in readiness.refusals:
        lines += [(Span(verdict.guard, "error"),), *wrap(verdict.refusal, width, indent=2)]
    lines += [(), *wrap("The override holds for this plan only and is kept with your name and reason.", width, "dim")]
    return Matter(
        title=f"Override {', '.join(verdict.guard for verdict in readiness.refusals)}?",
        lines=tuple(lines),
        deed=Deed.OVERRIDE,
        button="Override",
        typed=override_phrase(stored.plan),
        comment="Reason",
        comment_needed=True,
    )


def override_phrase(plan: Plan) -> str:
    """Return what has to be typed to lift a guard: verb, number and target, so that the number was read."""
    losing = max(plan.targets, key=lambda target: (target.count(Action.REMOVE), len(target.changes)), default=None)
    if losing is None:
        return f"override {plan.sync}"
    removals = losing.count(Action.REMOVE)
    verb, number = ("remove", removals) if removals else ("change", len(losing.changes))
    return f"{verb} {number} {losing.target}"


def _extent(plan: Plan, left_out: int, width: int) -> list[Line]:
    lines: list[Line] = []
    for target in plan.targets:
        if not target.changes:
            continue
        counts = {action: target.count(action) for action in Action}
        members = target.snapshot.fingerprint.count if target.snapshot else 0
        of = (Span(f"of {count(members, 'member')}", "dim"),)
        lines.append(fit((cell(clean(target.target), 20, "strong"), *joined((counts_line(counts), of), "   ")), width))
    if left_out:
        lines.append(
            (Span(f"{count(left_out, 'change')} of the plan left out; a plan of its own holds the rest.", "warn"),)
        )
    guards = [*plan.source_guards, *(verdict for target in plan.targets for verdict in target.guards)]
    refusing = sum(verdict.refuses for verdict in guards)
    if refusing:
        lines.append((Span(f"{count(refusing, 'guard')} of {len(guards)} refuse", "error"),))
    elif guards:
        lines.append((Span("guards  ", "dim"), Span(f"all {len(guards)} content", "ok")))
    parked = sum(len(target.parked) for target in plan.targets)
    if parked:
        lines.append((Span(f"{count(parked, 'record')} parked: seen, and not acted on", "dim"),))
    return lines


def selection_line(ticks: Ticks, shown: int | None) -> Line:
    """Return the right end of a plan's filter line: how much there is, is shown, is taken."""
    parts: list[Line] = [(Span(count(ticks.total, "change")),)]
    if shown is not None:
        parts.append((Span(f"{shown:,} match", "accent"),))
    if ticks.left_out:
        parts.append((Span(f"{ticks.left_out:,} left out", "warn"),))
    return joined(parts)
