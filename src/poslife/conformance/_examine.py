"""
Running a suite without a test framework.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from typing_extensions import override

from poslife.conformance._promises import contracts_of, sentence_of

__all__ = ["Failure", "Report", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """
    A sentence of a contract that does not hold.

    Attributes:
        test: The test that found it.
        sentence: The test's docstring: the guarantee.
        error: The exception that the test raised.
        contracts: The protocols or methods whose docstrings give the guarantee.
    """

    test: str
    sentence: str
    error: Exception
    contracts: tuple[str, ...] = ()

    @override
    def __str__(self) -> str:
        lines = [f"{self.test}: {self.sentence}", f"    {type(self.error).__name__}: {self.error}"]
        if self.contracts:
            lines.append(f"    promised by {', '.join(self.contracts)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    The result of a suite.

    Attributes:
        passed: The tests that passed, by name.
        failed: The tests that did not, with the reasons.
    """

    passed: tuple[str, ...]
    failed: tuple[Failure, ...]

    @override
    def __str__(self) -> str:
        lines = [f"{len(self.passed)} passed, {len(self.failed)} failed", *map(str, self.failed)]
        return "\n".join(lines)


async def examine(suite: object) -> Report:
    """
    Run every test of a suite, one after the other, without a test framework.

    ::

        report = await examine(MyRepositoryConformance())
        print(report)

    A test that raises is a failure, whatever it raises; `asyncio.CancelledError` and the like pass through.
    """
    passed: list[str] = []
    failed: list[Failure] = []
    for test in sorted(name for name in dir(suite) if name.startswith("test_")):
        run = cast("Callable[[], Awaitable[None]]", getattr(suite, test))
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - an adapter may raise anything, and that is a finding
            failed.append(
                Failure(test=test, sentence=sentence_of(run), error=error, contracts=contracts_of(run))
            )
        else:
            passed.append(test)
    return Report(passed=tuple(passed), failed=tuple(failed))
