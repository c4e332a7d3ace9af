"""
Ranges of partitions follow each other, whatever there is already.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife._domain.identifiers import event_id_at
from poslife.postgres._partition_ranges import (
    Bounds,
    Range,
    Width,
    ahead,
    bounds_of,
    first_id,
    missing,
    time_of,
)

NOW = datetime(2026, 11, 13, 17, 30, tzinfo=UTC)


def bounds(ranges: list[Range]) -> list[Bounds]:
    return [Bounds(one.begin.int, one.end.int) for one in ranges]


def names(ranges: list[Range]) -> list[str]:
    return [one.name.removeprefix("run_events_") for one in ranges]


def test_three_months_or_three_days_are_made_ahead() -> None:
    """
    Three widths are made ahead, the current one included.
    """
    assert ["2026_11", "2026_12", "2027_01"] == names(ahead(Width.MONTH, (), NOW))
    assert ["2026_11_13", "2026_11_14", "2026_11_15"] == names(ahead(Width.DAY, (), NOW))


@given(st.datetimes(datetime(2024, 1, 1), datetime(2100, 1, 1)), st.sampled_from(Width))  # noqa: DTZ001 - naive ones are made UTC
def test_two_days_are_covered_at_every_moment(moment: datetime, width: Width) -> None:
    """
    The ids of now and of the next two days have a partition, and these follow each other without a gap.
    """
    now = moment.replace(tzinfo=UTC)
    ranges = ahead(width, (), now)

    assert all(one.end == other.begin for one, other in itertools.pairwise(ranges))
    assert ranges[0].begin < event_id_at(now, 0)
    assert event_id_at(now + timedelta(days=2), -1) < ranges[-1].end
    assert 3 <= len(ranges)


@pytest.mark.parametrize(
    "when", [datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)]
)
def test_months_follow_each_other_without_a_gap(when: datetime) -> None:
    """
    The first id of a month is the end of the month before, over a year's end and in a leap year.
    """
    months = missing(Width.MONTH, (), when, when + timedelta(days=430))

    assert all(one.end == other.begin for one, other in itertools.pairwise(months))
    assert 15 <= len({month.name for month in months})
    assert months[0].begin <= UUID(int=event_id_at(when, 0).int) < months[0].end


def test_days_begin_where_the_months_end() -> None:
    """
    After a change from month to day, days begin after the last month that is there.
    """
    months = bounds(ahead(Width.MONTH, (), NOW))

    assert [] == ahead(Width.DAY, months, NOW)
    assert [] == ahead(Width.DAY, months, datetime(2027, 1, 29, 23, 59, tzinfo=UTC))
    assert ["2027_02_01"] == names(ahead(Width.DAY, months, datetime(2027, 1, 30, tzinfo=UTC)))


def test_a_month_that_is_partly_there_is_completed_by_days() -> None:
    """
    After a change from day to month, the rest of the month has days, and the next month is whole.
    """
    made = ahead(Width.MONTH, bounds(ahead(Width.DAY, (), NOW)), NOW)
    days = [f"2026_11_{day:02}" for day in range(16, 31)]

    assert [*days, "2026_12", "2027_01"] == names(made)


def test_what_is_left_of_a_day_is_a_range_too() -> None:
    """
    Partitions that an operator has made with other bounds are kept, and what is left of the day has its own.
    """
    morning = first_id(NOW.replace(hour=6, minute=0)).int
    evening = first_id(NOW.replace(hour=18, minute=0)).int
    today, *_ = bounds(ahead(Width.DAY, (), NOW))
    made = ahead(Width.DAY, [Bounds(morning, evening)], NOW)

    assert ["2026_11_13_180000", "2026_11_14", "2026_11_15"] == names(made)
    assert Bounds(evening, today.end) == bounds(made)[0]


@given(
    st.lists(st.tuples(st.integers(-900, 900), st.integers(1, 900)), max_size=6),
    st.sampled_from(Width),
    st.integers(-40, 40),
)
def test_nothing_overlaps_and_nothing_is_left_out(
    pieces: list[tuple[int, int]], width: Width, days: int
) -> None:
    """
    Whatever partitions there are, new ones overlap none of them and leave no id out.
    """
    taken: list[Bounds] = []
    for begin, hours in pieces:
        first = NOW.replace(minute=0) + timedelta(hours=begin)
        one = Bounds(first_id(first).int, first_id(first + timedelta(hours=hours)).int)
        if all(one.end <= other.begin or one.begin >= other.end for other in taken):
            taken.append(one)
    now = NOW + timedelta(days=days)
    made = ahead(width, taken, now)
    everything = sorted([*taken, *bounds(made)])

    assert all(one.end <= other.begin for one, other in itertools.pairwise(everything))
    assert len(made) == len(set(names(made)))
    for hours in range(49):
        moment = first_id(now + timedelta(hours=hours)).int
        assert 1 == sum(one.begin <= moment < one.end for one in everything)


def test_bounds_are_read_as_the_catalog_writes_them() -> None:
    """
    Bounds may be open, and the default partition has none.
    """
    begin, end = first_id(NOW), first_id(NOW + timedelta(days=1))

    assert Bounds(begin.int, end.int) == bounds_of(f"FOR VALUES FROM ('{begin}') TO ('{end}')")
    assert Bounds(0, end.int) == bounds_of(f"FOR VALUES FROM (MINVALUE) TO ('{end}')")
    assert Bounds(begin.int, 1 << 128) == bounds_of(f"FOR VALUES FROM ('{begin}') TO (MAXVALUE)")
    assert bounds_of("DEFAULT") is None


def test_an_id_begins_with_its_time() -> None:
    """
    The first id of a time is below every event id of it, and gives the time back.
    """
    first = first_id(NOW)

    assert first < event_id_at(NOW, 0)
    assert first > event_id_at(NOW - timedelta(milliseconds=1), -1)
    assert NOW == time_of(first) == time_of(event_id_at(NOW, 5))
    assert UUID(int=0) == first_id(datetime(1960, 1, 1, tzinfo=UTC))
