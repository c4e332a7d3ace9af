"""
Typed edge to ccxt, which ships no types: the methods called, checks of a client's settings, its errors.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

import ccxt
import ccxt.async_support

from poslife._domain.identifiers import Venue
from poslife.ccxt._fields import Raw
from poslife.errors import ConfigurationError, InvalidValue, VenueUnavailable

__all__ = [
    "CcxtClient",
    "markets_of",
    "require_async",
    "require_last_response_kept",
    "require_list_in_response",
    "require_no_retries",
    "require_number_type",
    "translate_errors",
]

_RETRIES = ("maxRetriesOnFailure", "defaultMaxRetriesOnFailure")


class CcxtClient(Protocol):
    """
    The part of a ``ccxt.async_support`` client that poslife uses.
    """

    id: str
    markets: object
    number: object
    options: Mapping[str, object]
    last_http_response: object

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


def require_async(client: object) -> CcxtClient:
    """
    Return *client*, typed.

    Raises:
        ConfigurationError: *client* is one of ccxt's blocking clients.
    """
    if isinstance(client, ccxt.Exchange) and not isinstance(client, ccxt.async_support.Exchange):
        raise ConfigurationError(
            f"expected an async client, got the blocking ccxt.{client.id}: "
            f"create it as ccxt.async_support.{client.id}"
        )
    return cast("CcxtClient", client)


def require_number_type(client: CcxtClient) -> None:
    """
    Check that ccxt can parse responses with the client's ``number`` type.

    Raises:
        ConfigurationError: ``number`` is neither ``str`` nor ``float``.
    """
    if client.number is not str and client.number is not float:
        raise ConfigurationError(
            f"the client's number is {client.number!r}, with which ccxt reads sizes as None: "
            "set it to str (exact) or float"
        )


def require_last_response_kept(client: CcxtClient) -> None:
    """
    Check that the client keeps the venue's last response, which `require_list_in_response` reads.

    Raises:
        ConfigurationError: ``enableLastHttpResponse`` is off.
    """
    if getattr(client, "enableLastHttpResponse", True) is not True:
        raise ConfigurationError(
            "the client's enableLastHttpResponse is off: without the venue's last response an empty list "
            "cannot be distinguished from an error page; leave it on, which is ccxt's default"
        )


def require_list_in_response(client: CcxtClient, field: str) -> None:
    """
    Check, after a result without rows, that the venue's response contains a list, or null in place of one.

    ccxt parses an error page with status 200, or ``{}``, as an empty list. The response is read from the
    client, where a concurrent request of the host may have replaced it: at worst by a valid response of the
    same venue.

    Raises:
        InvalidValue: The response contains no list.
    """
    if not hasattr(client, "last_http_response"):
        return  # not a client of ccxt, but a stand-in with its methods
    response: object = client.last_http_response
    try:
        parsed: object = json.loads(response) if isinstance(response, str) else None
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict | list) or not _contains_list(cast("object", parsed)):
        raise InvalidValue(field, response, "JSON that contains a list")


def _contains_list(value: object) -> bool:
    if isinstance(value, dict):
        return any(_contains_list(one) for one in cast("dict[str, object]", value).values())
    return value is None or isinstance(value, list)


def require_no_retries(client: CcxtClient) -> None:
    """
    Check that the client does not retry failed requests: it would send a submit twice.

    Raises:
        ConfigurationError: It retries every request, or those to one path of the venue.
    """
    for place, options in {"": client.options, **client.options}.items():
        if not isinstance(options, Mapping):
            continue
        for name in _RETRIES:
            retries = cast("Mapping[str, object]", options).get(name)
            if retries:
                scope = f"options[{place!r}]" if place else "options"
                raise ConfigurationError(
                    f"the client's {scope}[{name!r}] is {retries!r}: a failed submit would be sent again, "
                    "and both may be executed; set it to 0"
                )


def markets_of(client: CcxtClient) -> Mapping[str, Raw]:
    """
    Return the markets that the client has loaded, by unified symbol.

    Raises:
        InvalidValue: No markets are loaded.
    """
    markets = client.markets
    if not isinstance(markets, Mapping):
        raise InvalidValue(
            "client.markets", markets, "the loaded markets", hint="call `await client.load_markets()` first"
        )
    return cast("Mapping[str, Raw]", markets)


@contextmanager
def translate_errors(venue: Venue, question: str) -> Generator[None]:
    """
    Raise every exception of the block as `VenueUnavailable`: an error is never an answer.

    Raises:
        VenueUnavailable: The venue could not be asked, or its response could not be read.
    """
    try:
        yield
    except VenueUnavailable:
        raise
    except InvalidValue as error:
        raise VenueUnavailable(venue, question, f"the answer cannot be read: {error}") from error
    except Exception as error:
        # ccxt raises its own exceptions for a failed request, but any exception for an unexpected response.
        raise VenueUnavailable(venue, question, f"{type(error).__name__}: {error}") from error
