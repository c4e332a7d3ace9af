"""
What either bot can be asked: each a line of JSON to its process, which answers with an outcome in a word.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from pathlib import Path

import msgspec


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """
    The arguments of a bot's process; each restart is a new life.
    """

    bot: str
    number: int
    database: str
    venue: str
    folder: str

    @property
    def witness(self) -> Path:
        return Path(self.folder, f"{self.bot}.{self.number}.witness")


class Command(msgspec.Struct, frozen=True):
    """
    A method of `Driver`, and its arguments.
    """

    name: str
    arguments: tuple[str | int, ...]


class Driver(ABC):
    @abstractmethod
    async def open(self, symbol: str, quantity: str) -> str: ...

    @abstractmethod
    async def close(self, symbol: str) -> str: ...

    @abstractmethod
    async def sync(self) -> str: ...

    @abstractmethod
    async def record(self, kind: str, *, symbol: str = "", position: str = "") -> None:
        """
        Record an event about the position in *symbol*, or about one of a name that no position has.
        """

    @abstractmethod
    async def watch(self) -> str:
        """
        Wait until the bot has noticed that its database is away.
        """

    @abstractmethod
    async def settle(self) -> str:
        """
        Wait until nothing is left to be written.
        """

    async def burst(self, kind: str, count: int, odd_kind: str, odd_position: str) -> str:
        """
        Record *count* events at once, the one in the middle of another type or about another position.
        """
        for number in range(count):
            odd = number == count // 2
            await self.record(odd_kind if odd and odd_kind else kind, position=odd_position if odd else "")
        return "Recorded"

    async def load(self, kind: str, position_kind: str, symbol: str, with_turns: int) -> str:
        """
        Record events until killed, or until the process that would kill this one has gone.

        Every fourth is about the position in *symbol*. After *with_turns* of them nothing else in this
        process gets a turn, so that a backlog is certain.
        """
        recorded, parent = 0, os.getppid()
        while os.getppid() == parent:
            for number in range(20):
                await (self.record(kind) if number % 4 else self.record(position_kind, symbol=symbol))
            recorded += 20
            if recorded < with_turns:
                await asyncio.sleep(0)
        return "Recorded"
