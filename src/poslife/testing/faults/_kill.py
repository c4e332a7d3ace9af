"""
Runs a Python program as a child that can be killed at its checkpoints.
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
    A Python program with its arguments; `script` and `module` make one.
    """

    arguments: tuple[str, ...]
    """What follows the name of the interpreter."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Set in addition to this process's own."""
    folder: Path | None = None
    """Where it runs. *Default*: where this process does."""
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
        The Python file at *path*.
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
        The module *name*, as ``python -m`` runs it.
        """
        return cls(arguments=("-m", name, *arguments), environment=environment or {}, folder=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildReport:
    """
    What a child did, now that it has ended.
    """

    checkpoints: tuple[str, ...]
    """Those it reached, in order."""
    exit_status: int
    """Negative: the signal that ended it."""
    output: str
    errors: str

    @property
    def was_killed(self) -> bool:
        """
        Whether SIGKILL ended it.
        """
        return self.exit_status == -signal.SIGKILL


class Child:
    """
    A running `ChildProgram`, which stands still at each of its checkpoints.

    Iterating gives the name of each checkpoint the child reaches, while the child stands there; the next step
    of the iteration lets it go on. The iteration ends with the child. Leaving the ``async with`` block kills
    the child if it still runs; from then on there is a `report`::

        async with Child(program) as child:
            async for name in child:
                if name == "before COMMIT":
                    child.kill()

        assert child.report.was_killed

    Args:
        program: What to run.
        timeout: Seconds, of real time, for its whole life.
    """

    def __init__(self, program: ChildProgram, *, timeout: float = _DEFAULT_TIMEOUT) -> None:
        self._program = program
        self._timeout = timeout
        self._checkpoints: list[str] = []
        self._standing = False
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
        What it did; known once the ``async with`` block is left.
        """
        if self._report is None:
            raise LookupError("a child's report is complete when its 'async with' block has ended")
        return self._report

    def kill(self) -> None:
        """
        Send SIGKILL; the child does not get to do anything more. Killing a dead child does nothing.
        """
        if self._process.returncode is None:
            # Not the process's own `kill`: that asks first whether the child has ended, and so takes its exit
            # status away from the event loop.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def __aiter__(self) -> Self:
        """
        Give the name of each checkpoint as it is reached.
        """
        return self

    async def __anext__(self) -> str:
        """
        Let the child go on to its next checkpoint.

        Raises:
            TimeoutError: The child's time is over; it was killed.
        """
        try:
            async with asyncio.timeout_at(self._deadline):
                name = await self._next_checkpoint()
                if name is None:
                    await self._process.wait()
        except TimeoutError:
            self.kill()
            raise TimeoutError(
                f"the child was not done after {self._timeout} s; it passed {self._checkpoints} and wrote:\n"
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
        if self._standing:
            self._standing = False
            # A child that was killed where it stood reads no more.
            with contextlib.suppress(BrokenPipeError):
                os.write(self._go_ahead, b".")
        line = await self._lines.readline()
        # Half a line is a child that died while it wrote.
        if not line.endswith(b"\n"):
            return None
        name = line[:-1].decode()
        self._checkpoints.append(name)
        self._standing = True
        return name


async def run_to_end(program: ChildProgram, *, timeout: float = _DEFAULT_TIMEOUT) -> ChildReport:
    """
    Run *program*, letting it pass every checkpoint: so they can be counted.

    Raises:
        ChildProcessError: It did not end well.
        TimeoutError: It did not end in time.
    """
    child = Child(program, timeout=timeout)
    async with child:
        async for _ in child:
            pass
    if child.report.exit_status != 0:
        raise ChildProcessError(_told("the child failed", child.report))
    return child.report


async def kill_at(
    program: ChildProgram, where: int | str, *, timeout: float = _DEFAULT_TIMEOUT
) -> ChildReport:
    """
    Run *program* and kill it, by SIGKILL, where it stands at a checkpoint.

    Args:
        program: What to run.
        where: The checkpoint's index in `ChildReport.checkpoints`, or its name (the first of it).
        timeout: Seconds for all of it.

    Raises:
        ChildProcessError: It ended before it got there.
        TimeoutError: It neither got there nor ended in time.
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
        raise ChildProcessError(_told(f"the child ended before checkpoint {where!r}", child.report))
    return child.report


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _told(what: str, report: ChildReport) -> str:
    return (
        f"{what}: exit status {report.exit_status} after checkpoints {list(report.checkpoints)}; "
        f"it wrote:\n{report.output}{report.errors}"
    )
