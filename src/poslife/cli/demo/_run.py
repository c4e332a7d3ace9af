"""
The demo, from beginning to end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import ccxt

import poslife
from poslife.cli.demo._accounting import Truth, audit, audit_old_way, count_losses
from poslife.cli.demo._books import Books, Sabotage, damage, read_books
from poslife.cli.demo._child import TIMINGS
from poslife.cli.demo._place import Place, demo_place
from poslife.cli.demo._report import Report
from poslife.cli.demo._scenes import SCENES, Scene, Step
from poslife.cli.demo._stage import Stage
from poslife.cli.demo._timeline import Timeline, draw_timeline

__all__ = ["run_demo"]


def run_demo(*, dsn: str | None, keep: bool, sabotage: Sequence[Sabotage] = ()) -> bool:
    """
    Run the demo and print it.

    Args:
        dsn: A PostgreSQL server to run on; by default a temporary SQLite file.
        keep: Leave the database or the file.
        sabotage: What to damage before the accounts are made up.

    Returns:
        Whether poslife has lost nothing, doubled nothing and got nothing wrong.
    """
    return asyncio.run(_run(dsn, keep=keep, sabotage=sabotage))


async def _run(dsn: str | None, *, keep: bool, sabotage: Sequence[Sabotage]) -> bool:
    started, report = time.monotonic(), Report()
    async with demo_place(dsn, keep=keep) as place:
        report.begin(store=place.shown, ccxt=str(ccxt.__version__))
        new = Stage("poslife", place.address, "demo", place.folder / "poslife.log")
        old = Stage("old-way", place.address, "demo", place.folder / "old-way.log")
        async with new, old:
            await asyncio.gather(new.start(), old.start())
            unexpected = await _play(report, new, old)
            await asyncio.gather(new.stop(), old.stop())
        for what in sabotage:
            await damage(place, what)
        books = await read_books(place)
        report.timelines(await _timelines(place, books))
        ours = audit(_truth(new), books)
        theirs = audit_old_way(_truth(old), books.old_way)
        report.old_way(
            losses=count_losses(_truth(old), books.old_way),
            wrong=[sentence for finding in theirs[1:] for sentence in finding.wrong],
            log=[line for line in old.log if " ERROR " in line],
        )
        report.accounts(ours, theirs)
        wrong = [*unexpected, *(sentence for finding in ours for sentence in finding.wrong)]
        kept = f"Kept: {place.shown}; logs in {place.folder}." if keep else "Nothing is left behind."
        report.verdict(wrong, seconds=time.monotonic() - started, kept=kept)
    return not wrong


async def _play(report: Report, new: Stage, old: Stage) -> list[str]:
    """
    Play every scene with both bots. Returns what went otherwise than it must.
    """
    unexpected: list[str] = []
    for number, scene in enumerate(SCENES, 1):
        ours, theirs = await asyncio.gather(scene.play(new), scene.play(old))
        remark = scene.remark.format(quiet=TIMINGS.quiet, default=poslife.Timings().quiet)
        report.scene(number, scene, ours, theirs, remark)
        unexpected += _surprises(number, scene, ours)
    return unexpected


def _surprises(number: int, scene: Scene, steps: Sequence[Step]) -> list[str]:
    return [
        f"scene {number}, {step.asked}: {step.did.outcome} where {expected} was to come"
        for step, expected in zip(steps, scene.expected, strict=True)
        if step.did.outcome != expected
    ]


def _truth(stage: Stage) -> Truth:
    return Truth(emitted=stage.emitted, orders=stage.venue.orders, fills=stage.venue.fills)


async def _timelines(place: Place, books: Books) -> list[Timeline]:
    async with poslife.connect(place.url) as tracker:
        return [await draw_timeline(await tracker.get(ref), tracker.history(ref)) for ref in books.refs]
