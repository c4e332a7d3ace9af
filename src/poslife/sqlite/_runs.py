"""
Runs and their leases.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, cast
from uuid import UUID

from poslife._domain.identifiers import RunId
from poslife.errors import RunLost
from poslife.protocols import Clock, NewRun, Page, Run
from poslife.protocols._pages import page_of
from poslife.sqlite._cells import Cell, time_of, time_text
from poslife.sqlite._session import Session

__all__ = ["IS_LEASED", "end_run", "is_any_lost", "list_runs", "note_lost_runs", "renew_run", "start_run"]

_RUN: Final = """
SELECT
    id, machine, pid, process_started, started_at, lease_until,
    ended_at IS NOT NULL OR lost_at IS NOT NULL AS ended
FROM runs
"""


def _run_of(row: Sequence[Cell]) -> Run:
    # The table is STRICT: its cells have the types of its columns.
    run, machine, pid, process_started, started_at, lease_until, ended = cast(
        "tuple[str, str, int, str, str, str, int]", tuple(row)
    )
    return Run(
        id=RunId(UUID(run)),
        machine=machine,
        pid=pid,
        process_started=process_started,
        started_at=time_of(started_at),
        lease_until=time_of(lease_until),
        ended=bool(ended),
    )


_IS_ANY_LOST: Final = """
SELECT 1 FROM runs WHERE ended_at IS NULL AND lost_at IS NULL AND lease_until <= ? LIMIT 1
"""

_NOTE_LOST: Final = """
UPDATE runs SET lost_at = ? WHERE ended_at IS NULL AND lost_at IS NULL AND lease_until <= ?
"""


def is_any_lost(session: Session, clock: Clock) -> bool:
    """
    Tell if there is a run whose lease has run out and that is not marked as lost.
    """
    return session.row(_IS_ANY_LOST, time_text(clock.now())) is not None


def note_lost_runs(session: Session, clock: Clock) -> None:
    """
    Mark the runs whose lease has run out as lost, so that they stay lost if the clock goes back.
    """
    with session.writing():
        now = time_text(clock.now())
        session.run(_NOTE_LOST, (now, now))


_START: Final = """
INSERT INTO runs (id, machine, pid, process_started, started_at, lease_until) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""


def start_run(session: Session, run: NewRun, clock: Clock) -> Run:
    with session.writing():
        now = clock.now()
        session.run(_NOTE_LOST, (time_text(now), time_text(now)))
        until = now + timedelta(seconds=run.lease)
        session.run(
            _START,
            (str(run.id), run.machine, run.pid, run.process_started, time_text(now), time_text(until)),
        )
        started = _find(session, run.id)
    if started is None or started.ended:
        raise RunLost(run.id)
    return started


def _find(session: Session, run: RunId) -> Run | None:
    row = session.row(f"{_RUN} WHERE id = ?", str(run))
    return None if row is None else _run_of(row)


_RENEW: Final = """
UPDATE runs SET lease_until = ? WHERE id = ? AND ended_at IS NULL AND lost_at IS NULL
"""


def renew_run(session: Session, run: RunId, lease: float, clock: Clock) -> Run:
    with session.writing():
        now = clock.now()
        session.run(_NOTE_LOST, (time_text(now), time_text(now)))
        until = now + timedelta(seconds=lease)
        renewed = session.run(_RENEW, (time_text(until), str(run)))
        found = _find(session, run)
    if found is None or not renewed:
        raise RunLost(run)
    return found


_END: Final = "UPDATE runs SET ended_at = ? WHERE id = ? AND ended_at IS NULL"


def end_run(session: Session, run: RunId, clock: Clock) -> None:
    with session.writing():
        session.run(_END, (time_text(clock.now()), str(run)))


# By the clock, too: a store that only reads does not mark a run as lost.
_LIST: Final = f"""
SELECT id, machine, pid, process_started, started_at, lease_until, ended OR lease_until <= ?
FROM ({_RUN} WHERE ended_at IS NULL AND id > ?) ORDER BY id LIMIT ?
"""  # noqa: S608 - of constants


def list_runs(session: Session, after: UUID, limit: int, now: datetime) -> Page[Run]:
    runs = [_run_of(row) for row in session.rows(_LIST, time_text(now), str(after), limit + 1)]
    return page_of([(str(run.id), run) for run in runs], limit)


IS_LEASED: Final = """
SELECT 1 FROM runs WHERE id = ? AND ended_at IS NULL AND lost_at IS NULL AND lease_until > ?
"""
"""
A query with a row if a run holds its lease at a time.
"""
