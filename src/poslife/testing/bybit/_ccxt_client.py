"""
The real ccxt client, configured for a simulated venue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, cast

from poslife.errors import MissingExtra

__all__ = ["BybitClient", "bybit_client"]

API_SECTIONS = ("spot", "futures", "v2", "public", "private")


class BybitClient(Protocol):
    """
    The part of ``ccxt.async_support.bybit`` that poslife and its tests use, typed because ccxt is not.

    The results are ccxt's own dictionaries.
    """

    id: str
    options: dict[str, Any]
    timeout: int
    number: Callable[[str], Any]

    async def load_markets(self, *, reload: bool = ..., params: Mapping[str, Any] = ...) -> dict[str, Any]:
        """
        Fetch and keep the markets.
        """
        ...

    async def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: object,
        price: object = ...,
        params: Mapping[str, Any] = ...,
    ) -> dict[str, Any]:
        """
        Place an order.
        """
        ...

    async def cancel_order(
        self, id: str, symbol: str = ..., params: Mapping[str, Any] = ...
    ) -> dict[str, Any]:
        """
        Cancel an order.
        """
        ...

    async def fetch_order(
        self, id: str, symbol: str = ..., params: Mapping[str, Any] = ...
    ) -> dict[str, Any]:
        """
        Fetch one of the last 500 orders; *params* must have ``acknowledged``.
        """
        ...

    async def fetch_order_with_client_order_id(
        self, client_order_id: str, /, symbol: str = ..., params: Mapping[str, Any] = ...
    ) -> dict[str, Any]:
        """
        Fetch an order by its client order id, on Bybit only if *params* has it as ``orderLinkId``.
        """
        ...

    async def fetch_open_order(
        self, id: str, symbol: str = ..., params: Mapping[str, Any] = ...
    ) -> dict[str, Any]:
        """
        Fetch one order of the real-time list, open or recently closed.
        """
        ...

    async def fetch_closed_order(
        self, id: str, symbol: str = ..., params: Mapping[str, Any] = ...
    ) -> dict[str, Any]:
        """
        Fetch one filled order of the history.
        """
        ...

    async def fetch_open_orders(
        self,
        symbol: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: Mapping[str, Any] = ...,
    ) -> list[dict[str, Any]]:
        """
        Fetch the open orders.
        """
        ...

    async def fetch_canceled_and_closed_orders(
        self,
        symbol: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: Mapping[str, Any] = ...,
    ) -> list[dict[str, Any]]:
        """
        Fetch the order history.
        """
        ...

    async def fetch_my_trades(
        self,
        symbol: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: Mapping[str, Any] = ...,
    ) -> list[dict[str, Any]]:
        """
        Fetch executions, of type ``Trade`` unless *params* has another.
        """
        ...

    async def fetch_positions(
        self, symbols: Sequence[str] | None = ..., params: Mapping[str, Any] = ...
    ) -> list[dict[str, Any]]:
        """
        Fetch one page of positions.
        """
        ...

    async def fetch_position(self, symbol: str, params: Mapping[str, Any] = ...) -> dict[str, Any]:
        """
        Fetch the first position of a symbol.
        """
        ...

    async def fetch_balance(self, params: Mapping[str, Any] = ...) -> dict[str, Any]:
        """
        Fetch the wallet.
        """
        ...

    async def fetch_ticker(self, symbol: str, params: Mapping[str, Any] = ...) -> dict[str, Any]:
        """
        Fetch the prices of a symbol.
        """
        ...

    async def fetch_time(self, params: Mapping[str, Any] = ...) -> int:
        """
        Fetch the venue time in milliseconds.
        """
        ...

    async def set_leverage(
        self, leverage: int, symbol: str = ..., params: Mapping[str, Any] = ...
    ) -> dict[str, Any]:
        """
        Set the leverage of a symbol.
        """
        ...

    async def set_position_mode(
        self, *, hedged: bool, symbol: str | None = ..., params: Mapping[str, Any] = ...
    ) -> dict[str, Any]:
        """
        Switch between one-way and hedge mode.
        """
        ...

    async def close(self) -> None:
        """
        Release the connections.
        """
        ...

    async def __aenter__(self) -> Self:
        """
        Return the client, to be closed at the end of the block.
        """
        ...

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """
        Close the client.
        """
        ...


def bybit_client(url: str, *, number: Callable[[str], object] = str, **overrides: object) -> BybitClient:
    """
    Return the real ``ccxt.async_support.bybit``, configured for the simulated venue at *url*.

    Markets are limited to linear contracts; currencies, rate limit and retries are off; and the account is
    declared unified. So the client requests only what the simulation has. Use it in ``async with``, or close
    it.

    Args:
        url: The venue's URL.
        number: ccxt's number type; ``str`` keeps every digit, ``float`` is ccxt's default.
        overrides: Further entries of ccxt's configuration; ``options`` are merged.

    Raises:
        MissingExtra: ccxt is not installed.
    """
    try:
        import ccxt.async_support as ccxt
    except ModuleNotFoundError as error:
        if error.name != "ccxt":
            raise
        raise MissingExtra("ccxt", "ccxt") from error
    options: dict[str, object] = {
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
        "unifiedMarginStatus": 6,
        "fetchMarkets": {"types": ["linear"]},
        "maxRetriesOnFailure": 0,
        **cast("Mapping[str, object]", overrides.pop("options", {})),
    }
    configuration: dict[str, object] = {
        "apiKey": "simulated",
        "secret": "simulated",
        "enableRateLimit": False,
        "has": {"fetchCurrencies": False},
        "urls": {"api": dict.fromkeys(API_SECTIONS, url)},
        # No TLS on loopback: neither the certificates nor the wait for TLS to close are needed.
        "verify": False,
        "timeout_on_exit": 0,
        "number": number,
        **overrides,
        "options": options,
    }
    return cast("BybitClient", ccxt.bybit(cast("Any", configuration)))
