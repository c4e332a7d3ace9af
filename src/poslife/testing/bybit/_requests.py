"""
The simulated endpoints, and the requests that the venue has received. Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

__all__ = ["Endpoint", "ReceivedRequest"]


class Endpoint(enum.Enum):
    """
    The simulated endpoints, by the path after ``/v5/``.
    """

    ACCOUNT_INFO = "account/info"
    CANCEL_ORDER = "order/cancel"
    CREATE_ORDER = "order/create"
    EXECUTIONS = "execution/list"
    INSTRUMENTS = "market/instruments-info"
    OPEN_ORDERS = "order/realtime"
    ORDER_HISTORY = "order/history"
    POSITIONS = "position/list"
    QUERY_API_KEY = "user/query-api"
    SERVER_TIME = "market/time"
    SET_LEVERAGE = "position/set-leverage"
    SWITCH_MODE = "position/switch-mode"
    TICKERS = "market/tickers"
    WALLET = "account/wallet-balance"

    @property
    def is_private(self) -> bool:
        """
        True if the request must be signed.
        """
        return not self.value.startswith("market/")

    @property
    def is_write(self) -> bool:
        """
        True if the request is a POST, which changes something.
        """
        return self in (
            Endpoint.CANCEL_ORDER,
            Endpoint.CREATE_ORDER,
            Endpoint.SET_LEVERAGE,
            Endpoint.SWITCH_MODE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """
    A request that the venue has received, answered or not.

    Attributes:
        number: Counts from 1.
        at: Venue time.
        parameters: The query or the JSON body, every value as text.
        faults: The names of the faults that applied to it.
    """

    number: int
    at: datetime
    endpoint: Endpoint
    parameters: Mapping[str, str]
    faults: tuple[str, ...] = ()
