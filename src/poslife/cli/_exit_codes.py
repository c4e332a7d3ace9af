"""
The exit codes of the command line, the same for every command.

0: done, and nothing is wrong. 1: the store was read, and something in it is wrong. 2: the command was not
understood. 3: the store cannot be read, or the command failed. 130: interrupted.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, NoReturn

import click
from typing_extensions import override

from poslife.errors import InvalidUrl, PoslifeError

__all__ = ["FAULTS", "INTERRUPTED", "UNREADABLE", "run", "unreadable_store"]

FAULTS: Final = 1
UNREADABLE: Final = 3
INTERRUPTED: Final = 130


class _Unreadable(click.ClickException):
    exit_code = UNREADABLE

    @override
    def show(self, file: object = None) -> None:
        click.echo(f"poslife: cannot read the store: {self.format_message()}", err=True)


@contextmanager
def unreadable_store() -> Generator[None]:
    """
    End the command with a sentence and exit code 3 where the store cannot be read, and 2 for its URL.
    """
    try:
        yield
    except InvalidUrl as error:
        raise click.BadParameter(str(error), param_hint="URL") from error
    except (PoslifeError, ValueError) as error:
        raise _Unreadable(str(error)) from error


def run(command: click.Command) -> NoReturn:
    """
    Run a command and exit.

    An unexpected exception exits with 3: with Python's own 1 it would look like a fault in the store.
    """
    try:
        code: object = command.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("poslife: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception:  # noqa: BLE001 - shown whole
        traceback.print_exc()
        sys.exit(UNREADABLE)
    sys.exit(code if isinstance(code, int) else 0)
