"""
The demo's command line: what it says without playing anything.
"""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(*arguments: str, missing: str | None = None) -> subprocess.CompletedProcess[str]:
    """
    Run the demo with one library as if it were not installed.
    """
    blocked = "" if missing is None else f"sys.modules[{missing!r}] = None; "
    program = f"import sys; {blocked}from examples.demo.__main__ import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_help_names_the_options() -> None:
    """
    What a newcomer can ask for is listed.
    """
    shown = run("--help").stdout

    for option in ("--full", "--dsn", "--keep", "--within"):
        assert option in shown


@pytest.mark.parametrize("missing", ["rich", "ccxt", "aiohttp"])
def test_a_missing_library_says_what_to_install(missing: str) -> None:
    """
    Without one of the libraries the demo says which pip command brings it, and no traceback.
    """
    done = run(missing=missing)

    assert 1 == done.returncode
    assert "pip install 'poslife[all]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "dsn, message",
    [
        ("mysql://localhost/bot", "postgresql://"),
        ("postgresql://nobody@127.0.0.1:1/bot", "cannot reach the server"),
    ],
    ids=["another database", "no server"],
)
def test_a_dsn_that_does_not_serve_says_why(dsn: str, message: str) -> None:
    """
    A wrong or unreachable database is an error in a sentence, before anything is started.
    """
    done = run("--dsn", dsn)

    assert 1 == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr
