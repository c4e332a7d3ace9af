"""
The command: what it says without doing anything.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

import poslife


def run(*arguments: str, missing: str | None = None) -> subprocess.CompletedProcess[str]:
    """
    Run the command as a process, with one library as if it were not installed.
    """
    blocked = "" if missing is None else f"sys.modules[{missing!r}] = None; "
    program = f"import sys; {blocked}from poslife.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_version_is_the_packages() -> None:
    """
    ``poslife --version`` says which release is installed.
    """
    done = run("--version")

    assert (0, f"poslife, version {poslife.__version__}\n") == (done.returncode, done.stdout)


def test_help_names_the_demo_and_hides_the_sabotage() -> None:
    """
    What a newcomer can run is listed; what only tests need is not.
    """
    assert "demo" in run("--help").stdout
    shown = run("demo", "--help").stdout

    assert "--dsn" in shown
    assert "--keep" in shown
    assert "sabotage" not in shown


@pytest.mark.parametrize("missing", ["click", "rich", "ccxt", "aiohttp"])
def test_a_missing_extra_says_what_to_install(missing: str) -> None:
    """
    Without one of the libraries the command says which pip command brings it, and no traceback.
    """
    done = run("demo", missing=missing)

    assert 1 == done.returncode
    assert "pip install 'poslife[all]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "dsn, said",
    [
        ("mysql://localhost/bot", "postgresql://"),
        ("postgresql://nobody@127.0.0.1:1/bot", "cannot reach the server"),
    ],
    ids=["another database", "no server"],
)
def test_a_dsn_that_does_not_serve_says_why(dsn: str, said: str) -> None:
    """
    A wrong or unreachable database is an error in a sentence, before anything is started.
    """
    done = run("demo", "--dsn", dsn)

    assert 1 == done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr
