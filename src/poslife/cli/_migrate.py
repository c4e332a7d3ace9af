"""
``poslife migrate URL``: bring a store's schema up to date, and make partitions.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import click

from poslife._connect import store_at
from poslife.cli._exit_codes import FAULTS, unreadable_store
from poslife.errors import SchemaVersionError

__all__ = ["migrate"]


@click.command()
@click.argument("url")
@click.option(
    "--partitions",
    type=click.Choice(["day", "month"]),
    help="The width of the partitions that are made from now on. Default: the stored one.",
)
def migrate(url: str, partitions: str | None) -> None:
    """
    Bring a store's schema up to date, and make the partitions of host events.

    URL names the store: sqlite:///bot.db or postgresql://owner@host/database. In PostgreSQL the role that
    owns the tables runs it, once a day or once a month, as wide as partitions are; events without a partition
    are moved to one. Bots may be running.

    The exit status is 0 if everything is done, 1 if a partition could not be made, and 3 if the store cannot
    be read.
    """
    with unreadable_store():
        store_at(url, None)
        is_file = not urlsplit(url).scheme.startswith("postgres")
        if is_file and partitions is not None:
            raise click.UsageError(
                f"--partitions {partitions}: only PostgreSQL has partitions; leave the option out for {url}"
            )
        if is_file:
            for line in asyncio.run(_migrate_file(url)):
                click.echo(line)
            return
        lines, problem = asyncio.run(_migrate_database(url, partitions))
    for line in lines:
        click.echo(line)
    if problem is not None:
        click.echo(problem)
        raise SystemExit(FAULTS)


async def _migrate_file(url: str) -> list[str]:
    # A file that is not there is an error: a bot makes its file by itself.
    reading = store_at(url, None, reads_only=True)
    done = "the schema is up to date"
    try:
        await reading.open()
    except SchemaVersionError:
        done = "migrated"
    finally:
        await reading.aclose()
    store = store_at(url, None)
    await store.open()
    try:
        return [await store.describe(), done]
    finally:
        await store.aclose()


async def _migrate_database(url: str, partitions: str | None) -> tuple[list[str], str | None]:
    from poslife.postgres._partition_ranges import Width
    from poslife.postgres._upkeep import keep_up

    done = await keep_up(url, None if partitions is None else Width(partitions))
    made, names = done.made, done.made.names
    return [
        done.where,
        f"migrated: {', '.join(done.migrations)}" if done.migrations else "the schema is up to date",
        f"partitions by {made.width}: {f'made {_listed(names)}' if names else 'none was missing'}",
        *([f"moved {made.moved:,} events out of run_events_default"] if made.moved else []),
    ], made.problem


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)}, {names[0]} to {names[-1]}"
