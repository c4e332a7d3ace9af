"""
A URL to a wired tracker; the adapter is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from poslife._batching import BatchingSink
from poslife._client_order_ids import ClientOrderIdFormat
from poslife._identifiers import Venue
from poslife._ledger import Timings
from poslife._tracker import PositionTracker
from poslife.errors import InvalidUrl
from poslife.protocols import (
    BatchWriter,
    Clock,
    Repository,
    SubmitClassifier,
    SubmitContext,
    SubmitVerdict,
)

__all__ = ["connect", "store_at"]


class _Store(Repository, BatchWriter, Protocol):
    """
    What every store of poslife is.
    """


def connect(
    url: str,
    *,
    classify: SubmitClassifier | None = None,
    clock: Clock | None = None,
    timings: Timings | None = None,
    client_order_ids: Mapping[Venue, ClientOrderIdFormat] | None = None,
) -> PositionTracker:
    """
    A tracker over the store at *url*, with a `BatchingSink` into the same store.

    Nothing is connected yet: that is done by ``async with tracker``. `PositionTracker.record` works at once.

    Args:
        url: ``sqlite:///bot.db`` (a path from here), ``sqlite:////var/lib/bot.db`` (from the root),
            ``postgresql://user@host/database`` or ``memory://``.
        classify: Tells a definitive refusal out of `submit` from everything else. By default exceptions of
            ccxt are told apart by `poslife.ccxt.classify`, and no other is a refusal.
        clock: Where time comes from.
        timings: How long things may take.
        client_order_ids: Formats for further venues, or other ones for those poslife knows.

    Raises:
        InvalidUrl: The URL is none of these.
        MissingExtra: ``postgresql://`` without asyncpg: ``pip install 'poslife[postgres]'``.
    """
    store = store_at(url, clock)
    return PositionTracker(
        repository=store,
        sink=BatchingSink(store, clock=clock),
        classify=classify_by_origin if classify is None else classify,
        clock=clock,
        timings=timings,
        client_order_ids=client_order_ids,
    )


def store_at(url: object, clock: Clock | None) -> _Store:
    if not isinstance(url, str):
        raise InvalidUrl(repr(url), "it is no text")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidUrl("…", f"it cannot be read as a URL ({error})") from error
    match parts.scheme:
        case "memory":
            from poslife.memory import MemoryStore

            if parts.netloc or parts.path or parts.query or parts.fragment:
                raise InvalidUrl(_without_password(url), "nothing comes after memory://")
            return MemoryStore(clock=clock)
        case "sqlite":
            from poslife.sqlite import SqliteStore

            return SqliteStore(_file_of(url, parts), clock=clock)
        case "postgresql" | "postgres":
            from poslife.postgres import PostgresStore

            return PostgresStore(url)
        case _:
            raise InvalidUrl(
                _without_password(url), f"there is no store for {parts.scheme or 'a URL without a scheme'!r}"
            )


def _file_of(url: str, parts: SplitResult) -> str:
    if parts.netloc:
        raise InvalidUrl(
            _without_password(url), "a file takes three slashes, sqlite:///bot.db, or four from the root"
        )
    if parts.query or parts.fragment:
        raise InvalidUrl(
            _without_password(url), "in a file's name a question mark is %3F and a number sign %23"
        )
    file = unquote(parts.path).removeprefix("/")
    if not file or file == ":memory:":
        raise InvalidUrl(url, "it names no file; for a store in memory use memory://")
    if "\x00" in file:
        raise InvalidUrl(url, "no file has a NUL in its name")
    return file


def _without_password(url: str) -> str:
    """
    The URL as a log may show it: no password before the host, and nothing of a query.
    """
    address, mark, _ = url.partition("?")
    before, at, after = address.rpartition("@")
    scheme, slashes, user = before.partition("://")
    if at and ":" in user:
        address = f"{scheme}{slashes}{user.partition(':')[0]}:…@{after}"
    return f"{address}?…" if mark else address


def classify_by_origin(error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
    """
    Exceptions of ccxt are told apart by `poslife.ccxt.classify`; every other leaves the order in doubt.
    """
    if any(kind.__module__.partition(".")[0] == "ccxt" for kind in type(error).__mro__):
        from poslife.ccxt import classify

        return classify(error, context)
    return SubmitVerdict.UNKNOWN
