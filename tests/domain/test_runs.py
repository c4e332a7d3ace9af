from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from poslife.errors import InvalidValue
from poslife.protocols import NewRun, Run
from tests.values import AT, BAD_COUNTS, BAD_NAMES, BAD_TIMES, RUN, cases, later

NEW = NewRun(id=RUN, machine="here", pid=1, process_started="", lease=30.0)
KNOWN = Run(
    id=RUN, machine="here", pid=1, process_started="", started_at=AT, lease_until=later(30), ended=False
)


@cases(
    id=("run", 7, None),
    machine=(*BAD_NAMES, None),
    pid=BAD_COUNTS,
    process_started=(7, None),
    lease=(0, -1.0, math.nan, math.inf, True, "30", None, Decimal(30)),
)
def test_a_run_introduces_itself_properly(field: str, value: Any) -> None:
    """
    A run with an invalid field, for example an infinite lease, is refused before it owns any order.
    """
    with pytest.raises(InvalidValue) as refused:
        replace(NEW, **{field: value})

    assert f"NewRun.{field}" == refused.value.field
    assert value is refused.value.value


@pytest.mark.parametrize("lease", [1, 0.25, 1e300])
def test_a_lease_is_a_number_of_seconds(lease: float) -> None:
    """
    A lease is any finite number of seconds above zero, whole or not.
    """
    assert lease == replace(NEW, lease=lease).lease


@cases(started_at=(*BAD_TIMES, None), lease_until=(*BAD_TIMES, None))
def test_a_stores_times_are_aware(field: str, value: Any) -> None:
    """
    A run's times are aware: a naive lease would end hours early or late (incident 42).
    """
    with pytest.raises(InvalidValue) as refused:
        replace(KNOWN, **{field: value})

    assert f"Run.{field}" == refused.value.field
