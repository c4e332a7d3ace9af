"""
Running a Python program as a child process that can be killed at its checkpoints.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from poslife.testing.faults._checkpoint import ENVIRONMENT_NAME

_DEFAULT_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildProgram:
    """
    A Python program with its arguments; `script` and `module` create one.
    """

    arguments: tuple[str, ...]
    """The arguments of the interpreter."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables in addition to this process's own."""
    folder: Path | None = None
    """The working directory. *Default*: this process's."""
    interpreter: str = sys.executable

    @classmethod
    def script(
        cls,
        path: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Self:
        """
        Return a program for the Python file at *path*.
        """
        return cls(arguments=(str(path), *arguments), environment=environment or {}, folder=folder)

    @classmethod
    def module(
        cls,
        name: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Self:
        """
        Return a program for the module *name*, as ``python -m`` runs it.
        """
        return cls(arguments=("-m", name, *arguments), environment=environment or {}, folder=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildReport:
    """
    The record of a child that has ended.
    """

    checkpoints: tuple[str, ...]
    """The checkpoints that it reached, in order."""
    exit_status: int
    """If negative, the signal that ended it."""
    output: str
    errors: str

    @property
    def was_killed(self) -> bool:
        """
        True if SIGKILL ended it.
        """
        return self.exit_status == -signal.SIGKILL


class Child:
    """
    A running `ChildProgram`, which waits at each of its checkpoints.

    Iterating gives the name of each checkpoint that the child reaches, while it waits there; the next step of
    the iteration lets it continue. The iteration ends when the child ends. Leaving the ``async with`` block
    kills the child if it still runs; from then on there is a `report`::

        async with Child(program) as child:
            async for name in child:
                if name == "before COMMIT":
                    child.kill()

        assert child.report.was_killed

    Args:
        program: The program to run.
        timeout: The time limit for its whole run, in seconds of real time.
    """

    def __init__(self, program: ChildProgram, *, timeout: float = _DEFAULT_TIMEOUT) -> None:
        self._program = program
        self._timeout = timeout
        self._checkpoints: list[str] = []
        self._is_waiting = False
        self._report: ChildReport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + self._timeout
        with contextlib.ExitStack() as opened:
            self._output = opened.enter_context(tempfile.TemporaryFile())
            self._errors = opened.enter_context(tempfile.TemporaryFile())
            with contextlib.ExitStack() as childs:
                reading, child_reports = os.pipe()
                childs.callback(os.close, child_reports)
                self._lines = asyncio.StreamReader()
                transport, _ = await loop.connect_read_pipe(
                    lambda: asyncio.StreamReaderProtocol(self._lines), os.fdopen(reading, "rb", 0)
                )
                opened.callback(transport.close)
                child_waits, self._go_ahead = os.pipe()
                opened.callback(os.close, self._go_ahead)
                childs.callback(os.close, child_waits)
                self._process = await self._start(child_reports, child_waits)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        status = await self._process.wait()
        with self._opened:
            self._report = ChildReport(
                checkpoints=tuple(self._checkpoints),
                exit_status=status,
                output=_text(self._output),
                errors=_text(self._errors),
            )

    @property
    def pid(self) -> int:
        """
        The child's process id.
        """
        return self._process.pid

    @property
    def report(self) -> ChildReport:
        """
        The record of the run, once the ``async with`` block has ended.
        """
        if self._report is None:
            raise LookupError("a child has no report before its `async with` block has ended")
        return self._report

    def kill(self) -> None:
        """
        Send SIGKILL; does nothing to a child that has ended.
        """
        if self._process.returncode is None:
            # Not `Process.kill`: it polls first, and so takes the exit status away from the event loop.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def __aiter__(self) -> Self:
        """
        Give the name of each checkpoint as it is reached.
        """
        return self

    async def __anext__(self) -> str:
        """
        Let the child continue to its next checkpoint.

        Raises:
            TimeoutError: The child has reached its time limit, and was killed.
        """
        try:
            async with asyncio.timeout_at(self._deadline):
                name = await self._next_checkpoint()
                if name is None:
                    await self._process.wait()
        except TimeoutError:
            self.kill()
            raise TimeoutError(
                f"the child had not ended after {self._timeout} s; reached {self._checkpoints}, wrote:\n"
                f"{_text(self._output)}{_text(self._errors)}"
            ) from None
        if name is None:
            raise StopAsyncIteration
        return name

    async def _start(self, reports: int, waits: int) -> asyncio.subprocess.Process:
        pipes = f"{reports},{os.fstat(reports).st_ino},{waits},{os.fstat(waits).st_ino}"
        return await asyncio.create_subprocess_exec(
            self._program.interpreter,
            *self._program.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
            cwd=self._program.folder,
            env={**os.environ, **self._program.environment, ENVIRONMENT_NAME: pipes},
            pass_fds=(reports, waits),
        )

    async def _next_checkpoint(self) -> str | None:
        if self._is_waiting:
            self._is_waiting = False
            # A child that was killed at its checkpoint no longer reads the pipe.
            with contextlib.suppress(BrokenPipeError):
                os.write(self._go_ahead, b".")
        line = await self._lines.readline()
        # An incomplete line means that the child died while it wrote.
        if not line.endswith(b"\n"):
            return None
        name = line[:-1].decode()
        self._checkpoints.append(name)
        self._is_waiting = True
        return name


async def run_to_end(program: ChildProgram, *, timeout: float = _DEFAULT_TIMEOUT) -> ChildReport:
    """
    Run *program* through all of its checkpoints, so that they can be counted.

    Raises:
        ChildProcessError: Its exit status was not 0.
        TimeoutError: It reached its time limit.
    """
    child = Child(program, timeout=timeout)
    async with child:
        async for _ in child:
            pass
    if child.report.exit_status != 0:
        raise ChildProcessError(_describe("the child failed", child.report))
    return child.report


async def kill_at(
    program: ChildProgram, where: int | str, *, timeout: float = _DEFAULT_TIMEOUT
) -> ChildReport:
    """
    Run *program*, and kill it by SIGKILL while it waits at a checkpoint.

    Args:
        program: The program to run.
        where: The checkpoint's index in `ChildReport.checkpoints`, or its name (the first with that name).
        timeout: The time limit, in seconds.

    Raises:
        ChildProcessError: It ended before it reached the checkpoint.
        TimeoutError: It reached its time limit first.
    """
    child = Child(program, timeout=timeout)
    reached = False
    async with child:
        index = 0
        async for name in child:
            if where in {index, name}:
                reached = True
                child.kill()
                break
            index += 1
    if not reached:
        raise ChildProcessError(_describe(f"the child ended before checkpoint {where!r}", child.report))
    return child.report


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _describe(failure: str, report: ChildReport) -> str:
    return (
        f"{failure}: exit status {report.exit_status} after checkpoints {list(report.checkpoints)}; "
        f"it wrote:\n{report.output}{report.errors}"
    )
