"""
The demo, from beginning to end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import ccxt

import poslife
from examples.demo.accounting import Truth, audit, audit_old_way, count_losses
from examples.demo.books import Books, Sabotage, damage, read_books
from examples.demo.event_scenes import STORMS
from examples.demo.place import Place, demo_place
from examples.demo.report import Report
from examples.demo.scenes import TRADES, Scene, Step, name_of
from examples.demo.sink_books import Death, Holding, SinkBooks, audit_sink, lives_of
from examples.demo.stage import Stage
from examples.demo.timeline import Timeline, draw_timeline
from examples.demo.wiring import TIMINGS
from examples.demo.words import Accepted, Emitted

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
        new = Stage("poslife", place, "demo", loses_journal="journal" in sabotage)
        old = Stage("old-way", place, "demo")
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
        sink = _sink_books(new, books)
        broken = audit_sink(sink)
        report.sink(sink, sound=not broken)
        wrong = [*unexpected, *(sentence for finding in ours for sentence in finding.wrong), *broken]
        kept = f"Kept: {place.shown}; logs in {place.folder}." if keep else "Nothing is left behind."
        report.verdict(wrong, seconds=time.monotonic() - started, kept=kept)
    return not wrong


async def _play(report: Report, new: Stage, old: Stage) -> list[str]:
    """
    Play every scene with both bots. Returns what went otherwise than it must.
    """
    unexpected: list[str] = []
    for number, scene in enumerate((*TRADES, *STORMS), 1):
        ours, theirs = await asyncio.gather(scene.play(new), scene.play(old))
        remark = scene.remark.format(
            quiet=TIMINGS.quiet, default=poslife.Timings().quiet, outage=new.place.outages.told
        )
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
    words = stage.words
    emitted = [word for word in words if isinstance(word, Emitted)]
    returned = {word.event for word in words if isinstance(word, Accepted)}
    return Truth(
        emitted=emitted,
        orders=stage.venue.orders,
        fills=stage.venue.fills,
        under_way=frozenset(event.event for event in emitted if event.event not in returned),
    )


def _sink_books(stage: Stage, books: Books) -> SinkBooks:
    deaths = [
        Death(
            signal=name_of(one.status),
            missing={writer: max(one.recorded - kept, 0) for writer, kept in one.kept.items()},
        )
        for one in stage.killed
    ]
    kept = [event for event, _, _ in books.host_events] + [event for event, _ in books.dead_letters]
    cut_off = _truth(stage).under_way
    return SinkBooks(
        lives=lives_of(stage.words, deaths),
        holdings={
            "store": Holding(
                what="the database",
                rows=len(books.host_events),
                letters=len(books.dead_letters),
                under_way=len(cut_off.intersection(kept)),
            ),
            "file": Holding(
                what="the file",
                rows=len(books.lines),
                letters=0,
                under_way=len(cut_off.intersection(books.lines)),
            ),
        },
    )


async def _timelines(place: Place, books: Books) -> list[Timeline]:
    # A reader only: its own events have a journal of their own, so that they are no part of the accounts.
    async with poslife.connect(place.url, journal=place.folder / "reading") as tracker:
        return [await draw_timeline(await tracker.get(ref), tracker.history(ref)) for ref in books.refs]
