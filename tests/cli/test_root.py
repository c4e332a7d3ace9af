"""
The command line itself.
"""

from __future__ import annotations

import poslife
from tests.cli.command import run


def test_version_is_the_packages() -> None:
    """
    ``poslife --version`` says which release is installed.
    """
    done = run("--version")

    assert (0, f"poslife, version {poslife.__version__}\n") == (done.returncode, done.stdout)


def test_help_lists_each_command() -> None:
    """
    A newcomer sees what can be run.
    """
    assert {"migrate", "verify"} <= set(run("--help").stdout.split())


def test_a_missing_extra_says_what_to_install() -> None:
    """
    Without click the command says which pip command brings it, and no traceback.
    """
    done = run("verify", "sqlite:///bot.db", missing="click")

    assert 3 == done.returncode
    assert "pip install 'poslife[cli]'" in done.stderr
    assert "Traceback" not in done.stderr
