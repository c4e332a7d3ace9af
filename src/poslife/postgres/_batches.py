"""
Batches of host events over any connection, a host's with codecs of its own included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from poslife._domain.event_envelopes import EventHeader
from poslife._domain.identifiers import EventId
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import new_run_id
from poslife._trail.record_format import SALT_BYTES
from poslife.postgres._cells import cells_by_name, recordset
from poslife.postgres._copy_format import require_sound
from poslife.postgres._database import Session
from poslife.postgres._errors import translated
from poslife.postgres._statements import insertion
from poslife.protocols import EventRecord
from poslife.storage._columns import RUN_EVENTS
from poslife.storage._event_rows import run_event_row

__all__ = ["batch_of", "probe", "take_over", "write"]


_cells: Final = cells_by_name(RUN_EVENTS)


def batch_of(records: Sequence[EventRecord]) -> str:
    """
    Return the records as the text that `write` takes.

    Raises:
        StorageRejected: PostgreSQL would keep one in another form, or not at all.
    """
    require_sound(records)
    with translated():
        return recordset([_cells(run_event_row(record)) for record in records])


_WRITE: Final = f"{insertion('run_events', RUN_EVENTS, 1)} ON CONFLICT (event_id) DO NOTHING"


async def write(session: Session, batch: str) -> None:
    """
    Store the events of a batch that are not stored yet.
    """
    await session.fetch(_WRITE, batch)


# With the start of its transaction: a pool or a pooler may have given the backend to another client since.
_WHO: Final = """
SELECT format('%s %s %s', a.pid, extract(epoch FROM a.backend_start), extract(epoch FROM a.xact_start))
FROM pg_stat_get_activity(pg_backend_pid()) AS a
"""
_END: Final = """
SELECT pg_terminate_backend(a.pid, 1000)::text
FROM pg_stat_activity AS a
WHERE a.pid <> pg_backend_pid() AND $1::text
    = format('%s %s %s', a.pid, extract(epoch FROM a.backend_start), extract(epoch FROM a.xact_start))
"""


async def take_over(session: Session, former: str | None) -> str:
    """
    Terminate the backend *former* where its transaction still holds our events; return the current one.
    """
    if former is not None:
        await session.fetch(_END, former)
    return (await session.fetch(_WHO))[0]


async def probe(session: Session) -> None:
    """
    Store an event and roll it back to a savepoint, so that all but the commit is tried.
    """
    clock = SystemClock()
    now, run = clock.now(), new_run_id(clock)
    header = EventHeader(id=EventId(run), type="store.probed", occurred_at=now, run=run)
    record = EventRecord(header=header, recorded_at=now, sequence=1, payload=b"{}", salt=bytes(SALT_BYTES))
    await session.run("SAVEPOINT probe")
    await write(session, batch_of((record,)))
    await session.run("ROLLBACK TO SAVEPOINT probe")
