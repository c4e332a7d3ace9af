"""
The ``poslife`` command: ``pip install 'poslife[all]'``.

- ``poslife demo``: a bot, a simulated exchange that misbehaves, a SIGKILL, and what is left.
- ``poslife verify URL``: whether a store's events are as they were written.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_NEEDED = frozenset({"click", "rich"})


def main() -> None:
    """
    Run the command line.
    """
    try:
        from poslife.cli._commands import poslife
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        sys.exit(f"poslife: {error.name} is not installed: pip install 'poslife[all]'")
    poslife()
