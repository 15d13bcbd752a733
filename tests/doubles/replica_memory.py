"""What a node in memory remembers over a crash: its log, its gaps, its names. Only whole steps are ever visible."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from engine.events.chain import BEFORE_FIRST, hashed
from engine.events.event import Dot, Event, Origin, Position
from engine.events.replicating.admission import Known, Standing
from engine.events.replicating.messages import Item, Skip
from engine.events.replicating.refilling import Gap
from engine.events.replicating.standing import PeerMemory

REDACTION = "event.redacted"


@dataclass(slots=True)
class Memory(Known):
    """A node's disk. `runs` holds each origin's events and gaps, sorted by seq; `log` the events as they came."""

    node: str
    own: Origin
    log: dict[int, Item] = field(default_factory=dict)
    positions: dict[Dot, int] = field(default_factory=dict)
    runs: dict[Origin, list[Item | Skip]] = field(default_factory=dict)
    standings: dict[Origin, Standing] = field(default_factory=dict)
    about: dict[str, list[Dot]] = field(default_factory=dict)
    ids: dict[str, Dot] = field(default_factory=dict)
    redacted: set[Dot] = field(default_factory=set)
    stamp: int = 0
    newest: int = 0
    peers: dict[str, PeerMemory] = field(default_factory=dict)
    events: dict[Dot, Event] = field(default_factory=dict)
    """The same as `log`, read."""

    def copy(self) -> Memory:
        """Return a backup."""
        return Memory(
            node=self.node,
            own=self.own,
            log=dict(self.log),
            positions=dict(self.positions),
            runs={origin: list(run) for origin, run in self.runs.items()},
            standings=dict(self.standings),
            about={aggregate: list(dots) for aggregate, dots in self.about.items()},
            ids=dict(self.ids),
            redacted=set(self.redacted),
            stamp=self.stamp,
            newest=self.newest,
            peers=dict(self.peers),
            events=dict(self.events),
        )

    @property
    def origin(self) -> Origin:
        return self.own

    def standing(self, origin: Origin) -> Standing | None:
        return self.standings.get(origin)

    def chain(self, dot: Dot) -> bytes:
        if dot.seq == 0:
            return BEFORE_FIRST
        part = self.part_at(dot)
        return part.chain if part is not None and last_of(part) == dot.seq else b""

    def gap(self, dot: Dot) -> Gap | None:
        part = self.part_at(dot)
        if not isinstance(part, Skip):
            return None
        return Gap(part.first, part.last, self.chain(Dot(dot.origin, part.first - 1)), part.chain)

    def part_at(self, dot: Dot) -> Item | Skip | None:
        """Return the event at a dot, or the gap that it lies in."""
        run = self.runs.get(dot.origin, [])
        index = bisect_left(run, dot.seq, key=last_of)
        return run[index] if index < len(run) else None

    def after(self, origin: Origin, seq: int) -> Iterator[Item | Skip]:
        """Yield an origin's events and gaps after a seq; a gap that began before is cut."""
        run = self.runs.get(origin, [])
        for part in run[bisect_left(run, seq + 1, key=last_of) :]:
            if isinstance(part, Skip) and part.first <= seq:
                yield Skip(origin, seq + 1, part.last, part.chain)
            else:
                yield part

    def gaps(self) -> list[Skip]:
        """Return all gaps, sorted by origin and first."""
        return [part for origin in sorted(self.runs) for part in self.runs[origin] if isinstance(part, Skip)]

    def reopen(self, origin: Origin, first: int, last: int) -> None:
        """Forget a gap, whole, because what came for it is put in its place."""
        self.runs[origin] = [
            part
            for part in self.runs[origin]
            if not (isinstance(part, Skip) and (part.first, part.last) == (first, last))
        ]

    def put(self, part: Item | Skip, position: int = 0) -> None:
        """Keep an event or a gap in its place; an event that was redacted before it came is kept redacted."""
        run = self.runs.setdefault(part.origin, [])
        if isinstance(part, Item):
            part = self._put_event(part, position)
        if not run or last_of(run[-1]) < last_of(part):
            run.append(part)
        else:
            run.insert(bisect_left(run, last_of(part), key=last_of), part)

    def _put_event(self, item: Item, position: int) -> Item:
        dot = Dot(item.origin, item.seq)
        if dot in self.redacted and not item.hashes:
            item = without_payload(item)
        if not position:
            self.newest = position = self.newest + 1
        self.log[position] = item
        self.positions[dot] = position
        self.ids.setdefault(item.id, dot)
        self.stamp = max(self.stamp, item.hlc)
        self.about.setdefault(item.aggregate, []).append(dot)
        self.events[dot] = to_event(item, position)
        if item.type == REDACTION:
            self.redact(named_dot(item.aggregate))
        return item

    def take_out(self, dot: Dot) -> tuple[Item, int]:
        """Forget the newest event of an origin; return it, and where it stood."""
        item = self.runs[dot.origin].pop()
        assert isinstance(item, Item)
        assert item.seq == dot.seq
        del self.events[dot], self.ids[item.id]
        self.about[item.aggregate].remove(dot)
        position = self.positions.pop(dot)
        del self.log[position]
        return item, position

    def redact(self, dot: Dot) -> None:
        """Drop the payload of an event, now or when it comes."""
        self.redacted.add(dot)
        position = self.positions.get(dot)
        if position is None or self.log[position].hashes:
            return
        item = self.log[position] = without_payload(self.log[position])
        run = self.runs[dot.origin]
        run[bisect_left(run, dot.seq, key=last_of)] = item
        self.events[dot] = to_event(item, position)

    def history(self, aggregate: str) -> list[Event]:
        """Return an aggregate's events in the order of the log."""
        events = [self.events[dot] for dot in self.about.get(aggregate, ())]
        return sorted(events, key=lambda event: event.position)


def last_of(part: Item | Skip) -> int:
    """Return the newest seq that a part stands for."""
    return part.seq if isinstance(part, Item) else part.last


def seqs(gap: Skip) -> range:
    """Return what a gap leaves out."""
    return range(gap.first, gap.last + 1)


def without_payload(item: Item) -> Item:
    """Return an event as it is after its redaction: the hashes of what is gone keep its chain whole."""
    hashes = hashed(item.data.encode()) + hashed(item.metadata.encode())
    return msgspec.structs.replace(item, data="", metadata="", hashes=hashes)


def named_dot(aggregate: str) -> Dot:
    """Return the dot that the aggregate of a redaction names (`event:<origin>#<seq>`)."""
    origin, _, seq = aggregate.removeprefix("event:").rpartition("#")
    return Dot(Origin(origin), int(seq))


def to_event(item: Item, position: int) -> Event:
    """Return an event as readers of the log get it."""
    return Event(
        position=Position(position),
        id=item.id,
        type=item.type,
        aggregate_id=item.aggregate,
        data={} if item.hashes else msgspec.json.decode(item.data),
        metadata={} if item.hashes else msgspec.json.decode(item.metadata),
        origin=item.origin,
        seq=item.seq,
        context=msgspec.json.decode(item.context),
        hlc=item.hlc,
        chain=item.chain.hex(),
        redacted=bool(item.hashes),
    )
