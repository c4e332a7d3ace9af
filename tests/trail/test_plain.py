"""
The fast path: the very bytes of the other, and most payloads take it.
"""

from __future__ import annotations

import collections
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from poslife import redact_keys, redact_secrets
from poslife._trail.encoding import encode_payload
from poslife._trail.plain import encode_plain
from tests.trail.hostile import texts

plain_values = st.recursive(
    texts
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.uuids()
    | st.sampled_from(
        ["BTC/USDT:USDT", "secret=abcdefgh12345", "x" * 1100, "x" * 17_000, 1 << 64, -(1 << 63), -0.0]
    ),
    lambda inner: (
        st.lists(inner) | st.tuples(inner) | st.dictionaries(texts | st.sampled_from(["apiKey", "a"]), inner)
    ),
    max_leaves=25,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(texts, plain_values), st.sampled_from([None, redact_secrets, redact_keys("a")]))
def test_the_short_way_gives_the_bytes_of_the_long_one(payload: dict[str, object], redact: Any) -> None:
    """
    What is encoded as it stands is what flattening would have made of it, to the byte.
    """
    short = encode_plain(payload, redact)
    long = encode_payload(collections.OrderedDict(payload), redact=redact)

    assert short in (None, long)
    assert long == encode_payload(payload, redact=redact)


def test_most_payloads_go_the_short_way() -> None:
    """
    Texts, numbers, Decimals, and what ccxt returns.
    """
    levels = [[60000.5 + step, 0.1] for step in range(200)]

    plain: list[dict[str, object]] = [
        {},
        {"symbol": "BTC/USDT:USDT", "price": Decimal("1.5"), "n": 1, "f": 1.5, "ok": True, "none": None},
        {"bids": levels, "asks": levels},
        {"orders": [{"id": "1", "fee": {"cost": 0.1}}] * 20},
    ]
    others: list[object] = [float("nan"), 1 << 64, "\x00", "\ud800", "x" * 1100, {1: 2}, object()]

    assert None not in [encode_plain(payload, redact_secrets) for payload in plain]
    assert {None} == {encode_plain({"value": other}, None) for other in others}
