"""
What the sink counted in each life of the bot, against what the bot recorded and what the writers have. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from examples.demo.books import Books
from examples.demo.witness import Witnessed


class Writer(NamedTuple):
    """
    What a writer has in the end, and how many of these a SIGKILL had cut off from their call.
    """

    rows: int
    letters: int
    cut_off: int


def writers_of(books: Books, cut_off: frozenset[str]) -> Mapping[str, Writer]:
    return {
        "store": Writer(len(books.host_events), len(books.dead_letters), len(cut_off & books.kept)),
        "file": Writer(len(books.lines), 0, len(cut_off.intersection(books.lines))),
    }


def audit_sink(
    lives: Sequence[Witnessed], behind: Sequence[Mapping[str, int]], writers: Mapping[str, Writer]
) -> list[str]:
    """
    List what does not add up: *behind* has, for each SIGKILL, how many events each writer did not have then.
    """
    wrong: list[str] = []
    for number, life in enumerate(lives, 1):
        before: Mapping[str, int] = behind[number - 2] if number > 1 else {}
        wrong += [f"life {number}: {fault}" for fault in _faults(life, before)]
    recorded = sum(len(life.emitted) for life in lives)
    for name, writer in writers.items():
        if writer.rows + writer.letters != recorded + writer.cut_off:
            wrong.append(
                f"{recorded} events were recorded and {writer.cut_off} cut off by a SIGKILL were kept; "
                f"the {name} has {writer.rows} and {writer.letters} dead letters"
            )
        counted = sum(last.dead_lettered for life in lives for last in life.last_stats if last.name == name)
        if counted != writer.letters:
            wrong.append(f"the sink counted {counted} dead letters, the {name} has {writer.letters}")
    return wrong


def _faults(life: Witnessed, behind: Mapping[str, int]) -> list[str]:
    wrong = [] if life.last_stats else ["the sink gave no figures"]
    moments = [(number, one) for number, entry in enumerate(life.emitted, 1) for one in entry.stats]
    for number, one in (*moments, *((len(life.emitted), last) for last in life.last_stats)):
        if one.emitted != number:
            wrong.append(f"{number} events were recorded, the sink counted {one.emitted}")
        if one.emitted + one.recovered != one.committed + one.dead_lettered + one.dropped + one.backlog:
            wrong.append(f"the figures do not add up: {one}")
    for last in life.last_stats:
        if last.dropped:
            wrong.append(f"{last.dropped} events were dropped")
        if last.backlog and life.ended:
            wrong.append(f"{last.backlog} events still waited at its end")
        if last.recovered < behind.get(last.name, 0):
            wrong.append(
                f"the {last.name} lacked {behind[last.name]} events when it began, "
                f"and {last.recovered} were recovered"
            )
    return list(dict.fromkeys(wrong))[:5]
