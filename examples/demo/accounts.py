"""
The accounts: each bot's books against what the bot recorded and what its exchange did. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from examples.demo.books import Books, OldBooks
from examples.demo.database import LONGEST_TYPE
from examples.demo.witness import Emitting
from poslife.testing.bybit import SimulatedFill, SimulatedOrder

EVENTS, HELD = "events recorded", "positions held"
UNSETTLED = frozenset({"prepared", "submitting", "in_doubt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """
    What happened.

    Attributes:
        emitted: The events that the bot began to record, in all its lives.
        cut_off: Those of which the call had not returned when the bot was killed.
        orders: What the venue took.
        fills: What the venue executed.
    """

    emitted: Sequence[Emitting]
    cut_off: frozenset[str] = frozenset()
    orders: Sequence[SimulatedOrder]
    fills: Sequence[SimulatedFill]

    @property
    def held(self) -> Mapping[str, Decimal]:
        """
        What the venue holds, by its own names of symbols; nothing flat.
        """
        sums: dict[str, Decimal] = {}
        for fill in self.fills:
            sums[fill.symbol] = sums.get(fill.symbol, Decimal(0)) + fill.quantity * fill.side.sign
        return {symbol: quantity for symbol, quantity in sums.items() if quantity}

    def lost(self, books: OldBooks) -> Sequence[Emitting]:
        excused = books.kept | self.cut_off
        return [event for event in self.emitted if event.event not in excused]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    A line of the accounts.

    Attributes:
        what: What is counted.
        total: How many there were.
        kept: How many of them the books have as they were; ``None`` where they have no place for them.
        lost: Those that are missing, a sentence each.
        wrong: What is doubled, altered or otherwise wrong, a sentence each.
    """

    what: str
    total: int
    kept: int | None
    lost: Sequence[str] = ()
    wrong: Sequence[str] = ()


def audit(truth: Truth, books: Books) -> list[Account]:
    """
    Make up the accounts of the bot over poslife.
    """
    unsettled = [
        f"order {name} is {row.status}" for name, row in books.orders.items() if row.status in UNSETTLED
    ]
    links = len(books.life_events) + len(books.host_events) + len(books.dead_letters)
    return [
        _events(truth, books, _wrong_events(truth, books)),
        _changes(books),
        Account(
            what="digest chain links",
            total=links,
            kept=links - len(books.broken_links),
            wrong=books.broken_links,
        ),
        _compared(
            "orders at exchange",
            {order.order_link_id: order.filled_quantity for order in truth.orders},
            {name: row.filled for name, row in books.orders.items()},
            unsettled,
        ),
        _compared("fills at exchange", {fill.execution_id: 1 for fill in truth.fills}, Counter(books.fills)),
        _held(truth, books),
    ]


def audit_old_way(truth: Truth, books: OldBooks) -> list[Account]:
    """
    Make up the accounts of the old way, in the same lines.
    """
    return [
        _events(truth, books),
        Account(what="position changes", total=0, kept=None),
        Account(what="digest chain links", total=0, kept=None),
        Account(what="orders at exchange", total=len(truth.orders), kept=None),
        Account(what="fills at exchange", total=len(truth.fills), kept=None),
        _held(truth, books),
    ]


def complaints(accounts: Iterable[Account]) -> list[str]:
    """
    List what is lost or wrong: of each account the first few, and how many more there are.
    """
    few = (_few(sentences) for account in accounts for sentences in (account.lost, account.wrong))
    return list(dict.fromkeys(sentence for sentences in few for sentence in sentences))


def _few(sentences: Sequence[str]) -> Sequence[str]:
    more = len(sentences) - 3
    return sentences if more <= 1 else [*sentences[:3], f"... and {more} more like the last"]


def _events(truth: Truth, books: OldBooks, wrong: Sequence[str] = ()) -> Account:
    return Account(
        what=EVENTS,
        total=len(truth.emitted) - len(truth.cut_off - books.kept),
        kept=sum(event.event in books.kept for event in truth.emitted),
        lost=[f"event {event.event} ({event.kind}) is lost" for event in truth.lost(books)],
        wrong=wrong,
    )


def _wrong_events(truth: Truth, books: Books) -> list[str]:
    stored = Counter(event for event, _ in books.host_events)
    emitted = {one.event: one for one in truth.emitted}
    numbers: dict[str, int] = {}
    runs: Counter[str] = Counter()
    for event in truth.emitted:
        runs[event.run] += 1
        numbers[event.event] = runs[event.run]
    wrong = [f"event {event} is stored {times} times" for event, times in stored.items() if times > 1]
    wrong += [f"event {event} was never emitted" for event in books.kept if event not in emitted]
    wrong += [
        f"event {event} is stored, and a dead letter, too" for event in books.dead_letters if event in stored
    ]
    wrong += [
        f"event {event} ({emitted[event].kind}) is a dead letter: {reason}"
        for event, reason in books.dead_letters.items()
        if event in emitted and not (len(emitted[event].kind) > LONGEST_TYPE and "added_by_hand" in reason)
    ]
    return wrong + [
        f"event {event} is number {number} of its run, and was recorded as number {numbers[event]}"
        for event, number in books.host_events
        if event in emitted and number != numbers[event]
    ]


def _changes(books: Books) -> Account:
    """
    Count the changes of positions that have all their events.
    """
    events: dict[tuple[str, int], list[int]] = {}
    for ref, version, index in books.life_events:
        events.setdefault((ref, version), []).append(index)
    lost: list[str] = []
    for position in books.positions:
        for version in range(1, position.version + 1):
            indices = sorted(events.pop((position.ref, version), []))
            if not indices or indices != list(range(len(indices))):
                lost.append(f"change {version} of {position.symbol} ({position.ref}) lacks an event")
    total = sum(position.version for position in books.positions)
    return Account(
        what="position changes",
        total=total,
        kept=total - len(lost),
        lost=lost,
        wrong=[f"events tell of change {version} of {ref}, which never was" for ref, version in events],
    )


def _held(truth: Truth, books: OldBooks) -> Account:
    held = {symbol_at_venue(symbol): quantity for symbol, quantity in books.held.items()}
    return _compared(HELD, truth.held, held)


def symbol_at_venue(symbol: str) -> str:
    return symbol.partition(":")[0].replace("/", "")


def _compared(
    what: str,
    exchange: Mapping[str, Decimal | int],
    books: Mapping[str, Decimal | int],
    unsettled: Sequence[str] = (),
) -> Account:
    """
    Compare quantities by name; a name that is missing on one side has none there.
    """

    def differs(name: str) -> str:
        return f"{what}, {name}: {exchange.get(name, 0)} at the exchange, {books.get(name, 0)} in the books"

    return Account(
        what=what,
        total=len(exchange),
        kept=sum(books.get(name) == quantity for name, quantity in exchange.items()),
        lost=[differs(name) for name in exchange if name not in books],
        wrong=[*(differs(name) for name in books if books[name] != exchange.get(name, 0)), *unsettled],
    )
