"""
The meaning of the driver's errors, as data: the first rule that fits, by type and then by SQLSTATE.
"""

from __future__ import annotations

import asyncio
import enum
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import asyncpg

__all__ = ["BY_SQLSTATE", "BY_TYPE", "Ruling", "Verdict", "ruling_of"]


class Verdict(enum.Enum):
    """
    The meaning of an error for the values written, and for the store.
    """

    ROW = "row"
    """A value is refused, and would be again."""
    HOLD = "hold"
    """The values are valid; an operator must repair the store."""
    BUSY = "busy"
    """Another transaction's lock, or a conflict of two transactions."""
    RETRY = "retry"
    """An outage, or an unknown error: retry later."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """
    A verdict, with advice for the operator.

    Attributes:
        verdict: The meaning of the error.
        ambiguous: The transaction may have been committed.
        advice: What an operator can do.
        tries: How often an event is tried before it becomes a dead letter.
    """

    verdict: Verdict
    ambiguous: bool = False
    advice: str | None = None
    tries: int = 1


_ROW: Final = Ruling(Verdict.ROW)
_BUSY: Final = Ruling(Verdict.BUSY)
_RETRY: Final = Ruling(Verdict.RETRY)
_DOUBT: Final = Ruling(Verdict.RETRY, ambiguous=True)


def _hold(advice: str) -> Ruling:
    return Ruling(Verdict.HOLD, advice=advice)


_POOLED: Final = Ruling(
    Verdict.RETRY,
    advice="prepared statements are lost behind a pooler of transactions: set statement_cache_size=0",
)

BY_SQLSTATE: Final[Mapping[str, Ruling]] = MappingProxyType(
    {
        "08": _DOUBT,
        "08004": _hold("the server does not let this role in: check user and pg_hba.conf"),
        # A statement planned before its table changed: a new connection plans it again.
        "0A": _RETRY,
        "22": _ROW,
        # Our binary cell has the type that the column had before.
        "22P03": _hold("a column's type was changed: open the store again to have the schema checked"),
        "23": _ROW,
        # An operator's foreign key, whose row may not be committed yet; poslife has none on events.
        "23503": Ruling(Verdict.ROW, tries=5),
        "25": _RETRY,
        "25006": _hold(
            "the server is read-only, perhaps a standby after a failover: point the DSN at the primary"
        ),
        "26": _POOLED,
        "28": _hold("check user and password, and pg_hba.conf"),
        # A COMMIT or ROLLBACK without a transaction: a defect of ours that leaves nothing in doubt.
        "3B": _RETRY,
        "3D": _hold("create the database first"),
        "3F": _hold("the schema is gone: open the store again to migrate"),
        "40": _RETRY,
        "40001": _BUSY,
        "40003": _DOUBT,
        "40P01": _BUSY,
        "42": _hold("the schema was changed: open the store again to have it checked"),
        "42501": _hold(
            "the owner of schema poslife must migrate, run poslife/postgres/grants.sql, and "
            "GRANT poslife_bot TO this role"
        ),
        "42703": _hold("a column is gone: open the store again to have the schema checked"),
        "42P01": _hold("a table is gone: open the store again to have the schema checked"),
        "42P05": _POOLED,
        "44": _ROW,
        "53": Ruling(Verdict.RETRY),
        # No RETRY: a probe's small row may still fit on the disk, and the batch would be bisected for it.
        "53100": _hold("the server's disk is full: make room; nothing was lost"),
        "53300": Ruling(
            Verdict.RETRY,
            advice="the server has no connection left: raise max_connections or make pools smaller",
        ),
        "54": _ROW,
        # Too many columns or arguments: a defect of ours, not of a value.
        "54011": _RETRY,
        "54023": _RETRY,
        # Locks are no outages, and no event is tried by itself for them.
        "55": _RETRY,
        "55006": _BUSY,
        "55P03": _BUSY,
        "57": _RETRY,
        "57P01": _DOUBT,
        "57P02": _DOUBT,
        "57P03": _DOUBT,
        "57P04": _hold("the database was dropped"),
        "58": _hold("the server cannot use its own files: look at its log"),
        # By poslife.append_only(). No statement of poslife's own asks for it: a trigger on an insertion may.
        "PL001": _hold("let no trigger or rule change events: only erase and purge of the store do"),
        # A trigger may refuse one row, or all.
        "P0": _hold("a trigger of yours refuses events"),
        "XX001": _hold("the server found its data corrupted: look at its log"),
        "XX002": _hold("the server found an index corrupted: REINDEX it"),
    }
)
"""
Rules by SQLSTATE, or by its class. An error without a rule is retried, and is ambiguous.
"""

BY_TYPE: Final[tuple[tuple[type[BaseException], Ruling], ...]] = (
    (asyncio.CancelledError, _DOUBT),
    (UnicodeError, _ROW),
    (
        ssl.SSLCertVerificationError,
        _hold("check the server's certificate, and host and sslrootcert in the DSN"),
    ),
    (ConnectionRefusedError, _RETRY),
    (OSError, _DOUBT),  # time-outs among them
    (asyncpg.exceptions.ClientConfigurationError, _hold("check the DSN")),
    # A defect of ours, such as a wrong argument, is among them: unlike an outage it lets a probe succeed.
    (asyncpg.InterfaceError, _DOUBT),
    (asyncpg.InternalClientError, _DOUBT),
)
"""
Rules for errors that do not come from the server.
"""

_CLIENT_SIDE: Final = _ROW
_POOL_CLOSED: Final = _hold("the host has closed the pool: make a store over another one")
_NO_TLS: Final = _hold("the DSN asks for TLS and the server has none: change one of them")
_NO_PARTITION: Final = _hold(
    "run_events has no partition for the event's time and no default one: open the store again"
)


def ruling_of(error: BaseException, *, row: int | None = None) -> Ruling:
    """
    Return the rule for an error.

    Args:
        error: The driver's exception.
        row: The row of a COPY that the server named, if it did: a trigger's error is about that row then.
    """
    if isinstance(error, asyncpg.PostgresError):
        return _of_server(error, row)
    if isinstance(error, asyncpg.InterfaceError) and "pool is clos" in str(error):
        return _POOL_CLOSED
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
        return _NO_TLS
    for kind, ruling in BY_TYPE:
        if isinstance(error, kind):
            return ruling
    return _DOUBT


def _of_server(error: asyncpg.PostgresError, row: int | None) -> Ruling:
    code = error.sqlstate or ""
    if isinstance(error, asyncpg.DataError) and error.severity is None:
        # The driver could not encode a value, and has sent nothing.
        return _CLIENT_SIDE
    if code == "23514" and error.constraint_name is None:
        # "No partition of relation found for row": it names no constraint, and no row is at fault.
        return _NO_PARTITION
    if code.startswith("P0") and row is not None:
        return _ROW
    return BY_SQLSTATE.get(code) or BY_SQLSTATE.get(code[:2]) or _DOUBT
