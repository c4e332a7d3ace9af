"""
A batch writer that fails as a test tells it to, for a host's own tests of what its sink does then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from poslife._runtime.clock import SystemClock
from poslife.errors import StorageRejected, StorageUnavailable
from poslife.protocols import BatchWriter, Clock, DeadLetter, EventRecord

__all__ = ["Hang", "LoseReply", "Raise", "ScriptedWriter", "Slow", "Step", "Store"]

Predicate = Callable[[EventRecord], bool]


@dataclass(frozen=True, slots=True)
class Store:
    """
    The batch is stored, and its caller told so.
    """


@dataclass(frozen=True, slots=True)
class Raise:
    """
    Nothing is stored.

    Attributes:
        error: What is raised.
    """

    error: BaseException


@dataclass(frozen=True, slots=True)
class LoseReply:
    """
    The batch is stored, and its caller does not learn of it: it is unknown, and will be written again.

    Attributes:
        error: What is raised instead of the reply; by default `StorageUnavailable`.
    """

    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Slow:
    """
    The batch is stored after a while.

    Attributes:
        seconds: How long it takes, by the writer's clock.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """
    Nothing comes back until `ScriptedWriter.go_on` is called; then the batch is stored.
    """


Step: TypeAlias = Store | Raise | LoseReply | Slow | Hang
"""
What one `BatchWriter.write` comes to.
"""


class ScriptedWriter:
    """
    A `BatchWriter` around another one.

    The first batches go as the script says, a step for each; those after its end are stored. Refused and
    toxic events are looked for before that, in every batch::

        writer = ScriptedWriter(
            MemoryStore(),
            [Raise(StorageUnavailable("switched off")), LoseReply(), Hang()],
            refuses=lambda record: record.header.type == "bad",
        )

    Args:
        inner: Where events are stored.
        script: What the first calls of `write` come to.
        refuses: Which events are refused for good, with `StorageRejected` and their ``row``.
        toxic: Which events take the connection down whenever they are sent: `StorageUnavailable`, while a
            probe succeeds.
        clock: For `Slow`.

    Attributes:
        batches: Every batch that was asked to be written, in order, whatever came of it.
        probes: How often it was probed.
        hangs: Set while a call hangs.
    """

    def __init__(
        self,
        inner: BatchWriter,
        script: Iterable[Step] = (),
        *,
        refuses: Predicate | None = None,
        toxic: Predicate | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._inner = inner
        self._script = deque(script)
        self._refuses = refuses
        self._toxic = toxic
        self._clock: Clock = SystemClock() if clock is None else clock
        self._outage: BaseException | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.batches: list[tuple[EventRecord, ...]] = []
        self.probes: int = 0
        self.hangs: asyncio.Event = asyncio.Event()

    def then(self, *steps: Step) -> None:
        """
        Write on at the script.
        """
        self._script.extend(steps)

    @contextmanager
    def failing(self, error: BaseException | None = None) -> Generator[None]:
        """
        While it is entered, writes, probes and burials raise *error*; by default the store is away.

        The script waits meanwhile.
        """
        before, self._outage = self._outage, StorageUnavailable("switched off") if error is None else error
        try:
            yield
        finally:
            self._outage = before

    def go_on(self) -> None:
        """
        Let the call that hangs longest go on.

        Raises:
            RuntimeError: None does.
        """
        while self._waiting:
            hanging = self._waiting.popleft()
            if not hanging.done():
                hanging.set_result(None)
                return
        raise RuntimeError("no write hangs")

    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        See `BatchWriter.write`.
        """
        self.batches.append(tuple(records))
        self._require_reachable()
        for row, record in enumerate(records):
            if self._toxic is not None and self._toxic(record):
                raise StorageUnavailable(f"the connection died of event {record.header.id}")
            if self._refuses is not None and self._refuses(record):
                raise StorageRejected(f"event {record.header.id} is refused", row=row)
        step = self._script.popleft() if self._script else Store()
        match step:
            case Raise(error):
                raise error
            case Slow(seconds):
                await self._clock.sleep(seconds)
            case Hang():
                await self._hang()
            case Store() | LoseReply():
                pass
            case _:
                assert_never(step)
        await self._inner.write(records)
        if isinstance(step, LoseReply):
            raise StorageUnavailable("the reply was lost") if step.error is None else step.error

    async def probe(self) -> None:
        """
        See `BatchWriter.probe`: it succeeds but for an outage, whatever becomes of batches.
        """
        self.probes += 1
        self._require_reachable()
        await self._inner.probe()

    async def bury(self, letter: DeadLetter, /) -> None:
        """
        See `BatchWriter.bury`.
        """
        self._require_reachable()
        await self._inner.bury(letter)

    def _require_reachable(self) -> None:
        if self._outage is not None:
            raise self._outage

    async def _hang(self) -> None:
        hanging: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(hanging)
        self.hangs.set()
        try:
            await hanging
        finally:
            if all(each.done() for each in self._waiting):
                self.hangs.clear()
