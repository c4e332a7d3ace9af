"""
Folding telemetry: of events that come many times a second, the latest of each interval is kept.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from poslife._domain.event_envelopes import HostEvent, Severity
from poslife._domain.identifiers import EventId
from poslife._runtime.clock import SystemClock
from poslife._runtime.forking import after_fork_in_child
from poslife.errors import InvalidValue
from poslife.protocols import Clock, EventSink

__all__ = ["FoldingSink", "FoldingStats"]

_QUIET: Final = frozenset({Severity.DEBUG, Severity.INFO})


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldingStats:
    """
    Counts of events. At every moment ``emitted = passed + folded + waiting``.

    Attributes:
        emitted: Accepted by the folding sink.
        passed: Emitted to the inner sink.
        folded: Replaced by a later event of their key, which counts them.
        waiting: The latest of their keys, until their interval is over.
        keys: Keys within their interval now.
    """

    emitted: int
    passed: int
    folded: int
    waiting: int
    keys: int


@dataclass(slots=True)
class _Window:
    """
    An interval of one key, and what waits in it.
    """

    until: float
    latest: HostEvent | None = None
    folded: int = 0
    first_at: datetime | None = None


class FoldingSink:
    """
    An `EventSink` around another that folds telemetry: of each key it passes on one event an interval.

    The first event of a key is passed on at once. Of those that follow within *interval* seconds the latest
    waits, and is passed on when the interval is over, even if no other event comes. An event that a later one
    replaced is folded into that: its payload says under ``folded`` how many it stands for besides itself, and
    when the first and the last of them occurred. The id that `emit` returned for a folded event names nothing
    stored.

    Only host events go through a sink, so a life event is never folded. An event with an error, or of a
    severity above INFO, is passed on unchanged, after the event of its key that waits; so is everything while
    *most_keys* keys are within their interval.

    The last event of a key is passed on by a timer of the event loop that `emit` was called in first. Without
    a loop it waits for the next `emit`, `flush` or `aclose`. It waits in memory: a killed process loses the
    latest event of each key, at most *interval* seconds old.

    Args:
        inner: The sink that gets the rest. This one flushes and closes it.
        fold: The types of the events to fold, or a function that returns true for those.
        interval: Seconds.
        key: Returns the key of an event; events of one key are folded together. By default: type, position,
            venue, account and symbol, of the header or, where it has none, of the payload.
        most_keys: The most keys within their interval at once.
        clock: For the intervals.

    Raises:
        InvalidValue: An interval that is not positive, or no room for a key.
    """

    def __init__(
        self,
        inner: EventSink,
        *,
        fold: AbstractSet[str] | Callable[[HostEvent], bool],
        interval: float = 1.0,
        key: Callable[[HostEvent], Hashable] | None = None,
        most_keys: int = 10_000,
        clock: Clock | None = None,
    ) -> None:
        if not 0 < interval <= 86_400:
            raise InvalidValue(
                "FoldingSink.interval", interval, "a number of seconds above zero, at most 86400"
            )
        if most_keys < 1:
            raise InvalidValue("FoldingSink.most_keys", most_keys, "an int of at least 1")
        if isinstance(fold, str):
            raise InvalidValue("FoldingSink.fold", fold, "a set of event types, or a function")
        self._inner = inner
        self._folds: Callable[[HostEvent], bool] = fold if callable(fold) else _of_types(fold)
        self._interval = interval
        self._key: Callable[[HostEvent], Hashable] = _default_key if key is None else key
        self._most_keys = most_keys
        self._clock: Clock = SystemClock() if clock is None else clock
        # Reentrant: the inner sink may warn, and the host may record its warnings.
        self._lock = threading.RLock()
        # All are of one length, so they are in the order in which they end.
        self._windows: OrderedDict[Hashable, _Window] = OrderedDict()
        self._emitted = 0
        self._passed = 0
        self._folded = 0
        self._waiting = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_requested = False
        self._closed = False
        after_fork_in_child(self._reset_after_fork)

    def _reset_after_fork(self) -> None:
        """
        Drop, in the child of a fork, what waits: the parent passes it on.
        """
        self._lock = threading.RLock()
        self._windows.clear()
        self._emitted -= self._waiting
        self._waiting = 0
        self._loop, self._timer, self._timer_requested = None, None, False

    def emit(self, event: HostEvent, /) -> EventId:
        with self._lock:
            self._emitted += 1
            self._release_due(self._clock.monotonic())
            key = self._key_of(event)
            if key is None or self._closed:
                return self._forward(event)
            window = self._windows.get(key)
            if not _is_foldable(event):
                if window is not None:
                    self._release(window)
                return self._forward(event)
            if window is None:
                if len(self._windows) < self._most_keys:
                    self._windows[key] = _Window(until=self._clock.monotonic() + self._interval)
                return self._forward(event)
            self._hold(window, event)
        return event.header.id

    def stats(self) -> FoldingStats:
        """
        Return the counts, at one moment.
        """
        with self._lock:
            return FoldingStats(
                emitted=self._emitted,
                passed=self._passed,
                folded=self._folded,
                waiting=self._waiting,
                keys=len(self._windows),
            )

    async def flush(self, timeout: float | None = None, /) -> None:
        """
        Pass on what waits, and flush the inner sink.
        """
        with self._lock:
            self._release_all()
        await self._inner.flush(timeout)

    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        Pass on what waits, and close the inner sink. From then on nothing is folded.
        """
        with self._lock:
            self._closed = True
            self._release_all()
            self._windows.clear()
        await self._inner.aclose(deadline)

    def _key_of(self, event: HostEvent) -> Hashable | None:
        """
        Return the key of an event to fold; ``None`` for any other, and where the host's function raises.
        """
        given: object = event
        if not isinstance(given, HostEvent) or type(given.payload) is not dict:
            return None  # the inner sink reports it as misuse
        try:
            if not self._folds(event):
                return None
            key = self._key(event)
            hash(key)
        except Exception:  # noqa: BLE001 - a host's function may raise anything; `emit` may not
            return None
        return ("key", key)

    def _forward(self, event: HostEvent) -> EventId:
        self._passed += 1
        return self._inner.emit(event)

    def _hold(self, window: _Window, event: HostEvent) -> None:
        if window.latest is None:
            self._waiting += 1
        else:
            if window.first_at is None:
                window.first_at = window.latest.header.occurred_at
            window.folded += 1
            self._folded += 1
        window.latest = event
        if not self._timer_requested or self._loop is None or self._loop.is_closed():
            self._request_timer()

    def _release(self, window: _Window) -> None:
        event, folded, first_at = window.latest, window.folded, window.first_at
        if event is None:
            return
        window.latest, window.folded, window.first_at = None, 0, None
        self._waiting -= 1
        self._passed += 1
        self._inner.emit(_with_counts(event, folded, first_at))

    def _release_all(self) -> None:
        for window in list(self._windows.values()):
            self._release(window)

    def _release_due(self, now: float) -> None:
        """
        Pass on the events whose interval is over.
        """
        while self._windows:
            key, window = next(iter(self._windows.items()))
            if window.until > now:
                return
            del self._windows[key]
            if window.latest is not None:
                # Its own interval begins with it, so that each has one event.
                self._windows[key] = _Window(until=now + self._interval)
                self._release(window)

    def _request_timer(self) -> None:
        """
        Have the loop set a timer for the end of the first interval.
        """
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if self._loop is None or self._loop.is_closed():
            self._loop, self._timer = running, None
        if self._loop is None:
            return  # the next `emit` passes it on
        self._timer_requested = True
        if running is self._loop:
            self._set_timer()
        else:
            try:
                self._loop.call_soon_threadsafe(self._set_timer)
            except RuntimeError:
                self._timer_requested = False  # the loop was closed just now

    def _set_timer(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._timer_requested = self._waiting > 0
            if self._timer_requested and self._loop is not None:
                first = next(window for window in self._windows.values() if window.latest is not None)
                delay = max(first.until - self._clock.monotonic(), 0.001)
                self._timer = self._loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        with self._lock:
            self._release_due(self._clock.monotonic())
            self._set_timer()


def _of_types(types: AbstractSet[str]) -> Callable[[HostEvent], bool]:
    folded = frozenset(types)
    return lambda event: event.header.type in folded


def _is_foldable(event: HostEvent) -> bool:
    return event.error is None and event.header.severity in _QUIET


def _default_key(event: HostEvent) -> Hashable:
    header = event.header
    symbol: object = header.symbol
    if symbol is None:
        symbol = event.payload.get("symbol")
    return header.type, header.ref, header.venue, header.account, symbol


def _with_counts(event: HostEvent, folded: int, first_at: datetime | None) -> HostEvent:
    if not folded or first_at is None:
        return event
    counts = {"count": folded, "first_at": first_at, "last_at": event.header.occurred_at}
    name = "folded"
    while name in event.payload:
        name += "_"
    return msgspec.structs.replace(event, payload={**event.payload, name: counts})
