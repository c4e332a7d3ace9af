"""
Recovery: take over the orders of ended runs, then settle those in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from poslife._domain import order_steps
from poslife._domain.identifiers import RunId
from poslife._domain.plans import Plan
from poslife._domain.positions import Position
from poslife._runtime.process import is_certainly_dead
from poslife._tracker.apply_fills import FillApplier
from poslife._tracker.committing import Committer
from poslife._tracker.doubts import DoubtSettler, StillInDoubt
from poslife._tracker.steps import Steps
from poslife.protocols import Run, VenueSource
from poslife.protocols._pages import every_item

__all__ = ["Recovery", "recover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """
    The result of a recovery.

    Attributes:
        taken_over: The positions of which orders of ended runs were taken over, as they were then.
        settled: The positions whose orders were looked up and are no longer in doubt, as they are now.
        still_in_doubt: The orders that are; their keys take no new entry.
        living_runs: The other runs that have not ended; their orders were left alone. A bot that was
            restarted on another machine or in another container finds its former run here until that lease
            has run out.
    """

    taken_over: tuple[Position, ...]
    settled: tuple[Position, ...]
    still_in_doubt: tuple[StillInDoubt, ...]
    living_runs: tuple[Run, ...]


async def recover(
    committer: Committer, steps: Steps, fills: FillApplier, sources: Sequence[VenueSource]
) -> Recovery:
    """
    Take over the orders of ended runs, and look up at *sources* what is in doubt or was left working.

    Openings are possible once the orders are taken over.

    Raises:
        VenueUnavailable: A venue could not be asked about one order or more; those stay as they are.
        StorageUnavailable: The store did not answer in time.
    """
    repository = committer.repository
    taken_over = await _take_over(committer)
    committer.life.has_recovered = True
    in_doubt = [position async for position in every_item(repository.list_in_doubt)]
    settler = DoubtSettler(committer, steps, fills, sources)
    await settler.settle(tuple(dict.fromkeys(position.ref for position in (*taken_over, *in_doubt))))
    return Recovery(
        taken_over=taken_over,
        settled=tuple(settler.settled),
        still_in_doubt=tuple(settler.still_in_doubt),
        living_runs=tuple(run for run in await _living_runs(committer) if run.id != committer.life.id),
    )


async def _take_over(committer: Committer) -> tuple[Position, ...]:
    """
    Take over the orders of ended runs: prepared ones are abandoned, submitting ones are in doubt.
    """
    await _end_dead_runs(committer)

    async def step(position: Position, _: object) -> Plan:
        # Read after the position: an order of a run that has started since is of a later version.
        alive = frozenset[RunId]([run.id for run in await _living_runs(committer)])
        return order_steps.taken_over(position, alive=alive, run=committer.life.id)

    left = [position async for position in every_item(committer.repository.list_left_by_ended_runs)]
    return tuple([await committer.take(position.ref, step) for position in left])


async def _end_dead_runs(committer: Committer) -> None:
    for run in await _living_runs(committer):
        if run.id != committer.life.id and is_certainly_dead(run):
            await committer.repository.end_run(run.id)


async def _living_runs(committer: Committer) -> list[Run]:
    return [run async for run in every_item(committer.repository.list_runs) if not run.ended]
