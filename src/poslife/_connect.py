"""
A URL to a wired tracker; the adapter is imported when it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from poslife._domain.client_order_ids import ClientOrderIdFormat
from poslife._domain.identifiers import Venue
from poslife._sink import BatchingSink
from poslife._tracker.committing import Timings
from poslife._tracker.tracker import PositionTracker
from poslife.errors import InvalidUrl
from poslife.journal import FileJournal, default_journal_directory
from poslife.protocols import Clock, EventSink, Journal, Store, SubmitClassifier, SubmitContext, SubmitVerdict

__all__ = ["SinkFactory", "connect", "file_at", "store_at"]


SinkFactory = Callable[[Store, Journal | None], EventSink]
"""
Makes the sink of a store, given the journal it is to keep events in; ``None`` for a store in memory.
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
) -> PositionTracker:
    """
    A tracker over the store at *url*, with a `BatchingSink` into the same store.

    Nothing is connected yet: that is done by ``async with tracker``. `PositionTracker.record` works at once:
    what it is given is in the journal when it returns, and survives the death of the process.

    Args:
        url: ``sqlite:///bot.db`` (a path from here), ``sqlite:////var/lib/bot.db`` (from the root),
            ``postgresql://user@host/database`` or ``memory://``.
        classify: Tells a definitive refusal out of `submit` from everything else. By default exceptions of
            ccxt are told apart by `poslife.ccxt.classify`, and no other is a refusal.
        clock: Where time comes from.
        timings: How long things may take.
        client_order_ids: Formats for further venues, or other ones for those poslife knows.
        journal: The directory where events wait until they are stored, or a journal. By default it is beside
            an SQLite file (``bot.db-events``), for PostgreSQL where the platform keeps a program's state
            (`default_journal_directory`, by host and database), and there is none for ``memory://``.
        sink: Makes another sink of the store and the journal: one that folds, one with further writers.
            *Default*: ``lambda store, journal: BatchingSink(store, journal=journal)``.

    Raises:
        InvalidUrl: The URL is none of these.
        MissingExtra: ``postgresql://`` without asyncpg: ``pip install 'poslife[postgres]'``.
    """
    store = store_at(url, clock)
    kept_in = _journal_at(url) if journal is None else _journal(journal)
    return PositionTracker(
        repository=store,
        sink=BatchingSink(store, journal=kept_in, clock=clock) if sink is None else sink(store, kept_in),
        classify=classify_by_origin if classify is None else classify,
        clock=clock,
        timings=timings,
        client_order_ids=client_order_ids,
    )


def _journal(journal: Journal | str | os.PathLike[str]) -> Journal:
    return FileJournal(journal) if isinstance(journal, str | os.PathLike) else journal


def _journal_at(url: str) -> Journal | None:
    """
    The journal for the store at a URL that `store_at` took.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "memory":
            return None
        case "sqlite":
            return FileJournal(f"{_file_of(url, parts)}-events")
        case _:
            # Several hosts, or one in the query, make no difference: it is a name, the same at each start.
            where = parts.netloc.rpartition("@")[2] or "local"
            return FileJournal(default_journal_directory(f"{where}{parts.path}".replace("/", "-")))


def file_at(url: str) -> Path | None:
    """
    The file of the store at a URL that `store_at` took, where it has one.
    """
    parts = urlsplit(url)
    return Path(_file_of(url, parts)) if parts.scheme == "sqlite" else None


def store_at(url: object, clock: Clock | None) -> Store:
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
