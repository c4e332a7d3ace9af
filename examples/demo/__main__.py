"""
Two trading bots, the same misfortunes, and the accounts of both.

A small bot on poslife trades with the real ccxt client against a simulated Bybit. Orders are refused, answers
are lost, the database refuses a row and goes away, and the bot is killed twice. A second bot, written the
usual way, goes through the same. Then the books of both are compared with what they recorded and with their
exchange. The exit status is 0 only if poslife lost nothing, doubled nothing and got nothing wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from poslife.errors import MissingExtra, PoslifeError

INTERRUPTED = 130
LIBRARIES = frozenset({"aiohttp", "asyncpg", "ccxt", "rich"})


def main() -> int | str:
    """
    Run the demo and return its exit status, or a message of failure.
    """
    try:
        from examples.demo.run import run_demo

        options = _parser().parse_args()
        return 0 if asyncio.run(run_demo(**vars(options))) else 1
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in LIBRARIES and not isinstance(error, MissingExtra):
            raise
        return f"the demo needs more: pip install 'poslife[all]' rich ({error})"
    except PoslifeError as error:
        return f"Error: {error}"
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left running", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="print every position's history, the old bot's log and the sink's books, too",
    )
    parser.add_argument(
        "--dsn",
        metavar="URL",
        help="postgresql://...: in a database of its own on that server (default: a temporary SQLite file)",
    )
    parser.add_argument("--keep", action="store_true", help="leave the database or the files, and say where")
    parser.add_argument("--within", type=float, metavar="SECONDS", help="fail if it takes longer")
    return parser


if __name__ == "__main__":
    sys.exit(main())
