"""
A stage: a simulated venue in this process, and a bot in one of its own, which can be killed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from examples.demo.books import count_kept
from examples.demo.failure import DemoFailed
from examples.demo.messages import Command, Did, Stop, read, write
from examples.demo.place import Place, journal_in, words_in
from examples.demo.words import Word, WordFile
from poslife.testing.bybit import SimulatedBybit

__all__ = ["Killed", "Stage"]

PATIENCE = 30.0
A_MOMENT = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """
    How a life of the bot ended that did not end in good order.

    Attributes:
        status: The exit status: minus the signal's number.
        recorded: How many events the bot had recorded by then, in all its lives.
        kept: How many of them each of its writers has, dead letters included.
    """

    status: int
    recorded: int
    kept: Mapping[str, int]


class Stage:
    """
    One venue, one bot, and what the bot said.

    Args:
        kind: Which bot.
        place: Its store, and a folder for what is kept outside it.
        account: The host's name for the account at the venue.
        loses_journal: Sabotage: whether the bot's journal is gone when it is started again.

    Attributes:
        venue: The venue, and the truth about it.
        place: The bot's store.
        killed: Each time it was killed.
    """

    def __init__(self, kind: str, place: Place, account: str, *, loses_journal: bool = False) -> None:
        self.kind = kind
        self.venue = SimulatedBybit()
        self.place = place
        self.killed: list[Killed] = []
        self._account = account
        self._loses_journal = loses_journal
        self._log = place.folder / f"{kind}.log"
        self._words = WordFile(words_in(place.folder, kind))
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.venue.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process is not None:
                await self._kill()
        finally:
            await self.venue.__aexit__(kind, error, trace)

    @property
    def log(self) -> list[str]:
        """
        What the bot has logged.
        """
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def words(self) -> list[Word]:
        """
        What the bot has said of its events, in all its lives.
        """
        self._words.read_on()
        return self._words.words

    @property
    def recorded(self) -> int:
        """
        How many events it has recorded: the calls that have returned.
        """
        self._words.read_on()
        return self._words.accepted

    async def start(self) -> Did:
        """
        Start the bot. Returns what it says when it is ready.
        """
        if self._loses_journal and self.killed:
            shutil.rmtree(journal_in(self.place.folder))
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "examples.demo.child",
                self.kind,
                self.place.address,
                self.venue.url,
                self._account,
                str(self.place.folder),
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

    async def kill(self) -> Killed:
        """
        SIGKILL. The bot does not get to do anything more.
        """
        status = await self._kill()
        kept = await count_kept(self.place, self.kind)
        self.killed.append(Killed(status=status, recorded=self.recorded, kept=kept))
        return self.killed[-1]

    async def _kill(self) -> int:
        process, stdin, _ = self._running()
        self._process = None
        if process.returncode is None:
            process.kill()
        stdin.close()
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
                line = await stdout.readline()
        except TimeoutError:
            raise self._failed(f"has not answered for {PATIENCE} s") from None
        if not line:
            raise self._failed("has ended")
        answer = read(line)
        assert isinstance(answer, Did)  # a bot gives no commands
        return answer

    def _failed(self, what: str) -> DemoFailed:
        tail = "\n".join(self.log[-15:])
        return DemoFailed(f"the {self.kind} bot {what}; it logged:\n{tail}")
