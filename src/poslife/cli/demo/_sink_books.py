"""
The sink's own books: what it counted in each life of the bot, against the bot's word and the database. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from poslife.cli.demo._words import Accepted, Began, Counts, Ended, Word

__all__ = ["Death", "Life", "SinkBooks", "audit_sink", "lives_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """
    How a life ended that was killed.

    Attributes:
        signal: By what.
        missing: How many of all events recorded by then were not in the database.
    """

    signal: str
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """
    One life of the bot.

    Attributes:
        recorded: How many events it recorded: the calls that returned.
        moments: What its sink counted after each of them, and at its end; with how many it had recorded then.
        death: How it was killed, or ``None`` where it ended in good order.
    """

    recorded: int
    moments: tuple[tuple[int, Counts], ...]
    death: Death | None

    @property
    def last(self) -> Counts | None:
        """
        What its sink counted last.
        """
        return self.moments[-1][1] if self.moments else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkBooks:
    """
    Both sides of the books.

    Attributes:
        lives: Every life of the bot.
        rows: The events in the database's own table.
        letters: The dead letters there.
        under_way: How many calls were cut off by a SIGKILL, and stored all the same.
    """

    lives: tuple[Life, ...]
    rows: int
    letters: int
    under_way: int

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
    lives: list[tuple[int, list[tuple[int, Counts]]]] = []
    for word in words:
        match word:
            case Began():
                lives.append((0, []))
            case Accepted(counts=counts) | Ended(counts=counts):
                recorded, moments = lives[-1]
                recorded += isinstance(word, Accepted)
                moments += [(recorded, one) for one in counts]
                lives[-1] = (recorded, moments)
            case _:
                pass
    return tuple(
        Life(
            recorded=recorded,
            moments=tuple(moments),
            death=deaths[number] if number < len(deaths) else None,
        )
        for number, (recorded, moments) in enumerate(lives)
    )


def audit_sink(books: SinkBooks) -> list[str]:
    """
    What does not close, a sentence each.
    """
    wrong: list[str] = []
    missing = 0
    for number, life in enumerate(books.lives, 1):
        wrong += _within(number, life)
        if (last := life.last) is not None and last.recovered < missing:
            wrong.append(
                f"{missing} events were in the journal alone when life {number} began, "
                f"and {last.recovered} were recovered"
            )
        missing = 0 if life.death is None else life.death.missing
    recorded = sum(life.recorded for life in books.lives)
    if books.rows + books.letters != recorded + books.under_way:
        wrong.append(
            f"{recorded} events were recorded and {books.under_way} more were under way at a SIGKILL; "
            f"the database has {books.rows} and {books.letters} dead letters"
        )
    counted = sum(life.last.dead_lettered for life in books.lives if life.last is not None)
    if counted != books.letters:
        wrong.append(f"the sink counted {counted} dead letters, the database has {books.letters}")
    return wrong


def _within(number: int, life: Life) -> list[str]:
    wrong: list[str] = []
    for recorded, counts in life.moments:
        if not counts.closes:
            wrong.append(f"life {number}: the sink's figures do not close: {_equation(counts)}")
            break
        if counts.emitted != recorded:
            wrong.append(f"life {number}: {recorded} events were recorded, the sink counted {counts.emitted}")
            break
    if (last := life.last) is None:
        return [*wrong, f"life {number}: the sink told no figures"]
    if last.dropped:
        wrong.append(f"life {number}: {last.dropped} events were dropped")
    if last.backlog and life.death is None:
        wrong.append(f"life {number}: {last.backlog} events still waited at its end")
    return wrong


def _equation(counts: Counts) -> str:
    return (
        f"{counts.emitted} + {counts.recovered} is not "
        f"{counts.committed} + {counts.dead_lettered} + {counts.dropped} + {counts.backlog}"
    )
