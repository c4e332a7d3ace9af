"""
The queue of one writer against a plain list.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from poslife._sink.backlog import Backlog, Entry, JournalRange
from poslife.protocols import EventRecord
from tests.sink.fakes import event

_ONE = event(0)
_RECORD = EventRecord(header=_ONE.header, recorded_at=_ONE.header.occurred_at, sequence=1, payload=b"{}")

_ACTIONS = st.lists(
    st.one_of(
        st.just(("put", 0)),
        st.just(("put in memory only", 0)),
        st.tuples(st.just("take"), st.integers(1, 6)),
        st.tuples(st.just("skip"), st.integers(1, 6)),
    ),
    max_size=60,
)


@given(actions=_ACTIONS, window=st.integers(1, 4))
def test_the_order_and_the_counts_are_those_of_a_list(actions: list[tuple[str, int]], window: int) -> None:
    """
    Whatever is in memory and whatever in the journal, events come out as they were put in, each once.
    """
    backlog = Backlog(window=window, window_bytes=1 << 20)
    model: list[tuple[int | None, int]] = []
    number = sequence = 0
    in_journal: dict[int, EventRecord] = {}
    for action, count in actions:
        if action.startswith("put"):
            sequence += 1
            record = replace(_RECORD, sequence=sequence)
            if action == "put":
                number += 1
                in_journal[number] = record
            backlog.add(number if action == "put" else None, record)
            model.append((number if action == "put" else None, sequence))
        elif action == "skip":
            skipped = backlog.drop(count)
            assert min(count, len(model)) == skipped
            del model[:skipped]
        else:
            head = backlog.head(count, 1 << 20)
            if isinstance(head, JournalRange):
                upto = min(head.last, head.first + count - 1)
                found: list[Entry] = [(one, in_journal[one]) for one in range(head.first, upto + 1)]
                assert 0 == backlog.load(upto, found)
                continue
            assert [(number, record.sequence) for number, record in head] == model[: len(head)]
            assert not model or head
            backlog.remove(len(head))
            del model[: len(head)]

        assert len(backlog) == len(model)
        assert backlog.only_in_memory == sum(one is None for one, _ in model)
        oldest = backlog.oldest()
        assert oldest is None or (model and oldest.sequence == model[0][1])


def test_memory_is_bounded_by_bytes_too() -> None:
    """
    A few large events fill the window as many small ones do.
    """
    backlog = Backlog(window=1000, window_bytes=100)
    for number in range(1, 11):
        backlog.add(number, replace(_RECORD, sequence=number, payload=b"x" * 60))

    head = backlog.head(10, 1 << 20)
    assert not isinstance(head, JournalRange)
    assert [1, 2] == [number for number, _ in head]
    assert 10 == len(backlog)


def test_what_the_journal_lost_is_counted_out() -> None:
    """
    Missing frames leave the queue with those that were read, and the mark goes on.
    """
    backlog = Backlog(window=1, window_bytes=100)
    backlog.add_range(1, 10)
    assert 2 == backlog.load(5, [(1, _RECORD), (3, _RECORD), (5, _RECORD)])
    assert (8, 2) == (len(backlog), backlog.removed)
    backlog.remove(3)
    assert 5 == backlog.load(10, [])
    assert (0, 10) == (len(backlog), backlog.cursor)


def test_a_batch_has_one_event_however_large() -> None:
    """
    The cap on bytes never leaves a batch empty.
    """
    backlog = Backlog(window=10, window_bytes=1 << 20)
    for number in (1, 2):
        backlog.add(number, replace(_RECORD, payload=b"x" * 60))

    head = backlog.head(10, 10)
    assert not isinstance(head, JournalRange)
    assert 1 == len(head)
