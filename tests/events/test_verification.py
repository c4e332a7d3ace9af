"""
Stored events that were altered, removed, inserted or moved are faults of the digest chain.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from typing_extensions import override

from poslife import BatchingSink, PositionTracker, RunId, Side, VenueOrderId
from poslife._sink.options import Overflow
from poslife._trail.records import EventRecord, sealed
from poslife.conformance._example_changes import begin
from poslife.errors import StorageUnavailable
from poslife.events import ErasedBody, Severity, verify_trail
from poslife.journal import FileJournal
from poslife.memory import MemoryStore
from poslife.protocols import DeadLetter, FeedPage, FeedToken, Store, TrailKeeper
from poslife.sqlite import SqliteStore
from poslife.testing.clock import ManualClock
from tests.postgres_roles import as_bot
from tests.sink.fakes import FakeStore, event
from tests.tampering import tamper, tamper_postgres
from tests.tracker.scenes import KEY
from tests.values import RUN, new_event_id

FAULTS = [
    pytest.param(
        "UPDATE {p}run_events SET payload = '{{\"number\":9}}' WHERE sequence = 3",
        ["its payload was altered: it does not match its commitment"],
        id="a payload",
    ),
    pytest.param(
        "UPDATE {p}run_events SET severity = 'debug' WHERE sequence = 1",
        ["number 1 does not follow from the one before it in its run"],
        id="a severity",
    ),
    pytest.param(
        "UPDATE {p}run_events SET ref = NULL WHERE sequence = 2",
        ["number 2 does not follow from the one before it in its run"],
        id="what an event is about",
    ),
    pytest.param(
        "DELETE FROM {p}run_events WHERE sequence IN (2, 3)",
        ["before number 4 of its run, 2 to 3 is missing"],
        id="two events",
    ),
    pytest.param(
        "UPDATE {p}run_events SET sequence = CASE sequence WHEN 2 THEN 3 ELSE 2 END WHERE sequence IN (2, 3)",
        [
            "number 2 does not follow from the one before it in its run",
            "number 3 does not follow from the one before it in its run",
            "number 4 does not follow from the one before it in its run",
        ],
        id="two changed places",
    ),
    pytest.param(
        "UPDATE {p}run_events SET sequence = 2 WHERE sequence = 3",
        ["its run has two events with the number 2"],
        id="a number twice",
    ),
    pytest.param(
        "DELETE FROM {p}life_events WHERE type = 'order.submitting'",
        ["it does not follow from the life event before it in the store"],
        id="a life event",
    ),
    pytest.param(
        "UPDATE {p}life_events SET actor = 'operator' WHERE type = 'position.claimed'",
        ["it does not follow from the life event before it in the store"],
        id="who claimed a position",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    A store, the same opened by its owner, and a way into its database past it.
    """

    store: Store
    owner: TrailKeeper
    tamper: Callable[[str], object]


@asynccontextmanager
async def sqlite(path: Path) -> AsyncGenerator[Place]:
    store = SqliteStore(path)
    await store.open()
    yield Place(store=store, owner=store, tamper=lambda statement: tamper(path, statement.format(p="")))
    await store.aclose()


@asynccontextmanager
async def postgres(dsn: str) -> AsyncGenerator[Place]:
    from poslife.postgres import PostgresStore

    store, owner = PostgresStore(as_bot(dsn)), PostgresStore(dsn)
    await store.open()
    await owner.open()
    yield Place(
        store=store,
        owner=owner,
        tamper=lambda statement: tamper_postgres(dsn, statement.format(p="poslife.")),
    )
    await owner.aclose()
    await store.aclose()


async def trade(store: Store) -> None:
    """
    Five host events, and a position's first steps.
    """
    sink = BatchingSink(store)
    tracker = PositionTracker(repository=store, sink=sink)
    async with tracker:
        await tracker.recover()
        async with tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1)) as opening:
            for number in range(1, 6):
                tracker.record("bot.told", opening.ref, {"number": number})
            await opening.submit(_taken())
            await opening.acknowledged(VenueOrderId("v1"))
    await store.open()  # which the tracker has closed


async def _taken() -> None:
    pass


async def faults_of(store: Store) -> Sequence[str]:
    return [fault.what for fault in (await verify_trail(store)).faults]


