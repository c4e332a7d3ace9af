"""
`connect`: from a URL to a tracker with its store, sink and journal.

An adapter is imported only when a URL names it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from poslife._domain.client_order_ids import ClientOrderIdFormat
from poslife._domain.identifiers import Venue
from poslife._sink import BatchingSink
from poslife._tracker.timings import Timings
from poslife._tracker.tracker import PositionTracker
from poslife.errors import InvalidUrl, StoreNotFound
from poslife.journal import FileJournal, default_journal_directory
from poslife.protocols import Clock, EventSink, Journal, Store, SubmitClassifier, SubmitContext, SubmitVerdict

__all__ = ["SinkFactory", "connect", "store_at"]


SinkFactory = Callable[[Store, Journal | None], EventSink]
"""
A function that makes the sink of a store; the journal for its events is ``None`` for a store in memory.
"""


def connect(
    url: str,
    *,
    classify: SubmitClassifier | None = None,
    clock: Clock | None = None,
    timings: Timings | None = None,
    client_order_ids: Mapping[Venue, ClientOrderIdFormat] | None = None,
    journal: Journal | str | os.PathLike[str] | None = None,
    sink: SinkFactory | None = None,
    host_version: str | None = None,
    configuration: Mapping[str, object] | None = None,
) -> PositionTracker:
    """
    Return a tracker with the store at *url* and a `BatchingSink` into the same store.

    It connects to nothing: ``async with tracker`` does. `PositionTracker.record` works at once: when it
    returns, the event is in the journal and survives the death of the process.

    Args:
        url: ``sqlite:///bot.db`` (relative), ``sqlite:////var/lib/bot.db`` (absolute),
            ``postgresql://user@host/database`` or ``memory://``.
        classify: Tells a definitive refusal of an order from every other exception of `submit`. *Default*:
            `poslife.ccxt.classify` for exceptions of ccxt; no other exception is a refusal.
        clock: The source of time. *Default*: the system's clock.
        timings: Time limits and intervals. *Default*: ``Timings()``.
        client_order_ids: Formats for further venues, or instead of those that poslife knows.
        journal: A journal, or the directory of one, where events wait until they are stored. *Default*:
            beside an SQLite file (``bot.db-events``); for PostgreSQL `default_journal_directory`, by host and
            database; none for ``memory://``.
        sink: A function that makes another sink: one that folds, one with further writers. *Default*:
            ``lambda store, journal: BatchingSink(store, journal=journal)``.
        host_version: The host's own version, at most 255 characters, for the manifest that `run.started`
            stores.
        configuration: The host's configuration, nested as JSON is: of it the manifest has a SHA-256 alone,
            whatever the order of its keys. Values under the names of secrets do not count.

    Raises:
        InvalidValue: *host_version* is no such text, or *configuration* holds a value that JSON cannot.
            Nothing was written.
        InvalidUrl: *url* is none of these.
        MissingExtra: *url* is ``postgresql://`` and asyncpg is not installed.
    """
    store = store_at(url, clock)
    chosen_journal = _journal_at(url) if journal is None else _journal(journal)
    return PositionTracker(
        repository=store,
        sink=(
            BatchingSink(store, journal=chosen_journal, clock=clock)
            if sink is None
            else sink(store, chosen_journal)
        ),
        classify=classify_by_origin if classify is None else classify,
        clock=clock,
        timings=timings,
        client_order_ids=client_order_ids,
        host_version=host_version,
        configuration=configuration,
    )


def _journal(journal: Journal | str | os.PathLike[str]) -> Journal:
    return FileJournal(journal) if isinstance(journal, str | os.PathLike) else journal


def _journal_at(url: str) -> Journal | None:
    """
    Return the default journal for the store at *url*, which `store_at` has accepted.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "memory":
            return None
        case "sqlite":
            return FileJournal(f"{_file_of(url, parts)}-events")
        case _:
            # Only a name, the same at each start: so several hosts, or one in the query, need no care.
            host = parts.netloc.rpartition("@")[2] or "local"
            return FileJournal(default_journal_directory(f"{host}{parts.path}".replace("/", "-")))


def store_at(url: object, clock: Clock | None, *, reads_only: bool = False) -> Store:
    """
    Return the store at *url*, not opened.

    Raises:
        InvalidUrl: *url* names no store.
        StoreNotFound: *reads_only*, and *url* is ``memory://``.
        MissingExtra: The store's library is not installed.
    """
    if not isinstance(url, str):
        raise InvalidUrl(repr(url), f"expected a str, got {type(url).__name__}")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        # Not shown: where the password ends cannot be known.
        raise InvalidUrl("…", f"cannot be parsed as a URL: {error}") from error
    match parts.scheme:
        case "memory":
            from poslife.memory import MemoryStore

            if parts.netloc or parts.path or parts.query or parts.fragment:
                raise InvalidUrl(_without_password(url), "nothing may follow memory://")
            if reads_only:
                raise StoreNotFound(url, "a store in memory can be read by the process that made it alone")
            return MemoryStore(clock=clock)
        case "sqlite":
            from poslife.sqlite import SqliteStore

            return SqliteStore(_file_of(url, parts), clock=clock, reads_only=reads_only)
        case "postgresql" | "postgres":
            from poslife.postgres import PostgresStore

            return PostgresStore(url, reads_only=reads_only)
        case _:
            scheme = f"the scheme {parts.scheme!r}" if parts.scheme else "a URL without a scheme"
            raise InvalidUrl(_without_password(url), f"there is no store for {scheme}")


def _file_of(url: str, parts: SplitResult) -> str:
    if parts.netloc:
        raise InvalidUrl(
            _without_password(url), "a file takes three slashes, or four if its path is absolute"
        )
    if parts.query or parts.fragment:
        raise InvalidUrl(
            _without_password(url), "a question mark in a file's name is written %3F, a number sign %23"
        )
    file = unquote(parts.path).removeprefix("/")
    if not file or file == ":memory:":
        raise InvalidUrl(url, "names no file; for a store in memory use memory://")
    if "\x00" in file:
        raise InvalidUrl(url, "a file's name cannot have a NUL")
    return file


def _without_password(url: str) -> str:
    """
    Return *url* for a log: without the password before the host, and without the query.
    """
    address, mark, _ = url.partition("?")
    before, at, after = address.rpartition("@")
    scheme, slashes, user = before.partition("://")
    if at and ":" in user:
        address = f"{scheme}{slashes}{user.partition(':')[0]}:…@{after}"
    return f"{address}?…" if mark else address


def classify_by_origin(error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
    """
    Return the verdict of `poslife.ccxt.classify` if ccxt is in use, and UNKNOWN otherwise.

    It classifies an exception of ccxt, and one that was raised from an exception of ccxt.
    """
    if "ccxt.base.errors" in sys.modules:
        from poslife.ccxt import classify

        return classify(error, context)
    return SubmitVerdict.UNKNOWN
