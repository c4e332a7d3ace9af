"""
The ``poslife`` command: ``pip install 'poslife[cli]'``.

- ``poslife migrate URL``: bring a store's schema up to date, and make partitions.
- ``poslife verify URL``: check the digest chain of a store's events.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """
    Run the command line.
    """
    try:
        from poslife.cli._exit_codes import run
        from poslife.cli._root import poslife
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write("poslife: click is not installed: pip install 'poslife[cli]'\n")
        # Not 1, by which a command says that something in the store is wrong.
        sys.exit(3)
    run(poslife)
