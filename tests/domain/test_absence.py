from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from poslife import OrderStatus
from poslife._domain.absence import Absence, judge_absence, latest_arrival
from poslife._domain.venue_answers import OrderNotSeen
from tests.values import bought, later, order

QUIET = 20.0
DOUBTED = order(OrderStatus.IN_DOUBT, submitted_at=later(2))


def miss(seconds: float, *, since: float | None = -60.0) -> OrderNotSeen:
    """
    A look-up so many seconds after the order was prepared, conclusive for orders made since then.
    """
    return OrderNotSeen(at=later(seconds), conclusive_since=None if since is None else later(since))


def absence(**fields: Any) -> Absence:
    """
    As complete as it can be: two conclusive look-ups after the order could no longer arrive.
    """
    values: dict[str, Any] = {
        "misses": (miss(22), miss(23)),
        "trades_complete": True,
        "foreign_trades": (),
        "held": Decimal(0),
        "believed": Decimal(0),
    }
    return Absence(**(values | fields))


def judged(found: Absence) -> tuple[str, ...]:
    return judge_absence(DOUBTED, found, quiet=QUIET, lookups=2)


def test_absence_can_be_proven() -> None:
    """
    Looked up twice when it could no longer arrive, every trade known, the position unchanged: it is absent.
    """
    assert () == judged(absence())
    assert () == judged(absence(held=Decimal("-5.0"), believed=Decimal(-5)))


@pytest.mark.parametrize(
    "fields, reason",
    [
        pytest.param({"misses": ()}, "0 of 2 look-ups came after", id="never looked up"),
        pytest.param({"misses": (miss(22),)}, "1 of 2 look-ups", id="looked up once"),
        pytest.param({"misses": (miss(21.999), miss(22))}, "1 of 2 look-ups", id="looked up too early"),
        pytest.param({"misses": (miss(3),) * 9}, "0 of 2 look-ups", id="looked up often and too early"),
        pytest.param(
            {"misses": (miss(22, since=None), miss(23, since=None))}, "no longer promises", id="no promise"
        ),
        pytest.param(
            {"misses": (miss(22, since=0.001), miss(23, since=0.001))},
            "no longer promises",
            id="out of the window",
        ),
        pytest.param(
            {"misses": (miss(22), miss(23, since=None))}, "no longer promises", id="one without a promise"
        ),
        pytest.param({"trades_complete": False}, "did not show all trades", id="trades missing"),
        pytest.param({"foreign_trades": (bought("1"),)}, "1 trades since then belong", id="a foreign trade"),
        pytest.param({"held": None}, "does not say how much it holds", id="holding unknown"),
        pytest.param({"held": Decimal(100)}, "holds 100, the store has 0", id="holds more"),
        pytest.param({"believed": Decimal(100)}, "holds 0, the store has 100", id="holds less"),
    ],
)
def test_each_missing_proof_is_a_reason_of_its_own(fields: dict[str, Any], reason: str) -> None:
    """
    One thing short of proof keeps the order in doubt, and is the one reason given (incidents 2, 3, 15).
    """
    reasons = judged(absence(**fields))

    assert 1 == len(reasons)
    assert reason in reasons[0]


def test_all_that_is_missing_is_told() -> None:
    """
    An operator who must decide sees every reason.
    """
    nothing = absence(misses=(), trades_complete=False, foreign_trades=(bought("1"),), held=None)

    assert 4 == len(judged(nothing))


def test_an_order_may_arrive_until_its_request_has_run_out() -> None:
    """
    Counted from SUBMITTING, or from its preparation where that is all we know.
    """
    assert later(22) == latest_arrival(DOUBTED, quiet=QUIET)
    assert later(20) == latest_arrival(replace(DOUBTED, submitted_at=None), quiet=QUIET)
