"""
The simulated endpoints.
"""

from __future__ import annotations

import pytest

from poslife.testing.bybit import Endpoint


@pytest.mark.parametrize("endpoint", Endpoint, ids=lambda endpoint: endpoint.value)
def test_only_market_data_is_public(endpoint: Endpoint) -> None:
    """
    Every other request must be signed.
    """
    assert endpoint.is_private is not endpoint.value.startswith("market/")


def test_what_changes_something_is_a_post() -> None:
    """
    Orders, leverage and position mode; everything else is a GET.
    """
    assert {
        Endpoint.CREATE_ORDER,
        Endpoint.CANCEL_ORDER,
        Endpoint.SET_LEVERAGE,
        Endpoint.SWITCH_MODE,
    } == {endpoint for endpoint in Endpoint if endpoint.is_write}
