"""
A stage: a simulated venue in this process, and a bot in one of its own, which can be killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from poslife.cli.demo._failure import DemoFailed
from poslife.cli.demo._messages import Command, Did, Emitted, Stop, read, write
from poslife.testing.bybit import SimulatedBybit

__all__ = ["Stage"]

PATIENCE = 30.0
A_MOMENT = 0.005


class Stage:
    """
    One venue, one bot, and what the bot said.

    Args:
        kind: Which bot.
        place: Its store.
        account: The host's name for the account at the venue.
        log: The file its log goes to.

    Attributes:
        venue: The venue, and the truth about it.
        emitted: Every event the bot has emitted, in all its lives.
        lives: How often it was started.
    """

    def __init__(self, kind: str, place: str, account: str, log: Path) -> None:
        self.kind = kind
        self.venue = SimulatedBybit()
        self.emitted: list[Emitted] = []
        self.lives = 0
        self._place = place
        self._account = account
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.venue.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process is not None:
                await self.kill()
        finally:
            await self.venue.__aexit__(kind, error, trace)

    @property
    def log(self) -> list[str]:
        """
        What the bot has logged.
        """
        return self._log.read_text().splitlines() if self._log.exists() else []

    async def start(self) -> Did:
        """
        Start the bot. Returns what it says when it is ready.
        """
        self.lives += 1
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "poslife.cli.demo._child",
                self.kind,
                self._place,
                self.venue.url,
                self._account,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                # ^C in the terminal is for the demo, which ends its bots itself.
                start_new_session=True,
            )
        return await self._answer()

    async def ask(self, command: Command) -> Did:
        """
        Have a command carried out.
        """
        self.begin(command)
        return await self._answer()

    def begin(self, command: Command) -> None:
        """
        Send a command, and do not wait for it.
        """
        _, stdin, _ = self._running()
        stdin.write(write(command))

    async def until(self, holds: Callable[[], bool]) -> None:
        """
        Wait for something to happen at the venue.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._until(holds)
        except TimeoutError:
            raise self._failed("has not come as far as it should") from None

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():  # noqa: ASYNC110 - the venue's truth has no event to wait for
            await asyncio.sleep(A_MOMENT)

    async def kill(self) -> int:
        """
        SIGKILL. The bot does not get to do anything more. Returns its exit status.
        """
        process, stdin, _ = self._running()
        self._process = None
        if process.returncode is None:
            process.kill()
        stdin.close()
        await self._rest_of(process)
        return await process.wait()

    async def stop(self) -> None:
        """
        Let the bot shut down in good order.
        """
        await self.ask(Stop())
        process, stdin, _ = self._running()
        stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._rest_of(process)
                status = await process.wait()
        except TimeoutError:
            raise self._failed("does not end") from None
        self._process = None
        if status:
            raise self._failed(f"ended with exit status {status}")

    def _running(self) -> tuple[asyncio.subprocess.Process, asyncio.StreamWriter, asyncio.StreamReader]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise DemoFailed(f"the {self.kind} bot is not running")
        return process, process.stdin, process.stdout

    async def _answer(self) -> Did:
        _, _, stdout = self._running()
        try:
            async with asyncio.timeout(PATIENCE):
                while line := await stdout.readline():
                    message = read(line)
                    if isinstance(message, Did):
                        return message
                    self._note(message)
        except TimeoutError:
            raise self._failed(f"has not answered for {PATIENCE} s") from None
        raise self._failed("has ended")

    async def _rest_of(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # it was started with a pipe
        while line := await process.stdout.readline():
            # Half a line is what a killed process was about to say.
            if line.endswith(b"\n"):
                self._note(read(line))

    def _note(self, message: object) -> None:
        if isinstance(message, Emitted):
            self.emitted.append(message)

    def _failed(self, what: str) -> DemoFailed:
        tail = "\n".join(self.log[-15:])
        return DemoFailed(f"the {self.kind} bot {what}; it logged:\n{tail}")
