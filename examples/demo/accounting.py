"""
The accounts: what each bot's store says, against what the bot emitted and what its venue did. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from examples.demo.books import Books, OldBooks
from examples.demo.faults import LONGEST_TYPE
from examples.demo.words import Emitted
from poslife.testing.bybit import SimulatedFill, SimulatedOrder

__all__ = ["Finding", "Losses", "Truth", "audit", "audit_old_way", "count_losses"]

MOST_TOLD = 3
NOT_ENDED = frozenset({"prepared", "submitting", "in_doubt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """
    What truly happened.

    Attributes:
        emitted: The events that the bot emitted, in all its lives.
        orders: What the venue took.
        fills: What the venue executed.
        under_way: The events among them whose call had not returned when the bot was killed.
    """

    emitted: Sequence[Emitted]
    orders: Sequence[SimulatedOrder]
    fills: Sequence[SimulatedFill]
    under_way: frozenset[str] = frozenset()

    def refused(self) -> set[str]:
        """
        The events that the database had to refuse.
        """
        return {event.event for event in self.emitted if len(event.kind) > LONGEST_TYPE}

    def held(self) -> dict[str, Decimal]:
        """
        What the venue holds, by the venue's names of symbols; nothing flat.
        """
        sums: dict[str, Decimal] = {}
        for fill in self.fills:
            sums[fill.symbol] = sums.get(fill.symbol, Decimal(0)) + fill.quantity * fill.side.sign
        return {symbol: quantity for symbol, quantity in sums.items() if quantity}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One line of the accounts.

    Attributes:
        what: What was counted.
        found: What came of it.
        wrong: What is lost, doubled or wrong, a sentence each.
    """

    what: str
    found: str
    wrong: tuple[str, ...] = ()


def audit(truth: Truth, books: Books) -> list[Finding]:
    """
    The accounts of the bot over poslife.
    """
    return [
        _host_events(truth, books),
        _refused_events(truth, books),
        _life_events(books),
        _trail(books),
        _orders(truth, books),
        _fills(truth, books),
        _held(
            truth, {row.symbol: row.quantity for row in books.positions if row.status in {"open", "closing"}}
        ),
        _doubts(books),
    ]


def audit_old_way(truth: Truth, books: OldBooks) -> list[Finding]:
    """
    The accounts of the foil, in the same lines. Its tables have no place for orders, fills and changes.
    """
    counts = Counter(books.events)
    lost = [event for event in truth.emitted if event.event not in counts]
    refused = truth.refused()
    return [
        Finding(
            what=EVENTS,
            found=f"{len(truth.emitted) - len(lost)} of {len(truth.emitted)} kept",
            wrong=(f"{len(lost)} events lost",) if lost else (),
        ),
        Finding(
            what=REFUSED,
            found=f"{sum(event in counts for event in refused)} of {len(refused)} kept",
        ),
        Finding(what=CHANGES, found="not kept"),
        Finding(what=TRAIL, found="nothing links its events"),
        Finding(what=ORDERS, found="not kept"),
        Finding(what=FILLS, found="not kept"),
        _held(truth, books.held),
        Finding(what=DOUBTS, found="it has no such thing"),
    ]


EVENTS = "events the bot recorded"
REFUSED = "of them refused"
CHANGES = "changes of positions"
TRAIL = "events as they were written"
ORDERS = "orders at the exchange"
FILLS = "fills there"
HELD = "positions there"
DOUBTS = "orders left in doubt"


def _host_events(truth: Truth, books: Books) -> Finding:
    stored = Counter(event for event, _, _ in books.host_events)
    buried = dict(books.dead_letters)
    emitted = Counter(event.event for event in truth.emitted)
    kinds, numbers, refused = _kinds(truth), _numbers(truth), truth.refused()
    lost = [event for event in emitted if event not in stored and event not in buried]
    kept = emitted.keys() - set(lost)
    wrong = [
        *_few(f"event {event} ({kinds[event]}) is lost" for event in lost if event not in truth.under_way),
        *_few(f"event {event} is stored {times} times" for event, times in stored.items() if times > 1),
        *_few(f"event {event} was never emitted" for event in {**stored, **buried} if event not in emitted),
        *_few(f"event {event} was emitted {times} times" for event, times in emitted.items() if times > 1),
        *_few(f"event {event} is stored, and a dead letter, too" for event in buried if event in stored),
        *_few(
            f"event {event} ({kinds[event]}) is a dead letter: {reason}"
            for event, reason in buried.items()
            if event in emitted and event not in refused
        ),
        *_few(
            f"event {event} is number {number} of its run, and was recorded as number {numbers[event]}"
            for event, _, number in books.host_events
            if event in emitted and number != numbers[event]
        ),
    ]
    of = len(emitted) - len(truth.under_way - kept)
    return Finding(what=EVENTS, found=f"{len(kept)} of {of} kept, in order", wrong=tuple(wrong))


def _refused_events(truth: Truth, books: Books) -> Finding:
    """
    Whether exactly these are dead letters is said of all events; here, whether the reason is there.
    """
    reasons = dict(books.dead_letters)
    refused = truth.refused()
    told = [event for event in refused if "added_by_hand" in reasons.get(event, "")]
    wrong = tuple(
        f"the reason of dead letter {event} is not the database's: {reasons[event]}"
        for event in refused
        if event in reasons and event not in told
    )
    return Finding(what=REFUSED, found=f"{len(told)} of {len(refused)} kept, with the reason", wrong=wrong)