async def test_a_trail_is_whole_in_memory() -> None:
    """
    What was written is as it was written; the report says how much.
    """
    store = MemoryStore()
    await trade(store)
    report = await verify_trail(store)

    assert (True, 0, ()) == (report.whole, report.dropped, report.purges)
    assert len(store.recorded_events()) == report.host_events
    assert report.life_events >= 4


@pytest.mark.parametrize("statement, faults", FAULTS)
async def test_an_altered_file_has_faults(statement: str, faults: Sequence[str], tmp_path: Path) -> None:
    """
    An event that is altered, moved or taken away does not fit between its neighbours (feature 87).
    """
    async with sqlite(tmp_path / "bot.db") as place:
        await trade(place.store)
        assert [] == await faults_of(place.store)
        place.tamper(statement)

        assert faults == await faults_of(place.store)


@pytest.mark.parametrize("statement, faults", FAULTS)
async def test_an_altered_database_has_faults(
    statement: str, faults: Sequence[str], postgres_dsn: str
) -> None:
    """
    As in a file (feature 87).
    """
    async with postgres(postgres_dsn) as place:
        await trade(place.store)
        assert [] == await faults_of(place.store)
        place.tamper(statement)

        assert faults == await faults_of(place.store)


async def test_what_a_journal_carries_over_is_linked_as_it_was(tmp_path: Path) -> None:
    """
    A store that was away when the process ended has, after the next start, a trail that is whole.
    """
    store = FakeStore()
    store.away = StorageUnavailable("connection refused")
    first = BatchingSink(store, journal=FileJournal(tmp_path), linger=0.0)
    for number in range(10):
        first.emit(event(number))
    with pytest.raises(Exception, match="10 events"):
        await first.aclose(0.0)
    store.away = None
    second = BatchingSink(store, journal=FileJournal(tmp_path), linger=0.0)
    await second.flush(20)
    await second.aclose(20)
    report = await verify_trail(store)

    assert (True, 10) == (report.whole, report.host_events)


async def test_a_dead_letter_is_part_of_the_trail() -> None:
    """
    It has its place between the others, as one that waits and as one that was replayed.
    """
    store = MemoryStore()
    sink = BatchingSink(store, linger=0.0)
    for number in range(5):
        sink.emit(event(number))
    await sink.aclose(20)
    records = (await store.read_run_events()).items
    other = MemoryStore()
    await other.write([*records[:2], records[3]])
    for refused in (records[2], records[4]):
        await other.bury(DeadLetter(record=refused, reason="refused"))
    with_letters = await verify_trail(other)
    await other.replay(records[2].header.id)
    alone = MemoryStore()
    await alone.bury(DeadLetter(record=records[0], reason="refused"))

    assert (True, 5) == (with_letters.whole, with_letters.host_events)
    assert (True, 5) == ((again := await verify_trail(other)).whole, again.host_events)
    assert (True, 1) == ((only := await verify_trail(alone)).whole, only.host_events)


async def test_what_was_dropped_is_counted_and_is_no_fault() -> None:
    """
    The sink leaves its numbers out, and says so; what it kept is linked across the gap (incident 49).
    """
    store = FakeStore()
    store.away = StorageUnavailable("connection refused")
    overflow = Overflow(most=3, drop_below=Severity.WARNING)
    sink = BatchingSink(store, linger=0.0, overflow=overflow)
    for number in range(8):
        sink.emit(event(number))
    store.away = None
    await sink.flush(20)
    sink.emit(event(9))
    await sink.aclose(20)
    report = await verify_trail(store)

    assert (True, 5, 5) == (report.whole, report.dropped, report.host_events)


async def test_a_missing_beginning_is_a_fault_without_a_purge() -> None:
    """
    Nothing but a recorded purge explains that the first events of a run are gone.
    """
    store = MemoryStore()
    sink = BatchingSink(store, linger=0.0)
    for number in range(5):
        sink.emit(event(number))
    await sink.aclose(20)
    rest = MemoryStore()
    await rest.write((await store.read_run_events()).items[2:])
    report = await verify_trail(rest)

    assert ((), 3) == (report.purges, report.host_events)
    assert ["before number 3 of its run, 1 to 2 is missing"] == [fault.what for fault in report.faults]


