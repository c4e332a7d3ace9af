"""
Committing a change, or several of different positions, in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from poslife._domain.changes import Change, Committed
from poslife._domain.commit_checks import Heads, require_found, require_settlement, require_versions
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import ClosedPosition
from poslife._runtime.salts import Salts
from poslife._trail.encoding import fingerprint
from poslife.errors import PoslifeError, RunLost, StorageBusy, StorageRejected, StorageUnavailable
from poslife.postgres._conflicts import CONTESTED, explain
from poslife.postgres._database import Database, Session
from poslife.postgres._epochs import AnotherServer, keep_epoch, require_same_server
from poslife.postgres._ground import Ground, first_result, lock_unassigned, read_heads, take_ground
from poslife.postgres._reads import read_positions
from poslife.postgres._written import write_changes

__all__ = ["NotTogether", "commit", "commit_together"]

_TRIES: Final = 10


class _MovedMeanwhile(StorageBusy):
    """
    A position appeared between reading the heads and writing.
    """


async def commit(database: Database, change: Change) -> Committed:
    """
    Commit one change, or return its first result.
    """
    mark = fingerprint(change).hex()

    async def attempt(session: Session) -> Committed:
        ground = await take_ground(session, (change,), (mark,))
        if not ground.registered:
            return await first_result(session, change, mark)
        require_same_server(database, ground.server)
        (committed,) = await _attempt(session, (change,), ground, database.salts)
        return committed

    for _ in range(_TRIES):
        try:
            return await database.transact(attempt, first=lock_unassigned((change,)))
        except _MovedMeanwhile:
            continue
        except AnotherServer:
            await keep_epoch(database)
        except StorageRejected as refusal:
            if refusal.constraint not in CONTESTED:
                raise
            # The position or fill in the way may be gone when it is looked up: then the commit is retried.
            await database.transact(lambda session: explain(session, change))
    raise StorageBusy(f"the positions of change {change.id} were taken and released {_TRIES} times meanwhile")


class NotTogether(Exception):
    """
    None of several changes was committed, since one of them needs an answer of its own.
    """


async def commit_together(database: Database, changes: Sequence[Change]) -> list[Committed]:
    """
    Commit changes of different positions in one transaction.

    Raises:
        NotTogether: One of them is refused, was committed before, or met a lock.
        StorageUnavailable: They may be committed or not: repeat each.
    """

    async def attempt(session: Session) -> list[Committed]:
        marks = [fingerprint(change).hex() for change in changes]
        ground = await take_ground(session, changes, marks)
        if not ground.registered:
            raise NotTogether
        require_same_server(database, ground.server)
        return await _attempt(session, changes, ground, database.salts)

    try:
        return await database.transact(attempt, first=lock_unassigned(changes))
    except StorageBusy as error:
        raise NotTogether from error
    except StorageUnavailable:
        raise
    except PoslifeError as error:
        raise NotTogether from error


async def _attempt(
    session: Session, changes: Sequence[Change], ground: Ground, salts: Salts
) -> list[Committed]:
    for change in changes:
        if change.needs_lease and not ground.leased:
            raise RunLost(change.run)
    heads = ground.heads
    transitions = [transition for change in changes for transition in change.transitions]
    if any(transition.version > 1 and transition.ref not in heads for transition in transitions):
        # The statement's snapshot is older than its wait for an earlier attempt.
        heads = await read_heads(session, changes)
    for change in changes:
        await _check(session, change, heads)
    ids = await write_changes(session, changes, heads, ground.unassigned, salts)
    if len(ids) != len(transitions):
        raise _MovedMeanwhile(f"a position of change {changes[0].id} appeared meanwhile")
    return [
        Committed(
            change_id=change.id,
            positions=tuple(transition.result(ids[transition.ref]) for transition in change.transitions),
        )
        for change in changes
    ]


async def _check(session: Session, change: Change, heads: Heads) -> None:
    """
    Make the three checks, each over the whole change before the next.
    """
    require_found(change.transitions, heads)
    closed = [
        ref for ref, head in heads.items() if head.status is PositionStatus.CLOSED and ref in change.refs
    ]
    if closed:
        positions = await read_positions(session, closed)
        for transition in change.transitions:
            if isinstance(position := positions.get(transition.ref), ClosedPosition):
                require_settlement(transition, position)
    require_versions(change.transitions, heads)
