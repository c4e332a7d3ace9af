"""
A suite runs without a test framework, under unittest, and where assertions are switched off.
"""

from __future__ import annotations

import subprocess
import sys
import unittest
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from typing_extensions import override

from poslife.conformance import RepositoryConformance, examine
from poslife.memory import MemoryStore
from poslife.protocols import Repository
from tests.conformance.lies.partial_writes import ForgetsEvents
from tests.conformance.suites_by_adapter import RepositorySuite

WITHOUT_FRAMEWORK = """
import asyncio, sys
from contextlib import asynccontextmanager
from poslife._domain.changes import Committed
from poslife.conformance import RepositoryConformance, examine
from poslife.memory import MemoryStore

class Forgetful(MemoryStore):
    async def get(self, ref, /):
        return None

class Suite(RepositoryConformance):
    @asynccontextmanager
    async def repository(self):
        yield Forgetful()

    async def let_lease_run_out(self, seconds):
        raise NotImplementedError

report = asyncio.run(examine(Suite()))
broken = {failure.test for failure in report.failed}
print("test_get_of_nothing" in broken, "test_list_unclaimed" in report.passed)
print(sorted({"pytest", "unittest", "_pytest", "anyio"} & set(sys.modules)))
"""


async def test_report_names_what_is_broken() -> None:
    """
    A report has the number of passed tests, and for each failure the test, its guarantee and the error.
    """
    suite = RepositorySuite()
    suite.adapter = ForgetsEvents
    report = await examine(suite)
    text = str(report)

    assert text.startswith(f"{len(report.passed)} passed, {len(report.failed)} failed")
    assert "test_list_history: `list_history` gives the events of a position, its time as a pending" in text
    assert "AssertionError: event ids: expected 5 items, got 0" in text
    assert "promised by poslife.protocols.Repository.list_history" in text


async def test_a_test_of_a_hosts_own_is_reported_without_a_contract() -> None:
    """
    A test that a host adds to a suite is run too, and its failure names no contract.
    """

    class Suite:
        async def test_mine(self) -> None:
            """It holds."""
            raise ValueError("it does not")

    (failure,) = (await examine(Suite())).failed

    assert "test_mine: It holds.\n    ValueError: it does not" == str(failure)


def test_needs_no_framework() -> None:
    """
    A suite finds the same under `python -O` and without a test framework.
    """
    run = subprocess.run(
        [sys.executable, "-O", "-c", WITHOUT_FRAMEWORK],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.stdout.splitlines() == ["True True", "[]"], run.stderr


class _UnderUnittest(RepositoryConformance, unittest.IsolatedAsyncioTestCase):
    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        yield MemoryStore()


def test_runs_under_unittest() -> None:
    """
    unittest finds the tests of a subclass and awaits them.
    """
    result = unittest.TestResult()
    _UnderUnittest("test_commit_gives_positions_in_order").run(result)
    names = unittest.TestLoader().getTestCaseNames(_UnderUnittest)

    assert (result.testsRun, result.errors, result.failures) == (1, [], [])
    assert set(names) == {name for name in dir(RepositoryConformance) if name.startswith("test_")}
