"""
The sink's own books: what it counted in each life of the bot, against the bot's word and the database. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from examples.demo.words import Accepted, Began, Counts, Ended, Word

__all__ = ["Death", "Holding", "Life", "Moment", "SinkBooks", "audit_sink", "lives_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """
    How a life ended that was killed.

    Attributes:
        signal: By what.
        missing: How many of all events recorded by then each writer did not have.
    """

    signal: str
    missing: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Moment:
    """
    What the sink counted at one moment.

    Attributes:
        recorded: How many events this life had recorded: the calls that had returned.
        counts: The figures for each writer.
    """

    recorded: int
    counts: tuple[Counts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """
    One life of the bot.

    Attributes:
        recorded: How many events it recorded.
        moments: After each of them, and at its end.
        death: How it was killed, or ``None`` where it ended in good order.
    """

    recorded: int
    moments: tuple[Moment, ...]
    death: Death | None

    @property
    def lasts(self) -> tuple[Counts, ...]:
        """
        What its sink counted last.
        """
        return self.moments[-1].counts if self.moments else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """
    What a writer has in the end.

    Attributes:
        what: Its name for readers.
        rows: Events, each as often as it is there.
        letters: Dead letters.
        under_way: How many of these are of calls that a SIGKILL had cut off.
    """

    what: str
    rows: int
    letters: int
    under_way: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkBooks:
    """
    Both sides of the books.

    Attributes:
        lives: Every life of the bot.
        holdings: What each writer has, by the name that the sink has for it.
    """

    lives: tuple[Life, ...]
    holdings: Mapping[str, Holding]

    @property
    def recorded(self) -> int:
        """
        How many events all lives recorded.
        """
        return sum(life.recorded for life in self.lives)

    @property
    def moments(self) -> int:
        """
        How many times the sink was asked for its figures.
        """
        return sum(len(life.moments) for life in self.lives)


def lives_of(words: Iterable[Word], deaths: Sequence[Death]) -> tuple[Life, ...]:
    """
    What a bot has said, life by life; the last one ended in good order, the others were killed.
    """
    lives: list[list[Moment]] = []
    for word in words:
        match word:
            case Began():
                lives.append([])
            case Accepted(counts=counts):
                lives[-1].append(Moment(len(lives[-1]) + 1, counts))
            case Ended(counts=counts):
                lives[-1].append(Moment(len(lives[-1]), counts))
            case _:
                pass
    return tuple(
        Life(
            recorded=moments[-1].recorded if moments else 0,
            moments=tuple(moments),
            death=deaths[number] if number < len(deaths) else None,
        )
        for number, moments in enumerate(lives)
    )


def audit_sink(books: SinkBooks) -> list[str]:
    """
    What does not close, a sentence each.
    """
    wrong: list[str] = []
    missing: Mapping[str, int] = {}
    for number, life in enumerate(books.lives, 1):
        wrong += _within(number, life)
        for last in life.lasts:
            if last.recovered < missing.get(last.writer, 0):
                wrong.append(
                    f"{missing[last.writer]} events for the {last.writer} were in the journal alone when "
                    f"life {number} began, and {last.recovered} were recovered"
                )
        missing = {} if life.death is None else life.death.missing
    for name, holding in books.holdings.items():
        wrong += _against(name, holding, books)
    return wrong


def _within(number: int, life: Life) -> list[str]:
    """
    A life's figures by themselves.
    """
    if not life.lasts:
        return [f"life {number}: the sink told no figures"]
    told = [(moment.recorded, counts) for moment in life.moments for counts in moment.counts]
    open_ones = [counts for _, counts in told if not counts.closes]
    other = [(recorded, counts) for recorded, counts in told if counts.emitted != recorded]
    wrong = [f"life {number}: the sink's figures do not close: {_equation(one)}" for one in open_ones[:1]]
    wrong += [
        f"life {number}: {recorded} events were recorded, the sink counted {counts.emitted}"
        for recorded, counts in other[:1]
    ]
    for last in life.lasts:
        if last.dropped:
            wrong.append(f"life {number}: {last.dropped} events were dropped")
        if last.backlog and life.death is None:
            wrong.append(f"life {number}: {last.backlog} events still waited at its end")
    return wrong


def _against(name: str, holding: Holding, books: SinkBooks) -> list[str]:
    """
    The figures of all lives, against what a writer has.
    """
    wrong: list[str] = []
    if holding.rows + holding.letters != books.recorded + holding.under_way:
        wrong.append(
            f"{books.recorded} events were recorded, and {holding.under_way} cut off by a SIGKILL were kept; "
            f"{holding.what} has {holding.rows} and {holding.letters} dead letters"
        )
    counted = sum(last.dead_lettered for life in books.lives for last in life.lasts if last.writer == name)
    if counted != holding.letters:
        wrong.append(f"the sink counted {counted} dead letters, {holding.what} has {holding.letters}")
    return wrong


def _equation(counts: Counts) -> str:
    return (
        f"{counts.emitted} + {counts.recovered} is not "
        f"{counts.committed} + {counts.dead_lettered} + {counts.dropped} + {counts.backlog}"
    )
