"""
The hooks with which a host gives its sink to the suite.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from poslife._domain.event_envelopes import HostBody, HostEvent, RecordedEvent
from poslife.conformance._assertions import same
from poslife.conformance._example_records import plain_payload
from poslife.protocols import DeadLetter, EventSink

__all__ = ["SinkHooks", "check_numbers"]


class SinkHooks(ABC):
    """
    A fresh sink, and access to the store behind it.
    """

    @abstractmethod
    def sink(self) -> AbstractAsyncContextManager[EventSink]:
        """
        Make a sink over a fresh and empty store. Each test asks once; leaving it closes the sink.
        """

    @abstractmethod
    async def stored(self) -> Sequence[RecordedEvent]:
        """
        Return the events in the store, in the order in which they were stored.
        """

    @abstractmethod
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        """
        Make the store behind the sink unreachable, while it is entered.
        """

    def refusing(self, type: str, /) -> AbstractAsyncContextManager[None] | None:
        """
        Make the store refuse events of this type for good, while it is entered.

        *Default*: ``None``, for a store that refuses nothing; dead letters are not tested then.
        """
        del type
        return None

    async def buried(self) -> Sequence[DeadLetter]:
        """
        Return the dead letters in the store. *Default*: none.
        """
        return ()

    async def _check_stored(self, events: Sequence[HostEvent]) -> None:
        """
        Check that exactly *events* are stored: each once, whole, numbered, and in order within its run.
        """
        stored = await self.stored()
        ids = [event.header.id for event in stored]
        same(len(ids), len(set(ids)), "the number of different events stored")
        same(len(events), len(stored), "the number of events stored")
        for run in {event.header.run for event in events}:
            expected = [event for event in events if event.header.run == run]
            found = [event for event in stored if event.header.run == run]
            same([event.header for event in expected], [event.header for event in found], "a run's headers")
            same(
                [HostBody(payload=plain_payload(event)) for event in expected],
                [event.body for event in found],
                "a run's payloads",
            )
        check_numbers(stored)


def check_numbers(stored: Sequence[RecordedEvent]) -> None:
    """
    Check that the events of each run are numbered from 1 without gaps, in the order of storing.
    """
    for run in {event.header.run for event in stored}:
        numbers = [event.sequence for event in stored if event.header.run == run]
        same(list(range(1, len(numbers) + 1)), numbers, "a run's sequences, in the order of storing")
