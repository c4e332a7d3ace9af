"""
The chain of a run's host events, which come nearly in order.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from poslife._trail.records import EventRecord, sealed
from poslife.events import EventHeader
from poslife.events._chains import Link, RunChain, link_of
from poslife.protocols import Purge
from tests.values import RUN, new_event_id

AT = datetime(2026, 1, 1, tzinfo=UTC)


def chain(count: int, *, dropped: Sequence[int] = (), unencodable: Sequence[int] = ()) -> list[EventRecord]:
    """
    The events of a run, each linked to the one before it.
    """
    records: list[EventRecord] = []
    before = bytes(32)
    for number in range(1, count + 1):
        if number in dropped:
            continue
        header = EventHeader(id=new_event_id(), type="bot.told", occurred_at=AT, run=RUN)
        record = EventRecord(header=header, recorded_at=AT, sequence=number, payload=b"{}")
        if number in unencodable:
            records.append(replace(record, recorded_at=cast("datetime", object())))
            continue
        records.append(sealed(record, before=before, salt=bytes(16)))
        before = records[-1].digest
    return records


def checked(records: Iterable[EventRecord], *purges: Purge) -> tuple[list[str], int]:
    """
    The faults of these events in this order, and how many were dropped.
    """
    faults: list[str] = []

    def add_fault(link: Link, what: str) -> None:
        assert RUN == link.run
        faults.append(what)

    run = RunChain(add_fault)
    for purge in purges:
        run.begin_after(purge)
    for record in records:
        run.add(link_of(record))
    run.end()
    return faults, run.dropped


def purge(last: EventRecord) -> Purge:
    return Purge(run=RUN, upto=last.sequence or 0, digest=last.digest, by="owner", at=AT, why="old")


@pytest.mark.parametrize("seed", range(20))
def test_threads_that_swap_ids_and_numbers_make_no_fault(seed: int) -> None:
    """
    Events that come a few places early or late are checked in the order of their numbers.
    """
    records = chain(200, dropped=(7, 8, 40), unencodable=(20, 60))
    swaps = random.Random(seed)
    shuffled = sorted(records, key=lambda record: (record.sequence or 0) + swaps.uniform(0, 6))

    assert ([], 3) == checked(shuffled)


def test_what_is_missing_is_named_once() -> None:
    """
    However many events come after it, and however many are missing.
    """
    records = chain(3000)

    assert (["before number 6 of its run, 5 is missing"], 0) == checked(records[:4] + records[5:])
    assert (["before number 9 of its run, 1 to 8 is missing"], 0) == checked(records[8:])


def test_a_number_twice_and_one_that_does_not_follow_are_faults() -> None:
    """
    An inserted event has a number that is taken, or a digest that does not follow.
    """
    records = chain(6)
    inserted = replace(records[3], header=replace(records[3].header, id=new_event_id()))
    altered = replace(records[3], header=replace(records[3].header, type="bot.lied"))

    assert ["its run has two events with the number 4"] == checked([*records, inserted])[0]
    assert ["number 4 does not follow from the one before it in its run"] == checked(
        [*records[:3], altered, *records[4:]]
    )[0]


def test_a_run_goes_on_after_its_purge() -> None:
    """
    The next event follows from the digest of the purge, and over numbers that the sink dropped after it.
    """
    records = chain(8, dropped=(4, 5))
    first_three, rest = records[:3], records[3:]

    assert ([], 2) == checked(rest, purge(first_three[-1]))
    assert ["number 3 does not follow from the last purged one of its run"] == checked(
        records[2:], replace(purge(records[1]), digest=bytes(31) + b"1")
    )[0]


def test_what_was_purged_and_is_there_again_is_a_fault_to_be_purged_again() -> None:
    """
    A journal that came late may bring it back.
    """
    records = chain(5)
    again = "number 2 of its run was purged, and is stored again: repeat the purge up to number 3"

    assert ([again], 0) == checked([records[1], *records[3:]], purge(records[2]))


def test_a_purge_meanwhile_explains_what_is_missing() -> None:
    """
    Events that were read before they were purged are no longer waited for.
    """
    records = chain(9)
    faults: list[str] = []
    run = RunChain(lambda _, what: faults.append(what))
    for record in (records[2], *records[6:]):
        run.add(link_of(record))

    assert run.waits
    run.begin_after(purge(records[5]))
    run.end()
    assert [] == faults
    assert run.is_beyond(9)
    assert not run.is_beyond(10)


def test_an_unknown_format_is_passed_over() -> None:
    """
    It is taken by its number, and the next event follows from its stored digest.
    """
    records = chain(5)
    unknown = replace(records[2], format=2, header=replace(records[2].header, type="bot.changed"))

    assert ([], 0) == checked([*records[:2], unknown, *records[3:]])
    assert ([], 0) == checked([*records[:2], records[3], unknown, records[4]])
    assert ([], 1) == checked([records[0], unknown, *records[3:]])
