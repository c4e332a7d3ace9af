"""
The store's life events, followed for a further writer.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from poslife._sink.lane import Lane
from poslife._trail.records import FeedPage, FeedToken
from poslife.errors import InvalidValue
from poslife.protocols import Clock
from poslife.protocols._event_stores import LifeEventFeed

__all__ = ["Relay"]

logger = logging.getLogger("poslife.sink")

_LOOK_AGAIN: Final = 0.5


class Relay:
    """
    Reads the feed page by page and sees each page through, under the same event ids.

    Where it is, is kept in a file beside the journal, written after the page is stored: a crash between the
    two repeats a page, which a writer passes over. Without a journal it begins anew in each process.

    Args:
        lane: The further writer's.
        feed: The store's life events.
        clock: For pauses.
        directory: Where the file is, or ``None``.
    """

    def __init__(
        self, lane: Lane, feed: LifeEventFeed, *, clock: Clock, directory: Callable[[], Path | None]
    ) -> None:
        self._lane = lane
        self._feed = feed
        self._clock = clock
        self._directory = directory
        self._token: FeedToken | None = None
        self._loaded = False
        self._turn = asyncio.Lock()

    def begin(self) -> None:
        """
        Belong to the running loop from now on.
        """
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """
        Follow the store, for ever.
        """
        attempt = 0
        while True:
            try:
                more = await self._pass_on()
            except Exception as error:  # noqa: BLE001 - a store that is away is followed again when it is back
                attempt += 1
                logger.debug("%s: the store's life events cannot be read now: %s", self._lane.name, error)
                await self._clock.sleep(min(5.0, _LOOK_AGAIN * attempt))
                continue
            attempt = 0
            if not more:
                await self._clock.sleep(_LOOK_AGAIN)

    async def catch_up(self) -> None:
        """
        Return when everything committed before is passed on.

        Raises:
            StorageUnavailable: The store did not answer.
        """
        while await self._pass_on():
            pass

    async def _pass_on(self) -> bool:
        """
        One page. Returns whether there was anything.
        """
        lane = self._lane
        async with self._turn:
            if not self._loaded:
                self._token = await asyncio.to_thread(self._load)
                self._loaded = True
            page = await self._next_page()
            if page.items:
                async with lane.writing:
                    await lane.delivery.deliver(page.items, self._count, lambda: len(lane.backlog))
            if page.next != self._token:
                self._token = page.next
                await asyncio.to_thread(self._save, page.next)
            return bool(page.items)

    async def _next_page(self) -> FeedPage:
        try:
            return await self._feed.read_life_events(self._token)
        except InvalidValue:
            if self._token is None:
                raise
            # Another store than the one it followed: a copy put back, a new file beside an old journal.
            logger.warning(
                "%s: the store is another one, its life events are passed on anew", self._lane.name
            )
            self._token = None
            return await self._feed.read_life_events()

    def _count(self, stored: int, buried: int) -> None:
        self._lane.relayed += stored + buried
        if buried:
            logger.error("%s: a life event is kept as a dead letter; the store has it", self._lane.name)

    def _path(self) -> Path | None:
        directory = self._directory()
        return None if directory is None else directory / f"relay-{self._lane.name}"

    def _load(self) -> FeedToken | None:
        if (path := self._path()) is None:
            return None
        try:
            return FeedToken(path.read_text("ascii").strip()) or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as error:
            logger.warning("%s: %s cannot be read, the relay begins anew: %s", self._lane.name, path, error)
            return None

    def _save(self, token: FeedToken | None) -> None:
        if token is None or (path := self._path()) is None:
            return
        beside = path.with_suffix(".new")
        try:
            with beside.open("w", encoding="ascii") as file:
                file.write(token)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            logger.warning("%s: the relay's place could not be kept: %s", self._lane.name, error)
