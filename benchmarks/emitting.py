"""
The cost of one event: `record` and `emit` with a journal, against the minimum with the same effect.

The floor is the same id, the same clock, the same encoding of header and payload (of any value, secrets
redacted), and one ``os.write``: no lock, no sequence number, no digest, no checksum, no queue. The least is
the same with the payload as plain JSON, which raises on the first NaN, set or exception.

For comparison there are a bot's alternatives, which guarantee less: a queue loses everything when the process
is killed, a log cannot be queried, and an OpenTelemetry exporter drops events when its queue is full.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from poslife import (
    Account,
    BatchingSink,
    FoldingSink,
    PendingPosition,
    PositionKey,
    PositionTracker,
    Severity,
    Side,
    Symbol,
    Venue,
    redact_secrets,
)
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import EventIds, new_ref, new_run_id
from poslife._trail.host_events import encode_event
from poslife._trail.record_format import SALT_BYTES
from poslife._trail.records import encode_record
from poslife.events import EventHeader, HostEvent
from poslife.journal import FileJournal
from poslife.memory import MemoryStore
from poslife.protocols import DeadLetter, EventRecord

__all__ = ["BURST", "BURSTS", "Result", "measure"]

BURSTS = 300
BURST = 50
"""
The events recorded without yielding to the event loop, as a bot does.
"""
ROUNDS = 5

PAYLOAD: dict[str, object] = {
    "side": "long",
    "price": Decimal("60123.45"),
    "quantity": Decimal("0.015"),
    "reason": "signal score above its threshold",
    "score": 0.8731,
    "attempt": 2,
}

PAYLOAD_WITH_A_SET: dict[str, object] = {**PAYLOAD, "tags": {"breakout"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    The cost of one method, in microseconds per event, and its ratio to the floor.
    """

    method: str
    median: float
    p99: float
    ratio: float
    note: str = ""


class _Nowhere:
    """
    A store that accepts everything at once, so that only recording is measured.
    """

    async def write(self, records: Sequence[EventRecord], /) -> None:
        pass

    async def probe(self) -> None:
        pass

    async def bury(self, letter: DeadLetter, /) -> None:
        raise NotImplementedError


Method = tuple[str, Callable[[], object], str]


async def measure() -> list[Result]:
    """
    Measure all methods in turns, so that a busy moment of the machine affects all of them.
    """
    taken: dict[str, list[tuple[float, float]]] = {}
    notes: dict[str, str] = {}
    missing: list[str] = []
    for _ in range(ROUNDS):
        async with _methods() as (methods, absent):
            missing = absent
            for name, act, note in methods:
                taken.setdefault(name, []).append(await _timed(act))
                notes[name] = note
    found = {
        name: [statistics.median(column) for column in zip(*rounds, strict=True)]
        for name, rounds in taken.items()
    }
    floor = found["floor"][0]
    results = [
        Result(method=name, median=median, p99=p99, ratio=median / floor, note=notes[name])
        for name, (median, p99) in found.items()
    ]
    return results + [Result(method=name, median=0, p99=0, ratio=0, note="not installed") for name in missing]


