"""
The demo, from beginning to end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import ccxt
from rich.status import Status

import poslife
from examples.demo.accounts import Truth, audit, audit_old_way, complaints
from examples.demo.books import Books, read_books, read_old_books
from examples.demo.database import Database, demo_database
from examples.demo.report import NEW, OLD, Report, Result
from examples.demo.scenes import SCENES, Play, Scene
from examples.demo.sink_books import audit_sink, writers_of
from examples.demo.stage import Stage
from examples.demo.timeline import draw_timeline
from poslife import PositionRef


async def run_demo(
    *,
    dsn: str | None = None,
    keep: bool = False,
    full: bool = False,
    within: float | None = None,
    scenes: Sequence[Scene] = SCENES,
    tamper: Callable[[Database], Awaitable[None]] | None = None,
) -> bool:
    """
    Run the demo and print it. What *tamper* does to the database before the accounts is to be noticed.

    Returns:
        True only if poslife has lost nothing, doubled nothing and got nothing wrong, within the time.
    """
    began, report = time.monotonic(), Report()
    async with demo_database(dsn, keep=keep) as database:
        new_stage, old_stage = Stage("poslife", database), Stage("old-way", database)
        async with new_stage, old_stage:
            with report.begin(database=database.shown, ccxt=str(ccxt.__version__)) as status:
                plays = await _play(scenes, database, new_stage, old_stage, status)
        if tamper is not None:
            await tamper(database)
        books, old_books = await read_books(database), await read_old_books(database)
        truth, old_truth = _truth(new_stage), _truth(old_stage)
        new = Result(truth, books, audit(truth, books))
        old = Result(old_truth, old_books, audit_old_way(old_truth, old_books))
        writers = writers_of(books, truth.cut_off)
        wrong = [surprise for play in plays for surprise in play.surprises]
        wrong += complaints(new.accounts)
        wrong += audit_sink(new_stage.witnessed, new_stage.behind, writers)
        report.verdict(wrong, old)
        report.accounts(new, old)
        report.scenes(plays, new, old)
        if full:
            report.timelines(await _timelines(database, books))
            report.old_way(old, [line for line in old_stage.log if " ERROR " in line])
            report.sink(new_stage.witnessed, writers)
        left = f"Kept: {database.shown}; logs in {database.folder}." if keep else "Nothing is left behind."
        seconds = time.monotonic() - began
        report.end(seconds=seconds, within=within, left=left)
    return not wrong and (within is None or seconds <= within)


async def _play(
    scenes: Sequence[Scene], database: Database, new: Stage, old: Stage, status: Status
) -> list[Play]:
    await asyncio.gather(new.start(), old.start())
    plays: list[Play] = []
    emitted = {NEW: 0, OLD: 0}
    for number, scene in enumerate(scenes, 1):
        status.update(f"scene {number} of {len(scenes)}: {scene.title}")
        play = Play(scene=scene, database=database, new=new, old=old)
        await scene.play(play)
        # No batch of the old way's events is of two scenes, so that it is clear where one is lost.
        await old.ask("settle")
        before, emitted = emitted, {NEW: len(new.emitting), OLD: len(old.emitting)}
        play.emitted = {bot: slice(before[bot], emitted[bot]) for bot in emitted}
        plays.append(play)
    await asyncio.gather(new.stop(), old.stop())
    return plays


def _truth(stage: Stage) -> Truth:
    returned = {entry.event for life in stage.witnessed for entry in life.emitted}
    return Truth(
        emitted=stage.emitting,
        cut_off=frozenset(event.event for event in stage.emitting) - returned,
        orders=stage.venue.orders,
        fills=stage.venue.fills,
    )


async def _timelines(database: Database, books: Books) -> list[tuple[str, list[tuple[str, str]]]]:
    url = database.address if database.is_postgres else f"sqlite:///{database.address}"
    # Only a reader, with a journal of its own.
    async with poslife.connect(url, journal=database.folder / "reading") as tracker:
        histories = [
            [event async for event in tracker.history(PositionRef(UUID(row.ref)))] for row in books.positions
        ]
    return [
        (f"{row.symbol}: {row.status}", draw_timeline(history))
        for row, history in zip(books.positions, histories, strict=True)
    ]
