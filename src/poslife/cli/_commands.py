"""
What can be typed after ``poslife``. Each command imports what it needs when it is run.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from poslife._connect import file_at, store_at
from poslife._version import __version__
from poslife.errors import InvalidUrl, MissingExtra, PoslifeError
from poslife.events import TrailReport, verify_trail

if TYPE_CHECKING:
    from poslife.cli.demo._books import Sabotage

__all__ = ["poslife"]

INTERRUPTED = 130
_MOST_SHOWN = 20
LIBRARIES = frozenset({"aiohttp", "asyncpg", "ccxt", "rich"})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="poslife")
def poslife() -> None:
    """Know what a trading bot holds, and prove how it came to hold it."""


@poslife.command()
@click.option(
    "--dsn",
    metavar="URL",
    help="postgresql://…: in a database of its own on that server. Default: a temporary SQLite file.",
)
@click.option("--keep", is_flag=True, help="Leave the database or the files, and say where they are.")
@click.option(
    "--sabotage",
    type=click.Choice(
        [
            "altered",
            "dead-letter",
            "fill",
            "host-event",
            "host-event-twice",
            "journal",
            "life-event",
            "line",
            "position",
        ]
    ),
    multiple=True,
    hidden=True,
    help="Damage the store before the accounts are made up, or the journal before a restart.",
)
def demo(dsn: str | None, *, keep: bool, sabotage: tuple[Sabotage, ...]) -> None:
    """
    A bot, an exchange that misbehaves, and what is left.

    A small bot trades with the real ccxt client against a simulated Bybit. Orders are refused, answers are
    lost, the database refuses a row and goes away, and the bot is killed twice. A second bot, written the
    usual way, goes through the same. Then the books of both are compared with the exchange's.

    The exit status is 0 only if poslife lost nothing, doubled nothing and got nothing wrong.
    """
    try:
        from poslife.cli.demo._run import run_demo

        sound = run_demo(dsn=dsn, keep=keep, sabotage=sabotage)
    except ImportError as error:
        library = (error.name or "").partition(".")[0]
        if library not in LIBRARIES and not isinstance(error, MissingExtra):
            raise
        raise click.ClickException(
            f"the demo needs all extras: pip install 'poslife[all]' ({error})"
        ) from error
    except PoslifeError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("\ninterrupted; nothing is left running", err=True)
        raise SystemExit(INTERRUPTED) from None
    if not sound:
        raise SystemExit(1)


@poslife.command()
@click.argument("url")
def verify(url: str) -> None:
    """
    Hold every event of a store against the one before it.

    URL is the store's: sqlite:///bot.db or postgresql://user@host/database. The bot may be running.

    The exit status is 0 only if every event is as it was written, and none is missing between two others.
    """
    try:
        said, report = asyncio.run(_verified(url))
    except (PoslifeError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(said)
    click.echo(f"{report.life_events:,} life events, {report.host_events:,} host events")
    if report.dropped:
        click.echo(f"{report.dropped:,} host events were dropped by the sink's policy, and told of")
    for run in report.begun_late:
        click.echo(f"the first events of run {run} are not there any more")
    for fault in report.faults[:_MOST_SHOWN]:
        about = "" if fault.ref is None else f", position {fault.ref}"
        click.echo(f"event {fault.event}, run {fault.run}{about}: {fault.what}")
    if report.whole:
        click.echo("each follows from the one before it")
        return
    click.echo(f"the trail is not whole: {len(report.faults):,} fault{'s' * (len(report.faults) > 1)}")
    raise SystemExit(1)


async def _verified(url: str) -> tuple[str, TrailReport]:
    store = store_at(url, None)
    file = file_at(url)
    if file is not None and not file.is_file():
        raise InvalidUrl(url, f"there is no file {file}")
    await store.open()
    try:
        return await store.describe(), await verify_trail(store)
    finally:
        await store.aclose()
