"""
What can be typed after ``poslife``. Each command imports what it needs when it is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from poslife._version import __version__
from poslife.errors import MissingExtra, PoslifeError

if TYPE_CHECKING:
    from poslife.cli.demo._books import Sabotage

__all__ = ["poslife"]

INTERRUPTED = 130
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
        ["dead-letter", "fill", "host-event", "host-event-twice", "journal", "life-event", "line", "position"]
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
