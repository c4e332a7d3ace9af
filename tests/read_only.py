"""
Every reading and every writing call of a store, for the tests of stores that only read.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from poslife._domain.fill_owner import OwnerQuery
from poslife._domain.identifiers import EventId, PositionRef
from poslife._domain.orders import OrderStatus
from poslife._domain.positions import PersistedPosition
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._example_records import a_letter, a_record
from poslife.errors import OpenedForReading
from poslife.protocols import Store
from poslife.sqlite import SqliteStore

__all__ = ["fill_store", "read_everything", "require_refusals"]

if TYPE_CHECKING:
    from poslife.postgres import PostgresStore

    _AnyStore = SqliteStore | PostgresStore

_ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


async def fill_store(store: Store, story: Story | None = None) -> PositionRef:
    """
    Store some of everything, with a run that is not ended, and return a position with fills.
    """
    story = await begin(store) if story is None else story
    held = await story.opened(store)
    await story.closed(store, story.key())
    await story.claimed(store, story.key())
    await story.claimed(store, story.key(), status=OrderStatus.IN_DOUBT)
    await store.commit(story.unclaimed("of an unknown order"))
    await store.write([a_record(story, 1), a_record(story, 2)])
    await store.bury(a_letter(story, 3))
    return held.ref


async def _all_life_events(store: Store, _: PositionRef) -> object:
    page = await store.read_life_events()
    # The last token, too, is one of this feed.
    return page, await store.read_life_events(page.next)


async def _all_run_events(store: Store, _: PositionRef) -> object:
    page = await store.read_run_events()
    return page, await store.read_run_events(page.next)


async def _all_life_streams(store: Store, _: PositionRef) -> object:
    page = await store.read_life_streams()
    return page, await store.read_life_streams(page.next)


async def _by_id(store: Store, ref: PositionRef) -> object:
    position = await store.get(ref)
    assert isinstance(position, PersistedPosition)
    return await store.get_by_id(position.id)


async def _candidates(store: Store, ref: PositionRef) -> object:
    fill = (await store.list_fills(ref)).items[0].fill
    query = OwnerQuery(
        venue=fill.venue, account=fill.account, symbol=fill.symbol, trade_ids=(fill.trade_id,), ref=ref
    )
    return await store.candidates_for(query)


async def _live(store: Store, ref: PositionRef) -> object:
    return await store.find_live((await store.get(ref)).key)


_READS: Mapping[str, Callable[[Store, PositionRef], Awaitable[object]]] = MappingProxyType(
    {
        "ping": lambda store, _: store.ping(),
        "get": lambda store, ref: store.get(ref),
        "get_by_id": _by_id,
        "find_live": _live,
        "candidates_for": _candidates,
        "list_live": lambda store, _: store.list_live(),
        "list_in_doubt": lambda store, _: store.list_in_doubt(),
        "list_left_by_ended_runs": lambda store, _: store.list_left_by_ended_runs(),
        "list_closed": lambda store, _: store.list_closed(*_ALWAYS),
        "list_fills": lambda store, ref: store.list_fills(ref),
        "list_unclaimed": lambda store, _: store.list_unclaimed(),
        "list_history": lambda store, ref: store.list_history(ref),
        "list_runs": lambda store, _: store.list_runs(),
        "list_dead_letters": lambda store, _: store.list_dead_letters(),
        "read_life_events": _all_life_events,
        "read_run_events": _all_run_events,
        "read_life_streams": _all_life_streams,
        "count_events": lambda store, _: store.count_events(),
        "list_purges": lambda store, _: store.list_purges(),
        "find_erasures": lambda store, ref: store.find_erasures([EventId(ref)]),
    }
)

_story = Story()
_RUN = _story.run_id()
_WRITES: Mapping[str, Callable[[Store], Awaitable[object]]] = MappingProxyType(
    {
        "commit": lambda store: store.commit(_story.claim(_story.pending())),
        "start_run": lambda store: store.start_run(_story.new_run()),
        "renew_run": lambda store: store.renew_run(_RUN, 60.0),
        "end_run": lambda store: store.end_run(_RUN),
        "write": lambda store: store.write([a_record(_story, 1)]),
        "probe": lambda store: store.probe(),
        "bury": lambda store: store.bury(a_letter(_story, 1)),
        "replay": lambda store: store.replay(_story.event_id()),
        "erase": lambda store: store.erase(_story.event_id(), why="asked for"),
        "purge": lambda store: store.purge(_RUN, 1, why="old"),
    }
)


async def read_everything(store: Store, ref: PositionRef) -> Mapping[str, object]:
    """
    Return the answer of every reading call.
    """
    return {name: await read(store, ref) for name, read in _READS.items()}


async def require_refusals(store: _AnyStore) -> None:
    """
    Require that every other call of the store is refused, one that is new included.
    """
    calls = {
        name
        for name, _ in inspect.getmembers(type(store), inspect.iscoroutinefunction)
        if not name.startswith("_")
    }

    assert {*_WRITES} == calls - {*_READS} - {"open", "aclose", "describe"}
    for write in _WRITES.values():
        with pytest.raises(OpenedForReading, match="for reading only"):
            await write(store)
