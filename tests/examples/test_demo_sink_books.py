"""
The demo's account of the sink: figures that do not add up are said.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from examples.demo.sink_books import Death, Holding, Life, Moment, SinkBooks, audit_sink, lives_of
from examples.demo.words import Accepted, Began, Counts, Emitted, Ended, Pen, Word, WordFile


def counts(emitted: int, recovered: int, committed: int, dead: int, dropped: int, backlog: int) -> Counts:
    return Counts("store", emitted, recovered, committed, dead, dropped, backlog)


# Two events, one of them stored and one waiting when it was killed; then one more, and the end.
WORDS: list[Word] = [
    Began(),
    Emitted(event="e1", kind="tick"),
    Accepted(event="e1", counts=(counts(1, 0, 0, 0, 0, 1),)),
    Emitted(event="e2", kind="tick"),
    Accepted(event="e2", counts=(counts(2, 0, 1, 0, 0, 1),)),
    Began(),
    Emitted(event="e3", kind="tick"),
    Accepted(event="e3", counts=(counts(1, 1, 0, 0, 0, 2),)),
    Ended(counts=(counts(1, 1, 1, 1, 0, 0),)),
]
DEATH = Death(signal="SIGKILL", missing={"store": 1})
LIVES = lives_of(WORDS, [DEATH])
RECORDED = "3 events were recorded, and 0 cut off by a SIGKILL were kept; the database has"


def held(rows: int, letters: int, under_way: int = 0) -> dict[str, Holding]:
    return {"store": Holding(what="the database", rows=rows, letters=letters, under_way=under_way)}


BOOKS = SinkBooks(lives=LIVES, holdings=held(2, 1))


def ended_with(last: Counts) -> SinkBooks:
    """
    The books where the second life's sink said something else at its end.
    """
    return replace(BOOKS, lives=(LIVES[0], replace(LIVES[1], moments=(Moment(1, (last,)),))))


def test_a_life_is_what_was_said_between_two_beginnings() -> None:
    """
    With what it recorded, each figure it told, and how it ended.
    """
    first, second = LIVES

    assert (2, 1) == (first.recorded, second.recorded)
    assert (DEATH, None) == (first.death, second.death)
    assert (counts(2, 0, 1, 0, 0, 1),) == first.lasts
    assert (3, 4) == (BOOKS.recorded, BOOKS.moments)


def test_sound_books_close() -> None:
    """
    Each moment adds up, and the sum is what the database has; with one that was cut off and stored, too.
    """
    assert [] == audit_sink(BOOKS)
    assert [] == audit_sink(replace(BOOKS, holdings=held(3, 1, under_way=1)))


@pytest.mark.parametrize(
    "books, said",
    [
        (
            replace(BOOKS, holdings=held(1, 1)),
            f"{RECORDED} 1 and 1 dead letters",
        ),
        (
            replace(BOOKS, holdings=held(3, 1)),
            f"{RECORDED} 3 and 1 dead letters",
        ),
        (replace(BOOKS, holdings=held(3, 0)), "the sink counted 1 dead letters, the database has 0"),
        (
            ended_with(counts(1, 0, 0, 1, 0, 0)),
            "1 events for the store were in the journal alone when life 2 began, and 0 were recovered",
        ),
        (
            ended_with(counts(1, 1, 0, 1, 0, 0)),
            "life 2: the sink's figures do not close: 1 + 1 is not 0 + 1 + 0 + 0",
        ),
        (ended_with(counts(2, 1, 2, 1, 0, 0)), "life 2: 1 events were recorded, the sink counted 2"),
        (ended_with(counts(1, 1, 0, 1, 1, 0)), "life 2: 1 events were dropped"),
        (ended_with(counts(1, 1, 0, 1, 0, 1)), "life 2: 1 events still waited at its end"),
        (
            replace(BOOKS, lives=(LIVES[0], Life(recorded=1, moments=(), death=None)), holdings=held(3, 0)),
            "life 2: the sink told no figures",
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
def test_what_does_not_close_is_said(books: SinkBooks, said: str) -> None:
    """
    One thing wrong, one complaint with its numbers.
    """
    assert [said] == audit_sink(books)


def test_words_are_read_while_they_are_written(tmp_path: Path) -> None:
    """
    Each once; a line that is not whole yet is left for the next time.
    """
    file = WordFile(tmp_path / "words")
    file.read_on()
    pen = Pen(file.path)
    for word in WORDS[:3]:
        pen.say(word)
    with file.path.open("ab") as cut_off:
        cut_off.write(b'{"type":"Ended"')
    file.read_on()
    file.read_on()

    assert (WORDS[:3], 1) == (file.words, file.accepted)

    with file.path.open("ab") as cut_off:
        cut_off.write(b"}\n")
    file.read_on()

    assert [*WORDS[:3], Ended()] == file.words