async def test_a_digest_made_anew_shows_at_the_next_event() -> None:
    """
    An attacker who alters an event and its digest has to alter every later one of its stream.
    """
    store = MemoryStore()
    sink = BatchingSink(store, linger=0.0)
    for number in range(3):
        sink.emit(event(number))
    await sink.aclose(20)
    first, second, third = (await store.read_run_events()).items
    altered = sealed(replace(second, payload=b'{"other":1}'), before=first.digest, salt=bytes(16))
    forged = MemoryStore()
    await forged.write([first, altered, third])
    report = await verify_trail(forged)

    assert [third.header.id] == [fault.event for fault in report.faults]
    assert RUN == report.faults[0].run


async def test_an_event_without_a_digest_is_a_fault() -> None:
    """
    Only what has no header array is in no chain: an inserted event cannot stay out of it.
    """
    store = MemoryStore()
    sink = BatchingSink(store, linger=0.0)
    sink.emit(event(1))
    await sink.aclose(20)
    (first,) = (await store.read_run_events()).items
    inserted = replace(first, header=replace(first.header, id=new_event_id()), sequence=2, digest=bytes(32))
    await store.write([inserted])
    report = await verify_trail(store)

    assert [inserted.header.id] == [fault.event for fault in report.faults]


# ------------------------------------------------------------------ payloads and evidence, erased and altered


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def located(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[Place]:
    """
    A file or a server: not async, because the server's database is made in a loop of its own.
    """
    if request.param == "sqlite":
        return sqlite(tmp_path / "bot.db")
    return postgres(request.getfixturevalue("postgres_dsn"))


@pytest.fixture
async def place(located: AbstractAsyncContextManager[Place]) -> AsyncGenerator[Place]:
    """
    An open store, and a way past it.
    """
    async with located as place:
        yield place


async def test_an_erased_payload_leaves_the_trail_whole(place: Place) -> None:
    """
    Salt and payload go, the commitment stays: the event is read as erased, its header checked (feature 118).
    """
    await trade(place.store)
    (erased,) = [one for one in (await place.store.read_run_events()).items if one.sequence == 3]
    await place.owner.erase(erased.header.id, why="asked for by the customer")
    report = await verify_trail(place.store)
    ref = (await place.store.list_live()).items[0].ref
    bodies = [one.body for one in (await place.store.list_history(ref)).items if one.sequence == 3]
    place.tamper("UPDATE {p}run_events SET severity = 'error' WHERE sequence = 3")

    assert (True, 1, 0) == (report.whole, report.erased, report.unverified)
    assert [ErasedBody()] == bodies
    assert ["number 3 does not follow from the one before it in its run"] == await faults_of(place.store)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {p}run_events SET payload = NULL WHERE sequence = 3",
        "UPDATE {p}run_events SET salt = NULL WHERE sequence = 3",
        "UPDATE {p}run_events SET commitment = NULL WHERE sequence = 3",
        "UPDATE {p}life_events SET body = NULL",
        "UPDATE {p}life_events SET salt = NULL",
        "UPDATE {p}life_events SET commitment = NULL",
        "UPDATE {p}life_events SET sequence = 1 WHERE ref IS NOT NULL",
    ],
)
async def test_half_an_erasure_is_refused_by_the_database(place: Place, statement: str) -> None:
    """
    Payload and salt go together, a commitment never does, and a body cannot be erased.
    """
    await trade(place.store)

    with pytest.raises((sqlite3.IntegrityError, RuntimeError), match="constraint"):
        place.tamper(statement)


async def unclaim(store: Store, *reasons: str) -> None:
    """
    Commit a change with unclaimed fills for each of *reasons*.
    """
    story = await begin(store)
    for reason in reasons:
        await store.commit(story.unclaimed(reason))


_UNCLAIMED_FAULT = "it does not follow from the life event without a position before it in its run"


