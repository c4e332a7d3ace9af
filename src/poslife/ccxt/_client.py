"""
The edge to ccxt, which ships no types: what is asked of a client, and what it raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

import ccxt
import ccxt.async_support

from poslife._identifiers import Venue
from poslife.ccxt._fields import Raw
from poslife.errors import ConfigurationError, InvalidValue, VenueUnavailable

__all__ = ["CcxtClient", "asking", "edge", "markets_of", "require_no_retries", "require_readable"]

_RETRIES = ("maxRetriesOnFailure", "defaultMaxRetriesOnFailure")


class CcxtClient(Protocol):
    """
    What is asked of a ``ccxt.async_support`` client.
    """

    id: str
    markets: object
    number: object
    options: Mapping[str, object]

    def load_markets(self) -> Awaitable[object]: ...

    def fetch_order(self, id: str, symbol: str, params: Mapping[str, object], /) -> Awaitable[object]: ...

    def fetch_open_orders(
        self, symbol: str, since: None, limit: None, params: Mapping[str, object], /
    ) -> Awaitable[object]: ...

    def fetch_canceled_and_closed_orders(
        self, symbol: str, since: None, limit: None, params: Mapping[str, object], /
    ) -> Awaitable[object]: ...

    def fetch_my_trades(
        self, symbol: str | None, since: int | None, limit: int | None, params: Mapping[str, object], /
    ) -> Awaitable[object]: ...

    def fetch_positions(
        self, symbols: Sequence[str] | None, params: Mapping[str, object], /
    ) -> Awaitable[object]: ...


def edge(client: object) -> CcxtClient:
    """
    *client* with the types it has.

    Raises:
        ConfigurationError: It is one of ccxt's that waits without ``await``.
    """
    if isinstance(client, ccxt.Exchange) and not isinstance(client, ccxt.async_support.Exchange):
        raise ConfigurationError(
            f"{client.id} is a ccxt client that blocks: make it with ccxt.async_support.{client.id}"
        )
    return cast("CcxtClient", client)


def require_readable(client: CcxtClient) -> None:
    """
    Refuse a number type with which ccxt cannot read answers.

    Raises:
        ConfigurationError: It is neither text nor float.
    """
    if client.number is not str and client.number is not float:
        raise ConfigurationError(
            f"the client's number is {client.number!r}: ccxt reads sizes as None with it; "
            "use str (exact) or float"
        )


def require_no_retries(client: CcxtClient) -> None:
    """
    Refuse a client that repeats failed requests: submits would be sent twice.

    Raises:
        ConfigurationError: It does, for every request or for some path of the venue's.
    """
    for place, options in {"": client.options, **client.options}.items():
        if not isinstance(options, Mapping):
            continue
        for name in _RETRIES:
            retries = cast("Mapping[str, object]", options).get(name)
            if retries:
                where = f"options[{place!r}]" if place else "options"
                raise ConfigurationError(
                    f"the client's {where}[{name!r}] is {retries!r}: a submit that failed would be sent "
                    "again, and both may have been carried out; set it to 0"
                )


def markets_of(client: CcxtClient) -> Mapping[str, Raw]:
    """
    The markets that the client has loaded, by unified symbol.

    Raises:
        InvalidValue: It has loaded none.
    """
    markets = client.markets
    if not isinstance(markets, Mapping):
        raise InvalidValue("client.markets", markets, "markets: `await client.load_markets()` first")
    return cast("Mapping[str, Raw]", markets)


@contextmanager
def asking(venue: Venue, question: str) -> Generator[None]:
    """
    Nothing that a client raises is an answer.

    Raises:
        VenueUnavailable: It could not be asked, or its answer not be read.
    """
    try:
        yield
    except VenueUnavailable:
        raise
    except InvalidValue as error:
        raise VenueUnavailable(venue, question, f"the answer cannot be read: {error}") from error
    except Exception as error:
        # ccxt raises its own where a request fails, and anything at all from an answer of another shape.
        raise VenueUnavailable(venue, question, f"{type(error).__name__}: {error}") from error
