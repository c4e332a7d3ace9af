"""
``python -m examples.demo``, or ``nox -s demo``: run the demo.
"""

from __future__ import annotations

import argparse
import sys

from poslife.errors import MissingExtra, PoslifeError

INTERRUPTED = 130
LIBRARIES = frozenset({"aiohttp", "asyncpg", "ccxt", "rich"})
SABOTAGES = (
    "altered",
    "dead-letter",
    "fill",
    "host-event",
    "host-event-twice",
    "journal",
    "life-event",
    "line",
    "position",
)


def main() -> int | str:
    """
    Run the demo and return its exit status: 0 if poslife lost, doubled and mistook nothing.
    """
    options = _parser().parse_args()
    try:
        from examples.demo.run import run_demo

        sound = run_demo(dsn=options.dsn, keep=options.keep, sabotage=options.sabotage)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in LIBRARIES and not isinstance(error, MissingExtra):
            raise
        return f"the demo needs all extras: pip install 'poslife[all]' rich ({error})"
    except PoslifeError as error:
        return f"Error: {error}"
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left running", file=sys.stderr)
        return INTERRUPTED
    return 0 if sound else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--dsn", metavar="URL", help="postgresql://…: a database of its own on that server")
    parser.add_argument("--keep", action="store_true", help="leave the database or the files")
    parser.add_argument("--sabotage", action="append", default=[], choices=SABOTAGES, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
