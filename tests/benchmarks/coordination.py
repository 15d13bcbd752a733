"""Holding a name, beside the rivals and the limit in the same run.

    python -m tests.benchmarks.coordination [BACKEND …] [--seconds 0.7] [--samples 60] [--rounds 3]

Every client is a process of its own. A pair is acquire and release; `…-lock` is `Coordination.lock`, `…-store` what
lies beneath it. The limit is two raw round trips (of writes), with no queue and nobody told.
  1 client        pairs a second, nobody else there
  :limit          that by the same of the limit; the contenders take turns, medians of the rounds
  µs              processor time of the clients for each pair or grant, which a busy machine disturbs less
  8, own names    pairs a second of eight processes in all, each on a name of its own
  8, one name     grants a second in all; turns is the least by the most that one of them got; the longest wait
  hand-over       from just before release in one process to having it in the next one, which was waiting;
                  of the limit: one of its round trips after as long a pause (what was idle is slow);
                  `bare-queue` is what handing over in a file takes at least, with nothing else to it
  of eight        the same with seven who wait
  told            from just before a change to hearing of it in another process that follows
A rival that polls lets whoever just gave it back take it again: its grants on one name are no hand-overs. What becomes
of holders that die, hang or are cut off is measured by `coordination_loss`.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random

from tests.benchmarks.coordination_parties import Client, clients, first_of, pause, percentile
from tests.benchmarks.coordination_places import BACKENDS, Backend, Goals, apart

CLIENTS = 8
CHANCE = Random("settle")


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured for how long."""

    seconds: float
    samples: int
    rounds: int

    def settle(self) -> None:
        """Let a waiter come to its place; not always as long, or it would fall in step with those that poll."""
        pause(CHANCE.uniform(0.03, 0.06))


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Pairs a second of one, of eight apart, grants of eight together; least by most; longest wait in ms; processor
    microseconds that a pair of one took, and a grant of eight together."""

    alone: float
    effort: float
    apart: float
    together: float
    turns: float
    longest: float
    effort_together: float


@dataclass(slots=True)
class Figures:
    """What one contender reached; times in ms."""

    rounds: list[Round] = field(default_factory=list)
    of_two: list[float] = field(default_factory=list)
    of_eight: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)

    def middle(self, name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in self.rounds))


def one_round(hermit: Client, party: Sequence[Client], measure: Measure) -> Round:
    """Measure pairs once, of somebody alone in his namespace and of eight in theirs."""
    alone = hermit.do("pairs", "alone", measure.seconds)
    for number, client in enumerate(party):
        client.tell("pairs", f"own-{number}", measure.seconds)
    apart = sum(client.hear()["pairs"] for client in party)
    for client in party:
        client.tell("pairs", "shared", measure.seconds)
    together = [client.hear() for client in party]
    turns = [each["pairs"] for each in together]
    return Round(
        alone=alone["pairs"] / measure.seconds,
        effort=alone["processor"] / alone["pairs"] * 1e6,
        apart=apart / measure.seconds,
        together=sum(turns) / measure.seconds,
        turns=min(turns) / max(turns),
        effort_together=sum(each["processor"] for each in together) / sum(turns) * 1e6,
        longest=max(each["longest"] for each in together) * 1_000,
    )


def hand_overs(line: Sequence[Client], measure: Measure) -> list[float]:
    """Return how many ms each hand-over took, with these in line; whoever gets it is the next holder."""
    took: list[float] = []
    holder, *waiting = line
    holder.do("acquire", "handed")
    for client in waiting:
        client.tell("acquire", "handed")
        measure.settle()
    for _ in range(measure.samples):
        holder.tell("release", "handed")
        following, at = first_of(waiting)  # before the holder's answer: it would wake this process just then
        took.append((at - holder.hear()["at"]) * 1_000)
        holder.tell("acquire", "handed")
        waiting = [*(client for client in waiting if client is not following), holder]
        holder = following
        measure.settle()
    while waiting:
        holder.do("release", "handed")
        holder, _ = first_of(waiting)
        waiting.remove(holder)
    holder.do("release", "handed")
    return took


def rests(client: Client, measure: Measure) -> list[float]:
    """Return how many ms a single acquire took, each after a pause such as hand-overs have."""
    took: list[float] = []
    for _ in range(measure.samples):
        measure.settle()
        took.append(client.do("rested", "rested")["took"] * 1_000)
    return took


def tellings(party: Sequence[Client], measure: Measure) -> list[float]:
    """Return how many ms each change took to another process that follows."""
    number = 2 * max(10, measure.samples * 3)
    follower, changer = party[:2]
    assert follower.do("follow", number)["following"]
    begun = changer.do("change", number, 0.005)["at"]
    arrived = follower.hear()["at"]
    return [(there - here) * 1_000 for here, there in zip(begun, arrived, strict=True)]


def figures_of(backend: Backend, name: str, measure: Measure) -> dict[str, Figures]:
    """Measure all contenders of a backend, in turn."""
    kinds = (backend.limit, f"{name}-store", f"{name}-lock", *backend.rivals)
    found = {kind: Figures() for kind in kinds}
    with backend.place() as place, ExitStack() as stack:
        hermits, parties = (
            {kind: stack.enter_context(clients(kind, apart(place), number)) for kind in kinds}
            for number in (1, CLIENTS)
        )
        for _ in range(measure.rounds):
            for kind in kinds:
                found[kind].rounds.append(one_round(hermits[kind][0], parties[kind], measure))
        found[backend.limit].of_two = rests(hermits[backend.limit][0], measure)
        for kind in kinds[1:]:
            found[kind].of_two = hand_overs(parties[kind][:2], measure)
            found[kind].of_eight = hand_overs(parties[kind], measure)
        found[kinds[1]].told = tellings(parties[kinds[1]], measure)
    return found


def show(found: dict[str, Figures]) -> None:
    """Print the table; the limit comes first."""
    print(
        f"{'':<23}{'1 client':>9}{':limit':>7}{'µs':>6}{'8, own':>9}{'8, one':>8}{'µs':>6}{'turns':>7}{'longest':>8}",
        end="",
    )
    print(f"{'hand-over':>10}{'p95':>7}{'of eight':>9}{'p95':>7}{'told':>7}{'p99':>7}")
    limit = next(iter(found.values())).middle("alone")
    for kind, figures in found.items():
        alone = figures.middle("alone")
        print(f"{kind:<23}{alone:>9,.0f}{alone / limit:>7.2f}{figures.middle('effort'):>6.0f}", end="")
        print(
            f"{figures.middle('apart'):>9,.0f}{figures.middle('together'):>8,.0f}{figures.middle('effort_together'):>6.0f}",
            end="",
        )
        print(f"{figures.middle('turns'):>7.2f}{figures.middle('longest'):>8.0f}", end="")
        for took, last, width in ((figures.of_two, 0.95, 10), (figures.of_eight, 0.95, 9), (figures.told, 0.99, 7)):
            if took:
                print(f"{statistics.median(took):>{width}.2f}{percentile(took, last):>7.1f}", end="")
            else:
                print(" " * (width + 7), end="")
        print()


def judge(name: str, found: dict[str, Figures], goals: Goals) -> None:
    """Print our figures beside their goals, and the rivals'."""
    lock, store = found[f"{name}-lock"], found[f"{name}-store"]
    rivals = {kind: found[kind] for kind in BACKENDS[name].rivals}

    def beside(figure: Callable[[Figures], float]) -> str:
        return ", ".join(f"{kind} {figure(each):,.1f}" for kind, each in rivals.items())

    pairs, over = beside(lambda each: each.middle("alone")), beside(lambda each: statistics.median(each.of_two))
    lines = (
        ("pairs a second of the lock", lock.middle("alone"), goals.pairs, True, pairs),
        ("grants a second on one name", lock.middle("together"), goals.grants, True, ""),
        ("turns, least by most", lock.middle("turns"), goals.turns, True, ""),
        ("hand-over of the lock, ms", statistics.median(lock.of_two), goals.hand_over, False, over),
        ("hand-over, p95, ms", percentile(lock.of_two, 0.95), goals.hand_over_p95, False, ""),
        ("change to another's feed, p99, ms", percentile(store.told, 0.99), goals.told, False, ""),
    )
    for what, figure, goal, more, remark in lines:
        if goal:
            reached = figure >= goal if more else figure <= goal
            wanted = f"goal {'≥' if more else '≤'} {goal:,g}{'' if reached else ': MISSED'}"
            print(f"  {what:<36}{figure:>10,.2f}   {wanted:<26}{remark}".rstrip())


def main() -> None:
    """Measure all backends, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", default=list(BACKENDS))
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measure = Measure(arguments.seconds, arguments.samples, arguments.rounds)
    print(__doc__)
    for name in arguments.backends:
        before = os.getloadavg()[0]
        found = figures_of(BACKENDS[name], name, measure)
        print(f"{name}; load of the machine before and after: {before:.1f} {os.getloadavg()[0]:.1f}")
        show(found)
        judge(name, found, BACKENDS[name].goals)
        print(flush=True)


if __name__ == "__main__":
    main()
