"""
Runs the benchmarks and prints their ratios.
"""

from __future__ import annotations

import asyncio
import platform
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks import draining, emitting, journal, latency, memory, openings
from tests.postgres_server import Databases, LocalServer


@contextmanager
def _databases() -> Generator[Databases]:
    # Durable, as a bot's server is: the tests' server is not.
    server = LocalServer(settings={"fsync": "on", "full_page_writes": "on"})
    try:
        yield Databases(administration_dsn=server.dsn())
    finally:
        server.close()


async def _openings() -> list[openings.Result]:
    results = [*await openings.memory(), *await openings.sqlite()]
    with _databases() as databases:
        return results + await openings.postgres(databases)


async def _draining() -> list[draining.Result]:
    with _databases() as databases:
        return [*await draining.postgres(databases), *await draining.sqlite()]


async def _latency() -> list[latency.Result]:
    with _databases() as databases:
        return [*await latency.sqlite(), *await latency.postgres(databases)]


def _shown_latency(results: list[latency.Result]) -> Table:
    table = Table(title="A flush while events come (milliseconds)", title_justify="left")
    table.add_column("store")
    for heading in ("events/s", "median", "worst"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(result.store, f"{result.rate:,}", f"{result.median:.2f}", f"{result.worst:.2f}")
    return table


def _shown(results: list[openings.Result]) -> Table:
    table = Table(title="Openings: claim, submit, first fill (3 commits each)", title_justify="left")
    table.add_column("store")
    for heading in ("at once", "openings/s", "same statements by hand/s", "ratio"):
        table.add_column(heading, justify="right")
    for result in results:
        floor = "" if result.floor is None else f"{result.floor:,.0f}"
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
        table.add_row(result.store, str(result.at_once), f"{result.poslife:,.0f}", floor, ratio)
    return table


def _journal_shown(results: list[journal.Result]) -> Table:
    table = Table(title=f"Journal: frames of {journal.FRAME_BYTES} bytes", title_justify="left")
    table.add_column("what")
    for heading in ("us a frame", "bare calls, us", "ratio", "frames/s"):
        table.add_column(heading, justify="right")
    for result in results:
        numbers = f"{result.poslife:.2f}", f"{result.floor:.2f}", f"{result.ratio:.2f}"
        table.add_row(result.what, *numbers, f"{1e6 / result.poslife:,.0f}")
    return table


def _shown_emitting(results: list[emitting.Result]) -> Table:
    table = Table(title="Telling an event (microseconds; the floor is one)", title_justify="left")
    table.add_column("way")
    for heading in ("median", "p99", "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for result in results:
        numbers = [f"{number:,.2f}" for number in (result.median, result.p99, result.ratio)]
        table.add_row(result.way, *(numbers if result.median else ("", "", "")), result.note)
    return table


def _shown_draining(results: list[draining.Result]) -> Table:
    table = Table(title=f"Draining: batches of {draining.BATCH} events", title_justify="left")
    table.add_column("store")
    table.add_column("way")
    for heading in ("events/s", "of the floor", "of a bot's", "stall p50, ms", "p99"):
        table.add_column(heading, justify="right")
    for result in results:
        median, p99 = result.stall
        ahead = "" if result.ahead is None else f"{result.ahead:.2f}"
        ratios = f"{result.ratio:.2f}", ahead
        table.add_row(result.store, result.way, f"{result.rate:,.0f}", *ratios, f"{median:.2f}", f"{p99:.2f}")
    return table


def _memory_shown(results: list[memory.Result]) -> Table:
    table = Table(title="Memory behind a database that is away (at most)", title_justify="left")
    table.add_column("when")
    for heading in ("MB", "ratio"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(result.moment, f"{result.megabytes:.1f}", f"{result.ratio:.2f}")
    return table


def main() -> None:
    """
    Run all of it.
    """
    console = Console()
    console.print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"asyncpg {asyncpg.__version__}, "
        f"{platform.machine()}; median of {openings.ROUNDS} rounds of {openings.OPENINGS} openings"
    )
    console.print(_journal_shown(journal.results()))
    console.print(_shown(asyncio.run(_openings())))
    console.print(_shown_draining(asyncio.run(_draining())))
    console.print(_shown_emitting(asyncio.run(emitting.measure())))
    console.print(_shown_latency(asyncio.run(_latency())))
    console.print(_memory_shown(memory.measure()))


if __name__ == "__main__":
    main()
