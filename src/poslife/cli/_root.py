"""
The ``poslife`` command itself, with every subcommand.
"""

from __future__ import annotations

import click

from poslife._version import __version__
from poslife.cli._migrate import migrate
from poslife.cli._verify import verify

__all__ = ["poslife"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="poslife")
def poslife() -> None:
    """Know what a trading bot holds, and prove how it came to hold it."""


poslife.add_command(migrate)
poslife.add_command(verify)
