"""
What either bot can be asked: each a line of JSON to its process, which answers with an outcome in a word.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

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


class Driver(Protocol):
    """
    The commands.

    `burst` records events at once, the one in the middle of another type or about another position. `load`
    records them until killed, every fourth about the position in *symbol*. `watch` waits until the bot has
    noticed that its database is away, `settle` until nothing is left to be written.
    """

    async def open(self, symbol: str, quantity: str) -> str: ...

    async def close(self, symbol: str) -> str: ...

    async def sync(self) -> str: ...

    async def burst(self, kind: str, count: int, odd_kind: str, odd_position: str) -> str: ...

    async def load(self, kind: str, position_kind: str, symbol: str, with_turns: int) -> str: ...

    async def watch(self) -> str: ...

    async def settle(self) -> str: ...


async def record_under_load(record: Callable[[int], Awaitable[object]], *, with_turns: int) -> str:
    """
    Call *record* with 1, 2, 3, ... until killed, or until the process that would kill this one has gone.

    After *with_turns* calls nothing else in this process gets a turn, so that a backlog is certain.
    """
    number, parent = 0, os.getppid()
    while os.getppid() == parent:
        for _ in range(20):
            number += 1
            await record(number)
        if number < with_turns:
            await asyncio.sleep(0)
    return "Recorded"
