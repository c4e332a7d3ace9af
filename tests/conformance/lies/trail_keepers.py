"""
Stores that remove something else than they were asked to.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override

from poslife._domain.identifiers import EventId, RunId
from poslife.errors import ErasureRefused, EventNotFound, InvalidValue, PurgeRefused
from poslife.protocols import BuriedLetter
from tests.conformance.honest_store import HonestStore

__all__ = ["LIES"]


class KeepsSalts(HonestStore):
    """Erases payloads and keeps their salts, by which they can be guessed."""

    @override
    async def erase(self, event: EventId, /, *, why: str) -> None:
        before = self.inner._host_events.records.get(event)
        await super().erase(event, why=why)
        if before is not None:
            self.inner._host_events.records[event] = replace(before, payload=None)


class ErasesNothing(HonestStore):
    """Records an erasure, and keeps the evidence."""

    @override
    async def erase(self, event: EventId, /, *, why: str) -> None:
        before = list(self.inner._life_events.records)
        await super().erase(event, why=why)
        self.inner._life_events.records = before


class ErasesBodies(HonestStore):
    """Lets a life event without evidence be erased."""

    @override
    async def erase(self, event: EventId, /, *, why: str) -> None:
        try:
            await super().erase(event, why=why)
        except ErasureRefused:
            return


class ForgetsLetters(HonestStore):
    """Keeps the payload in the dead letter."""

    @override
    async def erase(self, event: EventId, /, *, why: str) -> None:
        before = dict(self.inner._host_events.letters)
        await super().erase(event, why=why)
        self.inner._host_events.letters = before


class KeepsReasons(HonestStore):
    """Keeps the reason of a dead letter, which may quote its payload."""

    @override
    async def erase(self, event: EventId, /, *, why: str) -> None:
        letters = self.inner._host_events.letters
        before = letters.get(event)
        await super().erase(event, why=why)
        if before is not None:
            letter = replace(letters[event].letter, reason=before.letter.reason)
            letters[event] = BuriedLetter(letter=letter, buried_at=before.buried_at)


class ReasonsAnew(HonestStore):
    """Overwrites the reason of an erasure with the next one."""

    @override
    async def erase(self, event: EventId, /, *, why: str) -> None:
        self.inner._removals.erasures.pop(event, None)
        await super().erase(event, why=why)


class ErasesInSilence(HonestStore):
    """Erases an unknown event without an error."""

    @override
    async def erase(self, event: EventId, /, *, why: str) -> None:
        try:
            await super().erase(event, why=why)
        except EventNotFound:
            return


class PurgesWithoutLetters(HonestStore):
    """Keeps the dead letters of what was purged."""

    @override
    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        before = dict(self.inner._host_events.letters)
        await super().purge(run, upto, why=why)
        self.inner._host_events.letters = before


class PurgesEveryRun(HonestStore):
    """Purges the events of all runs."""

    @override
    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        await super().purge(run, upto, why=why)
        records = self.inner._host_events.records
        for event in [event for event, record in records.items() if (record.sequence or 0) <= upto]:
            del records[event]


class RecordsWhatWasAsked(HonestStore):
    """Records the number that was asked for, and not that of the last deleted event."""

    @override
    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        await super().purge(run, upto, why=why)
        purges = self.inner._removals.purges
        for place, purge in purges.items():
            purges[place] = replace(purge, upto=upto)


class PurgesOnce(HonestStore):
    """Refuses a second purge of a run."""

    @override
    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        if any(purge.run == run for purge in self.inner._removals.purges.values()):
            raise PurgeRefused(run, upto, "it was purged")
        await super().purge(run, upto, why=why)


class PurgesTheRunning(HonestStore):
    """Purges a run that has not ended."""

    @override
    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        known = self.inner._runs.by_id.pop(run, None)
        await super().purge(run, upto, why=why)
        if known is not None:
            self.inner._runs.by_id[run] = known


class PurgesAtMost(HonestStore):
    """Purges what there is, however far it was asked to go."""

    @override
    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        try:
            await super().purge(run, upto, why=why)
        except PurgeRefused:
            last = [head.sequence for _, head in self.inner._host_events.numbers_of(run)]
            if last:
                await super().purge(run, max(last), why=why)


class PurgesLives(HonestStore):
    """Deletes the life events of the run, too."""

    @override
    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        await super().purge(run, upto, why=why)
        self.inner._life_events.records.clear()


class NeedsNoReason(HonestStore):
    """Erases without a reason."""

    @override
    async def erase(self, event: EventId, /, *, why: str) -> None:
        try:
            await super().erase(event, why=why)
        except InvalidValue:
            await super().erase(event, why="no reason")


class ErasesWhenAway(HonestStore):
    """Reports an event as erased in an outage."""

    @override
    async def erase(self, event: EventId, /, *, why: str) -> None:
        if not self.away:
            await super().erase(event, why=why)


class PurgesWhenAway(HonestStore):
    """Reports events as purged in an outage."""

    @override
    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        if not self.away:
            await super().purge(run, upto, why=why)


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (KeepsSalts, "test_erase_a_payload"),
    (ErasesNothing, "test_erase_evidence"),
    (ErasesBodies, "test_a_body_is_never_erased"),
    (ForgetsLetters, "test_erase_a_dead_letter"),
    (KeepsReasons, "test_erase_a_dead_letter"),
    (ReasonsAnew, "test_erase_again"),
    (ErasesInSilence, "test_erase_an_unknown_event"),
    (PurgesWithoutLetters, "test_purge"),
    (PurgesEveryRun, "test_purge"),
    (RecordsWhatWasAsked, "test_purge_up_to_a_missing_number"),
    (PurgesOnce, "test_purge_further"),
    (PurgesTheRunning, "test_purge_of_a_run_that_has_not_ended"),
    (PurgesAtMost, "test_purge_of_nothing"),
    (PurgesLives, "test_life_events_are_never_purged"),
    (NeedsNoReason, "test_a_reason_is_needed"),
    (ErasesWhenAway, "test_unreachable_store_raises"),
    (PurgesWhenAway, "test_unreachable_store_raises"),
)