@pytest.mark.parametrize(
    "statement, faults",
    [
        ("DELETE FROM {p}life_events WHERE sequence = 1", [_UNCLAIMED_FAULT]),
        ("DELETE FROM {p}life_events WHERE sequence = 2", [_UNCLAIMED_FAULT]),
        ("DELETE FROM {p}life_events WHERE sequence = 3", []),
        ("UPDATE {p}life_events SET sequence = 9 WHERE sequence = 3", [_UNCLAIMED_FAULT]),
        (
            'UPDATE {p}life_events SET evidence = \'{{"reason":"other"}}\' WHERE sequence = 2',
            ["its evidence was altered: it does not match its commitment"],
        ),
        (
            "UPDATE {p}life_events SET body = '{{}}' WHERE sequence = 2",
            ["its payload was altered: it does not match its commitment"],
        ),
        (
            "UPDATE {p}life_events SET salt = evidence_salt WHERE sequence = 2",
            ["its payload was altered: it does not match its commitment"],
        ),
        (
            "UPDATE {p}life_events SET evidence_salt = salt WHERE sequence = 2",
            ["its evidence was altered: it does not match its commitment"],
        ),
    ],
    ids=["first", "last but one", "last", "number", "evidence", "body", "salt", "salt of evidence"],
)
async def test_an_event_about_no_position_is_in_a_stream(
    place: Place, statement: str, faults: Sequence[str]
) -> None:
    """
    A deleted ``fill.unclaimed``, which says that money is unexplained, is found, but for the end of a stream.
    """
    await unclaim(place.store, "no such order", "flat", "flat again")
    assert [] == await faults_of(place.store)
    place.tamper(statement)

    assert faults == await faults_of(place.store)


async def test_erased_evidence_leaves_the_trail_whole(place: Place) -> None:
    """
    The body keeps the commitment, and what can be replayed is untouched (feature 118).
    """
    await unclaim(place.store, "no such order", "flat")
    erased = (await place.store.read_life_events()).items[0]
    await place.owner.erase(erased.header.id, why="asked for by the customer")
    report = await verify_trail(place.store)

    assert (True, 1, 2) == (report.whole, report.erased, report.life_events)


async def test_a_record_of_another_format_is_read_and_not_verified(place: Place) -> None:
    """
    A trail of two formats: the chain goes on over the digest that is stored, and the report counts.
    """
    await trade(place.store)
    await unclaim(place.store, "no such order", "flat", "flat again")
    place.tamper("UPDATE {p}run_events SET format = 2, severity = 'error' WHERE sequence = 3")
    place.tamper("UPDATE {p}life_events SET format = 2 WHERE type = 'order.submitting' OR sequence = 2")
    events = (await place.store.read_run_events()).items
    report = await verify_trail(place.store)
    place.tamper("UPDATE {p}run_events SET severity = 'error' WHERE sequence = 4")

    assert (True, 3, ()) == (report.whole, report.unverified, report.faults)
    assert [2] == [one.format for one in events if one.sequence == 3]
    assert ["number 4 does not follow from the one before it in its run"] == await faults_of(place.store)


class LyingClock(ManualClock):
    """
    A host's own, which gives no time on demand.
    """

    lies = False

    @override
    def now(self) -> datetime:
        return cast("datetime", object()) if self.lies else super().now()


async def test_what_no_journal_holds_is_in_no_stream(tmp_path: Path) -> None:
    """
    An event that cannot be encoded has no link, and those around it are linked to each other.
    """
    store, clock = MemoryStore(), LyingClock()
    sink = BatchingSink(store, journal=FileJournal(tmp_path), linger=0.0, clock=clock)
    sink.emit(event(1))
    clock.lies = True
    sink.emit(event(2))
    clock.lies = False
    sink.emit(event(3))
    await sink.aclose(20)
    report = await verify_trail(store)

    assert (True, 3) == (report.whole, report.host_events)


_SOURCE = Path(__file__).parents[2] / "src" / "poslife"


def test_no_stored_event_is_ever_changed() -> None:
    """
    No statement of any store updates an event, or deletes one but its own probe, or to move it (feature 78).

    Erasing and purging, which an owner asks for, are left out.
    """
    changing = re.compile(r"\b(?:UPDATE|DELETE FROM|TRUNCATE)\s+(?:poslife\.)?(?:run|life)_events\w*[^\"]*")
    found = [
        " ".join(match[0].split())
        for path in sorted(_SOURCE.glob("*/*.py"))
        if path.parent.name in {"sqlite", "postgres"} and path.name != "_removals.py"
        for match in changing.finditer(path.read_text())
    ]

    assert 2 == len(found), found
    assert any("RETURNING {columns}" in statement for statement in found)
    assert any(statement == "DELETE FROM run_events WHERE event_id = ?" for statement in found)


