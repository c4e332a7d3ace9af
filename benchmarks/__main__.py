"""
Run the benchmarks and print their ratios.
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
    # Durable, like a bot's server and unlike the tests'.
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


def _latency_table(results: list[latency.Result]) -> Table:
    table = Table(title="Flush while recording, ms", title_justify="left")
    table.add_column("store")
    for heading in ("events/s", "median", "worst"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(result.store, f"{result.rate:,}", f"{result.median:.2f}", f"{result.worst:.2f}")
    return table


def _openings_table(results: list[openings.Result]) -> Table:
    table = Table(title="Openings: claim, submit, first fill (3 commits each)", title_justify="left")
    table.add_column("store")
    for heading in ("concurrent", "openings/s", "same statements by hand/s", "ratio"):
        table.add_column(heading, justify="right")
    for result in results:
        floor = "" if result.floor is None else f"{result.floor:,.0f}"
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
        table.add_row(result.store, str(result.concurrent), f"{result.poslife:,.0f}", floor, ratio)
    return table


def _journal_table(results: list[journal.Result]) -> Table:
    table = Table(title=f"Journal: frames of {journal.FRAME_BYTES} bytes", title_justify="left")
    table.add_column("operation")
    for heading in ("us/frame", "system calls alone, us", "ratio", "frames/s"):
        table.add_column(heading, justify="right")
    for result in results:
        numbers = f"{result.poslife:.2f}", f"{result.floor:.2f}", f"{result.ratio:.2f}"
        table.add_row(result.operation, *numbers, f"{1e6 / result.poslife:,.0f}")
    return table


def _emitting_table(results: list[emitting.Result]) -> Table:
    table = Table(title="Recording one event (microseconds)", title_justify="left")
    table.add_column("method")
    for heading in ("median", "p99", "median / floor"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for result in results:
        numbers = [f"{number:,.2f}" for number in (result.median, result.p99, result.ratio)]
        table.add_row(result.method, *(numbers if result.median else ("", "", "")), result.note)
    return table


def _draining_table(results: list[draining.Result]) -> Table:
    table = Table(title=f"Draining: batches of {draining.BATCH} events", title_justify="left")
    table.add_column("store")
    table.add_column("method")
    for heading in ("events/s", "/ floor", "/ executemany", "stall p50, ms", "p99"):
        table.add_column(heading, justify="right")
    for result in results:
        median, p99 = result.stall
        ahead = "" if result.ahead is None else f"{result.ahead:.2f}"
        ratios = f"{result.ratio:.2f}", ahead
        table.add_row(
            result.store, result.method, f"{result.rate:,.0f}", *ratios, f"{median:.2f}", f"{p99:.2f}"
        )
    return table


def _memory_table(results: list[memory.Result]) -> Table:
    table = Table(title="Peak memory, database down", title_justify="left")
    table.add_column("moment")
    for heading in ("MB", "/ first"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(result.moment, f"{result.megabytes:.1f}", f"{result.ratio:.2f}")
    return table


def main() -> None:
    """
    Run all benchmarks.
    """
    console = Console()
    console.print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"asyncpg {asyncpg.__version__}, "
        f"{platform.machine()}; median of {openings.ROUNDS} rounds of {openings.OPENINGS} openings"
    )
    console.print(_journal_table(journal.results()))
    console.print(_openings_table(asyncio.run(_openings())))
    console.print(_draining_table(asyncio.run(_draining())))
    console.print(_emitting_table(asyncio.run(emitting.measure())))
    console.print(_latency_table(asyncio.run(_latency())))
    console.print(_memory_table(memory.measure()))


if __name__ == "__main__":
    main()
