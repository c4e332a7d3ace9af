"""
The edge to ccxt, which ships no types: what is asked of a client, and what it raises.
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
    "asking",
    "edge",
    "markets_of",
    "require_a_list",
    "require_answers_are_kept",
    "require_no_retries",
    "require_readable",
]

_RETRIES = ("maxRetriesOnFailure", "defaultMaxRetriesOnFailure")


class CcxtClient(Protocol):
    """
    What is asked of a ``ccxt.async_support`` client.
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


def require_answers_are_kept(client: CcxtClient) -> None:
    """
    Refuse a client that forgets what it was sent: `require_a_list` needs it.

    Raises:
        ConfigurationError: It does.
    """
    if getattr(client, "enableLastHttpResponse", True) is not True:
        raise ConfigurationError(
            "the client's enableLastHttpResponse is off: without the venue's last answer an empty list "
            "cannot be told from a page that is none; leave it on, as ccxt has it"
        )


def require_a_list(client: CcxtClient, field: str) -> None:
    """
    After an answer without rows: check that the venue sent a list at all, or said null where one would be.

    ccxt takes a gateway's page with status 200, or ``{}``, for a list without rows. What was sent is read
    from the client, where a request that others make at this very moment may replace it: by a true answer,
    at worst, of a venue that answers.

    Raises:
        InvalidValue: It sent something else.
    """
    if not hasattr(client, "last_http_response"):
        return  # no client of ccxt's, but something that answers like one
    said: object = client.last_http_response
    try:
        read: object = json.loads(said) if isinstance(said, str) else None
    except ValueError:
        read = None
    if not isinstance(read, dict | list) or not _has_a_list(cast("object", read)):
        raise InvalidValue(field, said, "JSON with a list in it")


def _has_a_list(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_a_list(one) for one in cast("dict[str, object]", value).values())
    return value is None or isinstance(value, list)


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
