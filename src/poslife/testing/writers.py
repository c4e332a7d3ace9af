"""
A batch writer that fails by a script, for a host's tests of its sink.
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
    Store the batch.
    """


@dataclass(frozen=True, slots=True)
class Raise:
    """
    Store nothing and raise.

    Attributes:
        error: The exception.
    """

    error: BaseException


@dataclass(frozen=True, slots=True)
class LoseReply:
    """
    Store the batch and raise, so that its outcome is unknown to the caller, which will write it again.

    Attributes:
        error: The exception in place of the reply. *Default*: `StorageUnavailable`.
    """

    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Slow:
    """
    Store the batch after a delay.

    Attributes:
        seconds: The delay, by the writer's clock.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """
    Wait until `ScriptedWriter.go_on` is called, then store the batch.
    """


Step: TypeAlias = Store | Raise | LoseReply | Slow | Hang
"""
The effect of one call of `BatchWriter.write`.
"""


class ScriptedWriter:
    """
    A `BatchWriter` around another one, which fails by a script.

    The script has one step for each of the first batches; those after its end are stored. Refused and toxic
    events are checked before that, in every batch::

        writer = ScriptedWriter(
            MemoryStore(),
            [Raise(StorageUnavailable("switched off")), LoseReply(), Hang()],
            refuses=lambda record: record.header.type == "bad",
        )

    Args:
        inner: The writer that stores.
        script: The steps for the first calls of `write`.
        refuses: Selects the events that are refused for good, with `StorageRejected` and their ``row``.
        toxic: Selects the events that break the connection whenever they are sent: `StorageUnavailable`,
            while a probe succeeds.
        clock: The clock of `Slow`.

    Attributes:
        batches: The batches of all calls of `write`, in order, stored or not.
        probes: The number of calls of `probe`.
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
        Append *steps* to the script.
        """
        self._script.extend(steps)

    @contextmanager
    def failing(self, error: BaseException | None = None) -> Generator[None]:
        """
        Let every `write`, `probe` and `bury` inside the block raise *error*; by default `StorageUnavailable`.

        The script does not advance meanwhile.
        """
        before, self._outage = self._outage, StorageUnavailable("switched off") if error is None else error
        try:
            yield
        finally:
            self._outage = before

    def go_on(self) -> None:
        """
        Let the call that has been hanging longest continue.

        Raises:
            RuntimeError: No call hangs.
        """
        while self._waiting:
            hanging = self._waiting.popleft()
            if not hanging.done():
                hanging.set_result(None)
                return
        raise RuntimeError("no write hangs")

    async def write(self, records: Sequence[EventRecord], /) -> None:
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
        Succeed unless inside `failing`, regardless of the script.
        """
        self.probes += 1
        self._require_reachable()
        await self._inner.probe()

    async def bury(self, letter: DeadLetter, /) -> None:
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
