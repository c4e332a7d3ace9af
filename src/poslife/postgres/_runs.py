"""
Runs and their leases, by the database's clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypedDict
from uuid import UUID

import msgspec

from poslife._domain.identifiers import RunId
from poslife.errors import RunLost
from poslife.postgres._database import Session
from poslife.protocols import NewRun, Page, Run
from poslife.protocols._pages import page_of

__all__ = ["end_run", "list_runs", "renew_run", "start_run"]


class _RunCells(TypedDict):
    id: UUID
    machine: str
    pid: int
    process_started: str
    started_at: datetime
    lease_until: datetime
    ended: bool


_decoder: Final = msgspec.json.Decoder(_RunCells)


def _run_of(text: str) -> Run:
    row = _decoder.decode(text)
    return Run(
        id=RunId(row["id"]),
        machine=row["machine"],
        pid=row["pid"],
        process_started=row["process_started"],
        started_at=row["started_at"],
        lease_until=row["lease_until"],
        ended=row["ended"],
    )


_RUN: Final = """
SELECT json_build_object(
    'id', r.id, 'machine', r.machine, 'pid', r.pid, 'process_started', r.process_started,
    'started_at', r.started_at, 'lease_until', r.lease_until,
    'ended', r.ended_at IS NOT NULL OR r.lost_at IS NOT NULL OR r.lease_until <= clock_timestamp()
)::text
FROM poslife.runs AS r
"""

_START: Final = """
INSERT INTO poslife.runs (id, machine, pid, process_started, started_at, lease_until)
SELECT
    $1::text::uuid, $2::text, $3::text::integer, $4::text, moment,
    moment + $5::text::interval
FROM clock_timestamp() AS moment
ON CONFLICT (id) DO NOTHING
"""

_READ: Final = f"{_RUN} WHERE r.id = $1::text::uuid"


async def start_run(session: Session, run: NewRun) -> Run:
    """
    Start a run with its lease, or return the run where it was started before.
    """
    await session.fetch(
        _START, str(run.id), run.machine, str(run.pid), run.process_started, _interval(run.lease)
    )
    row = await session.fetch_one(_READ, str(run.id))
    if row is None or (started := _run_of(row)).ended:
        raise RunLost(run.id)
    return started


# A run whose lease has expired is marked as lost, so that it stays lost if the server's clock goes back.
_RENEW: Final = """
WITH moment AS MATERIALIZED (
    SELECT clock_timestamp() AS now
), renewed AS (
    UPDATE poslife.runs AS r
    SET lease_until = CASE
            WHEN r.lost_at IS NULL AND r.lease_until > m.now THEN m.now + $2::text::interval
            ELSE r.lease_until
        END,
        lost_at = CASE
            WHEN r.lost_at IS NULL AND r.lease_until > m.now THEN NULL
            ELSE coalesce(r.lost_at, m.now)
        END
    FROM moment AS m
    WHERE r.id = $1::text::uuid AND r.ended_at IS NULL
    RETURNING r.*
)
SELECT json_build_object(
    'id', r.id, 'machine', r.machine, 'pid', r.pid, 'process_started', r.process_started,
    'started_at', r.started_at, 'lease_until', r.lease_until, 'ended', r.lost_at IS NOT NULL
)::text
FROM renewed AS r
"""


async def renew_run(session: Session, run: RunId, lease: float) -> Run | None:
    """
    Renew a lease and return the run, or ``None`` where it is lost, which is to be committed too.
    """
    row = await session.fetch_one(_RENEW, str(run), _interval(lease))
    renewed = None if row is None else _run_of(row)
    return None if renewed is None or renewed.ended else renewed


_END: Final = """
UPDATE poslife.runs SET ended_at = clock_timestamp() WHERE id = $1::text::uuid AND ended_at IS NULL
"""


async def end_run(session: Session, run: RunId) -> None:
    """
    End a run.
    """
    await session.fetch(_END, str(run))


_LIST: Final = f"""
{_RUN}
WHERE r.ended_at IS NULL AND r.id > $1::text::uuid
ORDER BY r.id
LIMIT $2::text::bigint
"""


async def list_runs(session: Session, after: UUID, limit: int) -> Page[Run]:
    """
    Return the page of runs that were not ended, after the id *after*.
    """
    rows = await session.fetch(_LIST, str(after), str(limit + 1))
    runs = [_run_of(row) for row in rows]
    return page_of([(str(run.id), run) for run in runs], limit)


def _interval(seconds: float) -> str:
    return f"{seconds!r} seconds"