# -------------------------------------------------------------------------------- removals, and what is read


@pytest.mark.parametrize(
    "statement, fault",
    [
        (
            "UPDATE {p}run_events SET payload = NULL, salt = NULL WHERE sequence = 3",
            "its payload is missing, and no erasure of it is recorded",
        ),
        (
            "UPDATE {p}life_events SET evidence = NULL, evidence_salt = NULL WHERE sequence = 1",
            "its evidence is missing, and no erasure of it is recorded",
        ),
    ],
    ids=["payload", "evidence"],
)
async def test_only_a_recorded_erasure_explains_a_missing_content(
    place: Place, statement: str, fault: str
) -> None:
    """
    A payload or evidence that somebody took away without `erase` is a fault (feature 118).
    """
    await trade(place.store)
    await unclaim(place.store, "no such order")
    place.tamper(statement)

    assert [fault] == await faults_of(place.store)


async def purged_up_to_three(place: Place) -> RunId:
    """
    Trade, and purge the first three host events of the run.
    """
    await trade(place.store)
    run = (await place.store.read_run_events()).items[0].header.run
    await place.owner.purge(run, 3, why="older than a year")
    return run


async def test_a_purged_beginning_is_explained_by_the_purge(place: Place) -> None:
    """
    What is left after a purge follows from the digest that the purge has recorded (feature 75).
    """
    run = await purged_up_to_three(place)
    report = await verify_trail(place.store)
    (purge,) = report.purges

    assert (True, run, 3, "older than a year") == (report.whole, purge.run, purge.upto, purge.why)
    assert 4 == min(one.sequence or 0 for one in (await place.store.read_run_events()).items)


@pytest.mark.parametrize(
    "statement, fault",
    [
        (
            "DELETE FROM {p}purges",
            "before number 4 of its run, 1 to 3 is missing",
        ),
        (
            "UPDATE {p}purges SET digest = (SELECT digest FROM {p}run_events WHERE sequence = 5)",
            "number 4 does not follow from the last purged one of its run",
        ),
        (
            "DELETE FROM {p}run_events WHERE sequence = 4",
            "before number 5 of its run, 4 is missing",
        ),
    ],
    ids=["no purge", "another digest", "more than was purged"],
)
async def test_nothing_but_a_fitting_purge_explains_a_missing_beginning(
    place: Place, statement: str, fault: str
) -> None:
    """
    A purge without a record, with another digest, or of fewer events explains nothing (feature 75).
    """
    await purged_up_to_three(place)
    place.tamper(statement)

    assert [fault] == await faults_of(place.store)


async def test_the_deleted_beginning_of_a_run_is_found(place: Place) -> None:
    """
    Its first events are gone, and no purge says why.
    """
    await trade(place.store)
    place.tamper("DELETE FROM {p}run_events WHERE sequence <= 3")

    assert ["before number 4 of its run, 1 to 3 is missing"] == await faults_of(place.store)


@pytest.mark.postgres
async def test_a_trail_is_verified_whatever_the_feed_gives(postgres_dsn: str) -> None:
    """
    Life events with transaction ids of another server, as after a restored dump, are read all the same.
    """
    async with postgres(postgres_dsn) as place:
        await trade(place.store)
        await unclaim(place.store, "no such order")
        stored = (await verify_trail(place.store)).life_events
        place.tamper("UPDATE {p}life_events SET commit_xid = '900000000000'")
        report = await verify_trail(place.store)

        assert (True, stored) == (report.whole, report.life_events)
        place.tamper("DELETE FROM {p}life_events WHERE type = 'order.submitting'")
        assert ["it does not follow from the life event before it in the store"] == await faults_of(
            place.store
        )


class HidesLifeEvents(MemoryStore):
    """
    A store whose reads leave the last life event out, as a filter or a damaged index does.
    """

    @override
    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        page = await super().read_life_streams(after, limit=limit)
        return replace(page, items=page.items[:-1]) if after is None else page


