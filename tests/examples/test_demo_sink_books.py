"""
The demo's account of the sink: figures that do not add up are said.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from examples.demo.sink_books import Writer, audit_sink
from examples.demo.witness import Emitted, Emitting, Witnessed
from poslife import WriterStats


def stats(
    emitted: int, recovered: int, committed: int, dead: int, dropped: int, backlog: int
) -> tuple[WriterStats, ...]:
    return (
        WriterStats(
            name="store",
            required=True,
            emitted=emitted,
            recovered=recovered,
            committed=committed,
            dead_lettered=dead,
            dropped=dropped,
            backlog=backlog,
            relayed=0,
            writes=0,
            failures=0,
        ),
    )


def life(*moments: tuple[WriterStats, ...], ended: tuple[WriterStats, ...] | None = None) -> Witnessed:
    return Witnessed(
        emitting=[Emitting(f"e{number}", "tick") for number, _ in enumerate(moments)],
        emitted=[Emitted(f"e{number}", moment) for number, moment in enumerate(moments)],
        ended=None if ended is None else Emitted("", ended),
    )


# Two events, one of them stored and one waiting when the bot was killed; then one more, and the end.
FIRST = life(stats(1, 0, 0, 0, 0, 1), stats(2, 0, 1, 0, 0, 1))
SECOND = life(stats(1, 1, 0, 0, 0, 2), ended=stats(1, 1, 1, 1, 0, 0))
WRITER = Writer(rows=2, letters=1, cut_off=0)
RECORDED = "3 events were recorded and 0 cut off by a SIGKILL were kept; the store has"


def audited(second: Witnessed = SECOND, writer: Writer = WRITER) -> list[str]:
    return audit_sink([FIRST, second], [{"store": 1}], {"store": writer})


def ended_with(*figures: int) -> Witnessed:
    """
    The second life where its sink said something else.
    """
    last = stats(*figures)
    return replace(SECOND, emitted=[Emitted("e", last)], ended=Emitted("", last))


def test_sound_books_add_up() -> None:
    """
    At each moment, and to what the writer has in the end; with an event that was cut off and stored, too.
    """
    assert [] == audited()
    assert [] == audited(writer=Writer(rows=3, letters=1, cut_off=1))


@pytest.mark.parametrize(
    "second, writer, said",
    [
        (SECOND, Writer(1, 1, 0), f"{RECORDED} 1 and 1 dead letters"),
        (SECOND, Writer(3, 1, 0), f"{RECORDED} 3 and 1 dead letters"),
        (SECOND, Writer(3, 0, 0), "the sink counted 1 dead letters, the store has 0"),
        (
            ended_with(1, 0, 0, 1, 0, 0),
            WRITER,
            "life 2: the store lacked 1 events when it began, and 0 were recovered",
        ),
        (
            ended_with(1, 1, 0, 1, 0, 0),
            WRITER,
            f"life 2: the figures do not add up: {stats(1, 1, 0, 1, 0, 0)[0]}",
        ),
        (ended_with(2, 1, 2, 1, 0, 0), WRITER, "life 2: 1 events were recorded, the sink counted 2"),
        (ended_with(1, 1, 0, 1, 1, 0), WRITER, "life 2: 1 events were dropped"),
        (ended_with(1, 1, 0, 1, 0, 1), WRITER, "life 2: 1 events still waited at its end"),
        (
            replace(SECOND, emitted=[Emitted("e")], ended=None),
            Writer(3, 0, 0),
            "life 2: the sink gave no figures",
        ),
    ],
    ids=[
        "row lost",
        "row too many",
        "dead letter lost",
        "journal lost",
        "equation",
        "count",
        "dropped",
        "left over",
        "silence",
    ],
)
def test_what_does_not_add_up_is_said(second: Witnessed, writer: Writer, said: str) -> None:
    """
    One thing wrong, one complaint with its numbers.
    """
    assert [said] == audited(second, writer)