def _kinds(truth: Truth) -> dict[str, str]:
    return {event.event: event.kind for event in truth.emitted}


def _numbers(truth: Truth) -> dict[str, int]:
    """
    Each event's number within its run, as they were recorded.
    """
    numbers: dict[str, int] = {}
    lasts: Counter[str] = Counter()
    for event in truth.emitted:
        lasts[event.run] += 1
        numbers[event.event] = lasts[event.run]
    return numbers


def _few(sentences: Iterable[str]) -> list[str]:
    """
    The first few, and how many there are more.
    """
    told = list(sentences)
    more = len(told) - MOST_TOLD
    return told if more <= 1 else [*told[:MOST_TOLD], f"… and {more} more like the last"]


def _life_events(books: Books) -> Finding:
    changes: dict[tuple[str, int], list[int]] = {}
    for ref, version, index in books.life_events:
        changes.setdefault((ref, version), []).append(index)
    wrong: list[str] = []
    whole = 0
    for position in books.positions:
        for version in range(1, position.version + 1):
            told = sorted(changes.pop((position.ref, version), []))
            if told and told == list(range(len(told))):
                whole += 1
            else:
                wrong.append(f"change {version} of {position.symbol} ({position.ref}) is not told whole")
    wrong += [f"events tell of change {version} of {ref}, which never was" for ref, version in changes]
    total = sum(position.version for position in books.positions)
    return Finding(
        what=CHANGES,
        found=f"{whole} of {total} told, in {len(books.life_events)} events",
        wrong=tuple(wrong),
    )


def _trail(books: Books) -> Finding:
    linked = len(books.life_events) + len(books.host_events) + len(books.dead_letters)
    return Finding(
        what=TRAIL,
        found=f"{linked - len(books.trail)} of {linked} follow from the one before",
        wrong=books.trail[:MOST_TOLD],
    )


def _orders(truth: Truth, books: Books) -> Finding:
    known = {order.client_order_id: order for order in books.orders}
    wrong: list[str] = []
    right = 0
    for order in truth.orders:
        ours = known.get(order.order_link_id)
        if ours is None:
            wrong.append(f"the exchange's order {order.order_id} of {order.symbol} is not known")
        elif ours.filled != order.filled_quantity:
            wrong.append(f"of order {order.order_id} {order.filled_quantity} is filled, not {ours.filled}")
        else:
            right += 1
    return Finding(what=ORDERS, found=f"{right} of {len(truth.orders)} known", wrong=tuple(wrong))


def _fills(truth: Truth, books: Books) -> Finding:
    stored = Counter(books.fills)
    executed = [fill.execution_id for fill in truth.fills]
    wrong = [f"fill {fill} is missing" for fill in executed if fill not in stored]
    wrong += [f"fill {fill} is stored {times} times" for fill, times in stored.items() if times > 1]
    wrong += [f"the exchange knows no fill {fill}" for fill in stored if fill not in executed]
    wrong += [f"{books.unclaimed} fills belong to no position"] if books.unclaimed else []
    once = sum(stored[fill] == 1 for fill in executed)
    return Finding(what=FILLS, found=f"{once} of {len(executed)} stored, each once", wrong=tuple(wrong))


def _held(truth: Truth, believed: dict[str, Decimal]) -> Finding:
    held = truth.held()
    ours = {_venue_symbol(symbol): quantity for symbol, quantity in believed.items()}
    wrong = [
        f"{symbol}: the exchange holds {_plain(held.get(symbol))}, the store says {_plain(ours.get(symbol))}"
        for symbol in _either(held, ours)
        if held.get(symbol) != ours.get(symbol)
    ]
    right = sum(ours.get(symbol) == quantity for symbol, quantity in held.items())
    return Finding(what=HELD, found=f"{right} of {len(held)} known", wrong=tuple(wrong))


def _doubts(books: Books) -> Finding:
    left = [order for order in books.orders if order.status in NOT_ENDED]
    wrong = tuple(f"order {order.client_order_id} is {order.status}" for order in left)
    return Finding(what=DOUBTS, found=str(len(left)), wrong=wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """
    Which of the foil's events were lost.

    Attributes:
        kinds: How many of each kind, most first.
        good: How many of them named no position, or one by its id.
    """

    kinds: tuple[tuple[str, int], ...]
    good: int

    @property
    def total(self) -> int:
        """
        All of them.
        """
        return sum(times for _, times in self.kinds)


def count_losses(truth: Truth, books: OldBooks) -> Losses:
    """
    Count the foil's lost events.
    """
    stored = set(books.events)
    lost = [event for event in truth.emitted if event.event not in stored]
    return Losses(
        kinds=tuple(Counter(event.kind for event in lost).most_common()),
        good=sum(not event.about or event.about.isdigit() for event in lost),
    )


def _either(*maps: dict[str, Decimal]) -> Iterable[str]:
    return dict.fromkeys(symbol for one in maps for symbol in one)


def _venue_symbol(symbol: str) -> str:
    return symbol.partition(":")[0].replace("/", "")


def _plain(quantity: Decimal | None) -> str:
    return "nothing" if not quantity else f"{quantity:f}"
