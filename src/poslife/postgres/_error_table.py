"""
What each of the driver's errors means, as data: the first rule that fits, by type and then by SQLSTATE.
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
    What an error says of what was written, and of the store.
    """

    ROW = "row"
    """A value is refused, and will be again."""
    HOLD = "hold"
    """Nothing is wrong with the values; somebody must put the store right."""
    BUSY = "busy"
    """Somebody else's lock, or the bad luck of two at once."""
    RETRY = "retry"
    """An outage, or nobody knows: again, later."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """
    A verdict, and whether what was sent may have been committed all the same.

    Attributes:
        verdict: What it says.
        ambiguous: Whether it may have been committed.
        advice: What somebody can do.
        tries: How often events are tried before a refusal is believed.
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
    Verdict.RETRY, advice="behind a pooler of transactions no statement is kept: statement_cache_size=0"
)

BY_SQLSTATE: Final[Mapping[str, Ruling]] = MappingProxyType(
    {
        "08": _DOUBT,
        "08004": _hold("the server does not let this role in: check user and pg_hba.conf"),
        # A statement that was planned for a table as it was: a new connection, at once, plans it anew.
        "0A": _RETRY,
        "22": _ROW,
        # Our own bytes, of the type that the column had.
        "22P03": _hold("a column has another type by now: open the store again to have the schema checked"),
        "23": _ROW,
        # A foreign key of somebody's, whose row may not be committed yet; ours have none.
        "23503": Ruling(Verdict.ROW, tries=5),
        "25": _RETRY,
        "25006": _hold(
            "the server is read-only, perhaps a standby after a failover: point the DSN at the primary"
        ),
        "26": _POOLED,
        "28": _hold("check user and password, and pg_hba.conf"),
        # An end of a transaction that there is none of: our own fault, and nothing is in doubt.
        "3B": _RETRY,
        "3D": _hold("create the database first"),
        "3F": _hold("the schema is gone: open the store again to migrate"),
        "40": _RETRY,
        "40001": _BUSY,
        "40003": _DOUBT,
        "40P01": _BUSY,
        "42": _hold("the schema is not as it was: open the store again to have it checked"),
        "42501": _hold("grant this role what poslife needs in schema poslife, as the role that migrated it"),
        "42703": _hold("a column is gone: open the store again to have the schema checked"),
        "42P01": _hold("a table is gone: open the store again to have the schema checked"),
        "42P05": _POOLED,
        "44": _ROW,
        "53": Ruling(Verdict.RETRY),
        # Not repeated as an outage is: a probe's small row may still fit, and would make a batch the suspect.
        "53100": _hold("the server's disk is full: make room; nothing was lost"),
        "53300": Ruling(
            Verdict.RETRY,
            advice="the server has no connection left: raise max_connections or make pools smaller",
        ),
        "54": _ROW,
        # Too many columns or arguments: our own fault, and no value's.
        "54011": _RETRY,
        "54023": _RETRY,
        # Locks, and not outages: no event is suspected for them.
        "55": _RETRY,
        "55006": _BUSY,
        "55P03": _BUSY,
        "57": _RETRY,
        "57P01": _DOUBT,
        "57P02": _DOUBT,
        "57P03": _DOUBT,
        "57P04": _hold("the database was dropped"),
        "58": _hold("the server cannot use its own files: look at its log"),
        # What a trigger raises may be meant for one row, or for all.
        "P0": _hold("a trigger of yours refuses events"),
        "XX001": _hold("the server found its data corrupted: look at its log"),
        "XX002": _hold("the server found an index corrupted: REINDEX it"),
    }
)
"""
By the whole SQLSTATE, and else by its class. What is not here is retried, in doubt.
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
    # Also where it is our own fault, an argument too many: a probe that succeeds tells that from an outage.
    (asyncpg.InterfaceError, _DOUBT),
    (asyncpg.InternalClientError, _DOUBT),
)
"""
What no server said.
"""

_CLIENT_SIDE: Final = _ROW
_POOL_CLOSED: Final = _hold("whoever lent the pool has closed it: lend another one")
_NO_TLS: Final = _hold("the server takes no TLS, and the DSN asks for it: put right one of them")
_NO_PARTITION: Final = _hold("a partition of run_events is gone, and the default one: open the store again")


def ruling_of(error: BaseException, *, row: int | None = None) -> Ruling:
    """
    The rule that fits.

    Args:
        error: What the driver raised.
        row: The row of a COPY that the server named, where it did: then a trigger's word is of that row.
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
        # The driver's own: it could not encode a value, and the server was not asked.
        return _CLIENT_SIDE
    if code == "23514" and error.constraint_name is None:
        # "No partition of relation found for row": no constraint is named, and no row is to blame.
        return _NO_PARTITION
    if code.startswith("P0") and row is not None:
        return _ROW
    return BY_SQLSTATE.get(code) or BY_SQLSTATE.get(code[:2]) or _DOUBT
