"""
The ``poslife`` command: ``pip install 'poslife[cli]'``.

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
        from poslife.cli._root import poslife
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("poslife: click is not installed: pip install 'poslife[cli]'")
    poslife()
