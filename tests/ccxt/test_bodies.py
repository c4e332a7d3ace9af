"""
The venue's error response within the message of ccxt's exception.
"""

from __future__ import annotations

import pytest

from poslife.ccxt._bodies import ErrorBody, read_body


@pytest.mark.parametrize(
    "message, body",
    [
        ("binance Market is closed.", None),
        ("", None),
        (
            'bybit {"retCode":110007,"retMsg":"AB not enough"}; check the address',
            ErrorBody(codes=frozenset({"110007"}), texts=("ab not enough",), is_of_one_order=True),
        ),
        (
            'gate POST https://host/orders 400 {"label":"EMPTY_POSITION","detail":"No"}',
            ErrorBody(codes=frozenset({"EMPTY_POSITION"}), texts=("no",), is_of_one_order=True),
        ),
        (
            'okx {"code":"1","data":[{"sCode":"51008","sMsg":"","ordId":""}]}',
            ErrorBody(codes=frozenset({"1", "51008"}), texts=("",), is_of_one_order=True),
        ),
        (
            'bingx {"code":1,"data":{"orderId":0}}',
            ErrorBody(codes=frozenset({"1"}), texts=(), is_of_one_order=True),
        ),
    ],
)
def test_a_response_is_read(message: str, body: ErrorBody | None) -> None:
    """
    Its codes and texts are found at every depth, with text before and behind it.
    """
    assert body == read_body(message)


@pytest.mark.parametrize(
    "message",
    [
        'okx {"code":"1","data":[{"sCode":"51008"},{"sCode":"0"}]}',
        'binance [{"code":-2019},{"orderId":1}]',
        'bitget {"code":"40762","data":{"orderId":"12"}}',
        'hyperliquid {"response":{"data":{"statuses":[{"resting":{"oid":7}}]}}}',
        'bybit {"retCode":110007',
        "bybit {" + '"a":[' * 100_000,
    ],
)
def test_a_response_about_more_than_a_refused_order(message: str) -> None:
    """
    Several statuses, the id of an order, and a response that cannot be read are not of one refused order.
    """
    body = read_body(message)

    assert body is not None
    assert not body.is_of_one_order