async def test_as_many_events_are_read_as_are_stored() -> None:
    """
    A difference between what was read and what is stored is a fault, with both numbers.
    """
    store = HidesLifeEvents()
    await unclaim(store, "no such order", "flat")
    # The page ends with the last event, which it does not have.
    report = await verify_trail(store)

    assert ["2 life events are stored, but 1 were read: check the store for damage"] == [
        fault.what for fault in report.faults
    ]
    assert [(None, None, None)] == [(fault.event, fault.run, fault.ref) for fault in report.faults]


class WritesMeanwhile(MemoryStore):
    """
    A store that is written to during a verification, before it reads life events or host events.
    """

    before_life: Callable[[], Awaitable[None]] | None = None
    before_host: Callable[[], Awaitable[None]] | None = None

    @override
    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        if self.before_life is not None:
            meanwhile, self.before_life = self.before_life, None
            await meanwhile()
        return await super().read_life_streams(after, limit=limit)

    @override
    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        if self.before_host is not None:
            meanwhile, self.before_host = self.before_host, None
            await meanwhile()
        return await super().read_run_events(after, limit=limit)


async def emitted(count: int) -> Sequence[EventRecord]:
    """
    The records of so many events of one run.
    """
    source = MemoryStore()
    sink = BatchingSink(source, linger=0.0)
    for number in range(count):
        sink.emit(event(number))
    await sink.aclose(20)
    return (await source.read_run_events()).items


@pytest.mark.parametrize("moment", ["before_life", "before_host"])
async def test_a_running_bot_makes_no_fault(moment: str) -> None:
    """
    Events that are written, buried, replayed, purged and erased while the trail is read are no faults.
    """
    store, records = WritesMeanwhile(), await emitted(9)
    await store.write([*records[:4], records[8]])
    await store.bury(DeadLetter(record=records[4], reason="refused"))

    async def meanwhile() -> None:
        await store.write(records[6:8])
        await store.bury(DeadLetter(record=records[5], reason="refused"))
        await store.replay(records[4].header.id)
        await store.erase(records[3].header.id, why="asked for")
        await store.purge(RUN, 2, why="old")

    setattr(store, moment, meanwhile)
    report = await verify_trail(store)

    assert () == report.faults
    assert (7, 1, 2) == (report.host_events, report.erased, report.purges[0].upto)


async def test_an_event_with_a_dead_letter_beside_it_counts_once() -> None:
    """
    A journal may bring an event that was buried, and an erasure reaches both.
    """
    store, records = MemoryStore(), await emitted(3)
    await store.bury(DeadLetter(record=records[1], reason="refused"))
    await store.write(records)
    before = await verify_trail(store)
    await store.erase(records[1].header.id, why="asked for")
    after = await verify_trail(store)

    assert (True, 3, 0) == (before.whole, before.host_events, before.erased)
    assert (True, 3, 1) == (after.whole, after.host_events, after.erased)


async def test_a_report_has_a_thousand_faults_at_most() -> None:
    """
    A trail that was replaced as a whole fills no memory.
    """
    store = MemoryStore()
    records = await emitted(400)
    for number, record in enumerate([*records] * 3):
        header = replace(record.header, id=new_event_id(), type=f"bot.lied.{number}")
        await store.write([replace(record, header=header)])

    assert 1000 == len((await verify_trail(store)).faults)


async def test_a_missing_event_among_many_is_one_fault() -> None:
    """
    However many events follow a missing one, they are checked without being kept.
    """
    store = MemoryStore()
    sink = BatchingSink(store, linger=0.0)
    for number in range(2500):
        sink.emit(event(number))
    await sink.aclose(20)
    rest = MemoryStore()
    records = (await store.read_run_events(limit=1000)).items
    await rest.write(records[:3])
    await rest.write(records[4:])
    token = (await store.read_run_events(limit=1000)).next
    while (page := await store.read_run_events(token, limit=1000)).items:
        await rest.write(page.items)
        token = page.next
    report = await verify_trail(rest)

    assert ["before number 5 of its run, 4 is missing"] == [fault.what for fault in report.faults]
    assert 2499 == report.host_events
