"""
Running a suite without a test framework.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from typing_extensions import override

__all__ = ["Failure", "Report", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """
    A sentence of a contract that does not hold.

    Attributes:
        test: The test that found it.
        sentence: The test's docstring: what should be true.
        error: What it found.
    """

    test: str
    sentence: str
    error: Exception

    @override
    def __str__(self) -> str:
        return f"{self.test}: {self.sentence}\n    {type(self.error).__name__}: {self.error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    What a suite found.

    Attributes:
        passed: The tests that passed, by name.
        failed: Those that did not, and why.
    """

    passed: tuple[str, ...]
    failed: tuple[Failure, ...]

    @override
    def __str__(self) -> str:
        told = [f"{len(self.passed)} passed, {len(self.failed)} failed", *map(str, self.failed)]
        return "\n".join(told)


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
            sentence = " ".join((inspect.getdoc(run) or "").split())
            failed.append(Failure(test=test, sentence=sentence, error=error))
        else:
            passed.append(test)
    return Report(passed=tuple(passed), failed=tuple(failed))
