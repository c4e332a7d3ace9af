"""
Run both systems under every fault, and print the table.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import platform
import sys

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.faults.injected import EVENTS, FAULTS, RATE
from benchmarks.faults.kills import emit_until_killed, kill_poslife, kill_poslife_on_sqlite, kill_usual_way
from benchmarks.faults.runs import Result, run
from tests.postgres_server import Databases, LocalServer


def _add(table: Table, name: str, poslife: Result, usual: Result | None) -> None:
    compared = (
        ("", "", "")
        if usual is None
        else (f"{usual.lost} of {usual.emitted}", str(usual.twice), f"{usual.seconds:.1f}")
    )
    table.add_row(
        name,
        f"{poslife.lost} of {poslife.emitted}",
        str(poslife.twice),
        str(poslife.buried),
        str(poslife.writes or ""),
        f"{poslife.seconds:.1f}",
        *compared,
    )


async def _table(kills: int) -> tuple[Table, bool]:
    table = Table(title=f"{EVENTS} events, {RATE} a second, into PostgreSQL", title_justify="left")
    table.add_column("fault")
    for heading in (
        "poslife: lost",
        "duplicate",
        "dead letters",
        "writes",
        "s",
        "usual way: lost",
        "duplicate",
        "s",
    ):
        table.add_column(heading, justify="right")
    sound = True
    server = LocalServer()
    try:
        databases = Databases(administration_dsn=server.dsn())
        for kind in FAULTS:
            poslife = await run(kind(), server, databases, poslife=True)
            usual = await run(kind(), server, databases, poslife=False)
            sound &= not poslife.lost and not poslife.twice
            _add(table, kind.name, poslife, usual)
        if kills:
            few = min(kills, 20)
            poslife = await kill_poslife(databases, kills)
            usual = await kill_usual_way(databases, few)
            sound &= not poslife.lost and not poslife.twice
            _add(table, f"SIGKILL, {kills} times (usual way: {few})", poslife, usual)
            poslife = await kill_poslife_on_sqlite(kills)
            sound &= not poslife.lost and not poslife.twice
            _add(table, f"SIGKILL, {kills} times, into SQLite", poslife, None)
    finally:
        server.close()
    return table, sound


def main() -> None:
    """
    Run everything.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument("--kills", type=int, default=200, help="SIGKILLs (default: %(default)s)")
    parser.add_argument("--bot", help=argparse.SUPPRESS)
    parser.add_argument("--returned", help=argparse.SUPPRESS)
    options = parser.parse_args()
    logging.disable()
    if options.bot is not None:
        asyncio.run(emit_until_killed(options.bot, options.returned))
        return
    console = Console(width=150)
    console.print(f"Python {platform.python_version()}, asyncpg {asyncpg.__version__}, {platform.machine()}")
    table, sound = asyncio.run(_table(options.kills))
    console.print(table)
    if not sound:
        console.print("FAILED: poslife lost events or stored some twice")
        sys.exit(1)


if __name__ == "__main__":
    main()
