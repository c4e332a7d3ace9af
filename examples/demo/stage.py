"""
A stage: a simulated venue in this process, and a bot in one of its own, which can be killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from examples.demo.books import count_kept
from examples.demo.database import Database, DemoFailed
from examples.demo.driver import Command, Life
from examples.demo.witness import Emitting, Witnessed, count_emitted, read_witness
from poslife.testing.bybit import SimulatedBybit

ResultT = TypeVar("ResultT")

PATIENCE = 30.0
PROJECT = Path(__file__).parents[2]


class Stage:
    """
    One venue and one bot, ``poslife`` or ``old-way``.

    Attributes:
        venue: The venue, and the truth about it.
        behind: For each SIGKILL, how many of the events recorded by then each writer did not have.
    """

    def __init__(self, bot: str, database: Database) -> None:
        self.bot = bot
        self.venue = SimulatedBybit()
        self.behind: list[Mapping[str, int]] = []
        self._database = database
        self._log = database.folder / f"{bot}.log"
        self._lives: list[Life] = []
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.venue.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._process is not None:
                await self._end(kill=True)
        finally:
            await self.venue.__aexit__(None, None, None)

    @property
    def log(self) -> Sequence[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def witnessed(self) -> Sequence[Witnessed]:
        """
        What each life of the bot did with its events.
        """
        return [read_witness(life.witness) for life in self._lives]

    @property
    def emitting(self) -> Sequence[Emitting]:
        """
        The events that the bot began to record, in all its lives.
        """
        return [event for life in self.witnessed for event in life.emitting]

    @property
    def recorded(self) -> int:
        """
        How many events the bot has recorded: the calls that have returned.
        """
        return sum(count_emitted(life.witness) for life in self._lives)

    async def start(self) -> str:
        """
        Start the bot, and wait until it is ready.
        """
        life = Life(
            bot=self.bot,
            number=len(self._lives) + 1,
            database=self._database.address,
            venue=self.venue.url,
            folder=str(self._database.folder),
        )
        self._lives.append(life)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "examples.demo.process", msgspec.json.encode(life).decode()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=PROJECT,
                # ^C in the terminal is for the demo, which ends its bots itself.
                start_new_session=True,
            )
        return await self._answer()

    async def ask(self, command: str, *arguments: str | int) -> str:
        """
        Have a method of `Driver` called.
        """
        self.begin(command, *arguments)
        return await self._answer()

    def begin(self, command: str, *arguments: str | int) -> None:
        """
        Have a method of `Driver` called, without waiting for it.
        """
        stdin = self._running().stdin
        assert stdin is not None
        stdin.write(msgspec.json.encode(Command(command, arguments)) + b"\n")

    async def until(self, holds: Callable[[], bool]) -> None:
        """
        Wait for something that is visible from here.
        """

        async def wait() -> None:
            while not holds():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)

        await self._in_time(wait(), "has not come as far as it should")

    async def kill(self) -> None:
        """
        SIGKILL the bot.
        """
        await self._end(kill=True)
        kept, recorded = await count_kept(self._database, self.bot), self.recorded
        self.behind.append({writer: max(recorded - count, 0) for writer, count in kept.items()})

    async def stop(self) -> None:
        """
        Let the bot shut down in good order.
        """
        if status := await self._in_time(self._end(kill=False), "does not end"):
            raise self._failed(f"ended with exit status {status}")

    async def _end(self, *, kill: bool) -> int:
        process = self._running()
        if kill and process.returncode is None:
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        status = await process.wait()
        self._process = None
        return status

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise DemoFailed(f"the {self.bot} bot is not running")
        return self._process

    async def _answer(self) -> str:
        stdout = self._running().stdout
        assert stdout is not None
        line = await self._in_time(stdout.readline(), "does not answer")
        if not line:
            raise self._failed("has ended")
        return line.decode().strip()

    async def _in_time(self, work: Awaitable[ResultT], otherwise: str) -> ResultT:
        try:
            return await asyncio.wait_for(work, PATIENCE)
        except TimeoutError:
            raise self._failed(f"{otherwise}, for {PATIENCE:g} s") from None

    def _failed(self, what: str) -> DemoFailed:
        return DemoFailed("\n".join([f"the {self.bot} bot {what}; it logged:", *self.log[-15:]]))