async def _timed(act: Callable[[], object]) -> tuple[float, float]:
    """
    Return the median and 99th percentile of single calls, in microseconds, without the cost of the clock.
    """
    now = time.perf_counter_ns
    for _ in range(BURST):
        act()
    gc.collect()
    gc.freeze()
    spans: list[int] = []
    for _ in range(BURSTS):
        for _ in range(BURST):
            begun = now()
            act()
            spans.append(now() - begun)
        await asyncio.sleep(0)
    gc.unfreeze()
    idle = statistics.median([-(now() - now()) for _ in range(1000)])
    spans.sort()
    return (spans[len(spans) // 2] - idle) / 1000, (spans[len(spans) * 99 // 100] - idle) / 1000


@asynccontextmanager
async def _methods() -> AsyncGenerator[tuple[list[Method], list[str]]]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        methods: list[Method] = [
            ("floor", _floor(stack, folder), "same id, clock, encoding; one os.write"),
            ("least", _least(stack, folder), "id, time, plain JSON; one os.write"),
        ]
        methods += await _poslife(stack, folder)
        methods += [
            ("asyncio.Queue.put_nowait", _queue(), "lost when killed"),
            ("logging to a file", _logging(stack, folder), "JSON in the message"),
        ]
        missing: list[str] = []
        for name, make in (("structlog to a file", _structlog), ("OpenTelemetry logs", _opentelemetry)):
            try:
                methods.append((name, *make(stack, folder)))
            except ImportError:
                missing.append(name)
        yield methods, missing


def _floor(stack: AsyncExitStack, folder: Path) -> Callable[[], object]:
    clock = SystemClock()
    ids, run = EventIds(clock), new_run_id(clock)
    salt = bytes(SALT_BYTES)
    file = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    stack.callback(os.close, file)

    def floor() -> None:
        at = clock.now()
        header = EventHeader(id=ids.new(at), type="signal.seen", occurred_at=at, run=run)
        header, payload = encode_event(HostEvent(header=header, payload=PAYLOAD), redact_secrets)
        record = EventRecord(header=header, recorded_at=at, sequence=1, payload=payload, salt=salt)
        os.write(file, encode_record(record))

    return floor


def _least(stack: AsyncExitStack, folder: Path) -> Callable[[], object]:
    clock = SystemClock()
    to_json = msgspec.json.Encoder(order="deterministic").encode
    to_frame = msgspec.msgpack.Encoder(uuid_format="bytes").encode
    ids, run = EventIds(clock), new_run_id(clock)
    file = os.open(folder / "least", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    stack.callback(os.close, file)

    def least() -> None:
        at = clock.now()
        os.write(file, to_frame((ids.new(at), "signal.seen", at, run, to_json(PAYLOAD))))

    return least


async def _poslife(stack: AsyncExitStack, folder: Path) -> list[Method]:
    clock = SystemClock()
    journaled = BatchingSink(_Nowhere(), journal=FileJournal(folder / "journal"))
    in_memory = BatchingSink(_Nowhere())
    folding = FoldingSink(BatchingSink(_Nowhere()), fold={"price.tick"}, interval=1.0)
    for sink in (journaled, in_memory, folding):
        stack.push_async_callback(sink.aclose)
    tracker = PositionTracker(repository=MemoryStore(), sink=journaled)
    folded = PositionTracker(repository=MemoryStore(), sink=folding)
    ids, run = EventIds(clock), new_run_id(clock)
    key = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=Symbol("BTC/USDT:USDT"))
    position = PendingPosition(
        ref=new_ref(clock),
        key=key,
        side=Side.LONG,
        requested_quantity=Decimal(1),
        orders=(),
        created_at=clock.now(),
    )

    def emitter(sink: BatchingSink) -> Callable[[], object]:
        def emit() -> None:
            at = clock.now()
            header = EventHeader(id=ids.new(at), type="signal.seen", occurred_at=at, run=run)
            sink.emit(HostEvent(header=header, payload=PAYLOAD))

        return emit

    error = _raised()
    return [
        ("emit(), journaled", emitter(journaled), "survives SIGKILL"),
        ("record(), journaled", lambda: tracker.record("signal.seen", None, PAYLOAD), "survives SIGKILL"),
        ("record() of a position, journaled", lambda: tracker.record("signal.seen", position, PAYLOAD), ""),
        (
            "record() with a set in it, journaled",
            lambda: tracker.record("signal.seen", None, PAYLOAD_WITH_A_SET),
            "not the encoder's fast path",
        ),
        ("emit(), in memory", emitter(in_memory), "no journal"),
        ("record() of a folded tick", lambda: folded.record("price.tick", None, PAYLOAD), "FoldingSink"),
        (
            "record() of an error, journaled",
            lambda: tracker.record("signal.failed", None, {}, severity=Severity.ERROR, error=error),
            "with its traceback",
        ),
    ]


def _raised() -> BaseException:
    try:
        _ = dict[str, int]()["price"]
    except KeyError as error:
        return error
    raise AssertionError


def _queue() -> Callable[[], object]:
    queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    return lambda: queue.put_nowait({"type": "signal.seen", "payload": PAYLOAD})


def _logging(stack: AsyncExitStack, folder: Path) -> Callable[[], object]:
    logger = logging.Logger("benchmark")  # noqa: LOG001 - no other handler may get its records
    handler = logging.FileHandler(folder / "log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    stack.callback(handler.close)
    return lambda: logger.info("signal.seen %s", json.dumps(PAYLOAD, default=str))


def _structlog(stack: AsyncExitStack, folder: Path) -> tuple[Callable[[], object], str]:
    structlog: Any = importlib.import_module("structlog")
    file = stack.enter_context((folder / "structlog").open("a", buffering=1))
    logger = structlog.wrap_logger(
        structlog.WriteLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(default=str),
        ],
    )
    return lambda: logger.info("signal.seen", **PAYLOAD), "JSON lines"


def _opentelemetry(stack: AsyncExitStack, _: Path) -> tuple[Callable[[], object], str]:
    logs: Any = importlib.import_module("opentelemetry.sdk._logs")
    export: Any = importlib.import_module("opentelemetry.sdk._logs.export")
    api: Any = importlib.import_module("opentelemetry._logs")

    class Exporter(export.LogRecordExporter):  # type: ignore[misc]
        def export(self, _: object) -> object:
            return export.LogRecordExportResult.SUCCESS

        def shutdown(self) -> None:
            pass

        def force_flush(self, _: int = 0) -> bool:
            return True

    provider = logs.LoggerProvider()
    provider.add_log_record_processor(export.BatchLogRecordProcessor(Exporter()))
    stack.callback(provider.shutdown)
    logger = provider.get_logger("benchmark")
    attributes = {
        key: value if isinstance(value, int | float | str) else str(value) for key, value in PAYLOAD.items()
    }
    return lambda: logger.emit(
        api.LogRecord(timestamp=time.time_ns(), body="signal.seen", attributes=attributes)
    ), "lost when killed"
