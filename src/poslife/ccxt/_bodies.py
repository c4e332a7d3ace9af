"""
The venue's error response, read from the message of ccxt's exception.

ccxt puts the response behind the venue's name, with or without the request before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

__all__ = ["ErrorBody", "read_body"]

_CODE_FIELDS = frozenset({"code", "retCode", "ret_code", "err_code", "error_code", "sCode", "label"})
_TEXT_FIELDS = frozenset(
    {"msg", "message", "retMsg", "ret_msg", "sMsg", "err_msg", "error", "detail", "response"}
)
_ORDER_FIELDS = frozenset(
    {"orderId", "orderID", "order_id", "ordId", "oid", "algoId", "algoOrdId", "orderNo", "order_no"}
)
_NO_ORDER = frozenset({"", "0", "none", "null"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """
    An error response.

    Attributes:
        codes: Its codes, at every depth.
        texts: Its messages, in lower case.
        is_of_one_order: True if it was read, has one status at most, and names no order that was made.
    """

    codes: frozenset[str]
    texts: tuple[str, ...]
    is_of_one_order: bool


def read_body(message: str) -> ErrorBody | None:
    """
    Return the response within *message*, or ``None`` if there is none.
    """
    starts = [at for at in (message.find("{"), message.find("[{")) if at >= 0]
    if not starts:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(message[min(starts) :])
    except (ValueError, RecursionError):
        return ErrorBody(codes=frozenset(), texts=(message.lower(),), is_of_one_order=False)
    return _read(value)


def _read(value: object) -> ErrorBody:
    codes: set[str] = set()
    texts: list[str] = []
    of_one = True
    waiting = [value]
    while waiting:
        value = waiting.pop()
        match value:
            case dict():
                for name, held in cast("dict[str, object]", value).items():
                    of_one = of_one and not (name in _ORDER_FIELDS and _names_an_order(held))
                    if name in _CODE_FIELDS and isinstance(held, (str, int)):
                        codes.add(str(held))
                    elif name in _TEXT_FIELDS and isinstance(held, str):
                        texts.append(held.lower())
                    else:
                        waiting.append(held)
            case list():
                rows = cast("list[object]", value)
                of_one = of_one and len(rows) <= 1
                waiting.extend(rows)
            case _:
                pass
    return ErrorBody(codes=frozenset(codes), texts=tuple(texts), is_of_one_order=of_one)


def _names_an_order(value: object) -> bool:
    return str(value).strip().lower() not in _NO_ORDER
