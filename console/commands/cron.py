"""`syncdeck cron`: schedules, what became of their fires, what comes next; add, remove, pause, resume, fire."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence

import msgspec

from console.commands.arguments import Subparsers, Verb, add_act, add_verb
from console.commands.completing import completed
from console.commands.coordination_rows import fire as fire_row
from console.commands.coordination_rows import schedule as row
from console.commands.session import CHANGES, DONE, Session
from console.commands.typed import json_value, length
from console.commands.watching import Listing, show, watch
from console.commands.work_lines import schedule, schedules, unreadable_plan, unreadable_plans
from engine.coordination.naming import SCHEDULES
from engine.coordination.scheduling.fires import Plan, ScheduleStanding
from engine.errors import NothingFound, SettingsError
from engine.settings.coordination import CronSettings, Missed, Overlap
from engine.settings.formats import check_cron, check_timezone
from engine.settings.spelling import did_you_mean


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "cron",
        list_schedules,
        examples=(
            "syncdeck cron                         schedules, their last fire, their next",
            "syncdeck cron show nightly            one: what became of its fires",
            'syncdeck cron add nightly --cron "0 2 * * *" --timezone Europe/Berlin --task export',
            "syncdeck cron add once --at 2027-01-01T02:00 --task export",
            "syncdeck cron fire nightly            now, beside its times",
        ),
    )
    parser.add_argument("--watch", action="store_true", help="print it again whenever it changes")
    acts = parser.add_subparsers(title="more", metavar="ACT", dest="act")
    _add(acts, "show", show_schedule, "Show a schedule with its last fires.")
    _add_adding(acts)
    removing = _add(
        acts, "remove", remove, "Remove a schedule added by hand, or left behind by a node that is gone.", "2 removed"
    )
    removing.add_argument("--yes", action="store_true", help="do not ask before removing what cannot be read")
    _add(acts, "pause", pause, "Let a schedule fire no more until it is resumed.", "2 paused")
    _add(acts, "resume", resume, "Let a paused schedule fire again; what it missed is not made up for.", "2 resumed")
    _add(acts, "fire", fire, "Fire a schedule now, beside its times.", "2 fired, 0 skipped because its task goes on")


def _add(acts: Subparsers, name: str, run: Verb, summary: str, exits: str = "") -> ArgumentParser:
    act = add_act(acts, name, run, summary, examples=(f"syncdeck cron {name} nightly",), exits=exits)
    completed(act.add_argument("name", help="the schedule"), "cron")
    return act


def _add_adding(acts: Subparsers) -> None:
    adding = add_act(
        acts,
        "add",
        add,
        "Add a schedule that lives in the backend, beside those of syncdeck.yaml.",
        examples=(
            'syncdeck cron add nightly --cron "0 2 * * *" --timezone Europe/Berlin --task export',
            "syncdeck cron add poll --every 15m --task export --payload '{\"full\": false}' --overlap queue",
        ),
        exits="2 added",
    )
    adding.add_argument("name", help="what it is called")
    completed(adding.add_argument("--task", required=True, metavar="COMMAND", help="what each fire submits"), "tasks")
    adding.add_argument("--cron", default="", metavar="EXPRESSION", help="five fields")
    adding.add_argument("--every", type=length, default=None, metavar="TIME", help="time from one fire to the next")
    adding.add_argument("--at", default="", metavar="MOMENT", help="once; then it ends")
    adding.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help="that --cron and --at are read in (default UTC)"
    )
    adding.add_argument("--payload", type=json_value, default=None, metavar="JSON", help="given to the task")
    adding.add_argument(
        "--missed",
        type=Missed,
        choices=list(Missed),
        default=Missed.LATEST,
        metavar="POLICY",
        help="fires that nobody was there for: latest (default), all, skip",
    )
    adding.add_argument(
        "--overlap",
        type=Overlap,
        choices=list(Overlap),
        default=Overlap.FORBID,
        metavar="POLICY",
        help="while the last task goes on: forbid (default), queue, allow",
    )


async def list_schedules(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        cron = here.coordination.cron
        unreadable: Mapping[str, bytes] = {}

        async def look() -> Sequence[ScheduleStanding]:
            nonlocal unreadable
            unreadable = await cron.unreadable()
            return await cron.schedules()

        listing = Listing(
            look=look,
            named=lambda each: each.plan.name,
            row=row,
            lines=lambda rows: [*schedules(rows, here.clock.now()), *unreadable_plans(unreadable)],
        )
        if arguments.watch:
            return await watch(session, listing, here.coordination.changes(SCHEDULES))
        return await show(session, listing)


async def show_schedule(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        known = {each.plan.name: each for each in await here.coordination.cron.schedules()}
        now = here.clock.now()
    if arguments.name not in known:
        raise NothingFound(f"There is no schedule {arguments.name}. {did_you_mean(arguments.name, known)}")
    session.emit(row(known[arguments.name]))
    for line in schedule(known[arguments.name], now):
        session.say(line)
    return DONE


async def add(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        known = here.workspace.tasks
        if arguments.task not in known:
            guess = did_you_mean(arguments.task, known) if known else "The section tasks of syncdeck.yaml has none."
            raise SettingsError(f"--task {arguments.task}: there is no such command. {guess}")
        plan = planned(arguments, here.actor)
        await here.coordination.cron.add(plan)
    session.emit({"schedule": plan.name, "added": True})
    session.say(f"{plan.name} fires from now on, as soon as a node leads. Look: syncdeck cron show {plan.name}")
    return CHANGES


def planned(arguments: Namespace, actor: str) -> Plan:
    """Return the schedule that the options describe. Raises `SettingsError` in the words of the workspace file."""
    try:
        check_cron(arguments.cron)
        check_timezone(arguments.timezone)
        settings = CronSettings(
            name=arguments.name,
            task=arguments.task,
            payload=arguments.payload,
            cron=arguments.cron,
            every=arguments.every,
            at=arguments.at,
            timezone=arguments.timezone,
            missed=arguments.missed,
            overlap=arguments.overlap,
        )
    except (ValueError, msgspec.ValidationError) as error:
        raise SettingsError(f"{arguments.name}: {error}") from error
    return msgspec.structs.replace(Plan.of(settings), added_by=actor)


async def remove(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        cron = here.coordination.cron
        value = (await cron.unreadable()).get(arguments.name)
        if value is None:
            await cron.remove(arguments.name)
            return _done(session, arguments.name, "removed", "fires no more; its past stays for a while.")
        question = f"{unreadable_plan(arguments.name, value)} Remove it for good?"
        if not arguments.yes and not (session.interactive and session.confirm(question)):
            raise SettingsError(
                f"{unreadable_plan(arguments.name, value)} Nothing was removed. Give --yes to remove it."
            )
        await cron.discard(arguments.name)
    return _done(session, arguments.name, "removed", "is gone. It was none that this version could read.")


async def pause(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        await here.coordination.cron.pause(arguments.name)
    return _done(session, arguments.name, "paused", f"is paused. Go on with: syncdeck cron resume {arguments.name}")


async def resume(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        await here.coordination.cron.resume(arguments.name)
    return _done(session, arguments.name, "resumed", "fires again.")


def _done(session: Session, name: str, word: str, said: str) -> int:
    session.emit({"schedule": name, word: True})
    session.say(f"{name} {said}")
    return CHANGES


async def fire(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        fired = await here.coordination.cron.fire(arguments.name)
    session.emit(fire_row(fired))
    if fired.task is None:
        session.say(f"{arguments.name} did not fire: {fired.why}")
        return DONE
    session.say(f"{arguments.name} fired. Look: syncdeck tasks show {fired.task[:10]}")
    return CHANGES
