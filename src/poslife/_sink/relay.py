"""
The relay of the store's life events to a further writer.
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
from poslife.protocols import Clock, LifeEventFeed

__all__ = ["Relay"]

logger = logging.getLogger("poslife.sink")

_POLL_EVERY: Final = 0.5
_LONGEST_WAIT: Final = 5.0


class Relay:
    """
    Reads the feed page by page and delivers each page, under the same event ids.

    Its token is kept in a file beside the journal, written after the page is stored: a crash between the two
    repeats a page, which a writer passes over. Without a journal on disk it begins anew in each process.

    Args:
        lane: The further writer's lane.
        feed: The store's life events.
        clock: For pauses.
        directory: Returns the directory of the token's file, or ``None``.
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
        self._relaying = asyncio.Lock()

    def attach(self) -> None:
        """
        Belong to the running loop from now on.
        """
        self._relaying = asyncio.Lock()

    async def run(self) -> None:
        """
        Follow the store, for ever.
        """
        attempt = 0
        while True:
            try:
                found = await self._relay_page()
            except Exception as error:  # noqa: BLE001 - a store that is away is followed again when it is back
                attempt += 1
                logger.debug("%s: the store's life events cannot be read now: %s", self._lane.name, error)
                await self._clock.sleep(min(_LONGEST_WAIT, _POLL_EVERY * attempt))
                continue
            attempt = 0
            if not found:
                await self._clock.sleep(_POLL_EVERY)

    async def catch_up(self) -> None:
        """
        Return when everything committed before is delivered.

        Raises:
            StorageUnavailable: The store did not answer.
        """
        while await self._relay_page():
            pass

    async def _relay_page(self) -> bool:
        """
        Read and deliver one page; tell if there was anything in it.
        """
        lane = self._lane
        async with self._relaying:
            if not self._loaded:
                self._token = await asyncio.to_thread(self._load_token)
                self._loaded = True
            page = await self._next_page()
            if page.items:
                async with lane.writing:
                    await lane.delivery.deliver(page.items, self._count)
            if page.next != self._token:
                self._token = page.next
                await asyncio.to_thread(self._save_token, page.next)
            return bool(page.items)

    async def _next_page(self) -> FeedPage:
        try:
            return await self._feed.read_life_events(self._token)
        except InvalidValue:
            if self._token is None:
                raise
            # Another store than the one it followed: a backup restored, or a new file beside an old journal.
            logger.warning(
                "%s: the store is another one, its life events are relayed from the beginning",
                self._lane.name,
            )
            self._token = None
            return await self._feed.read_life_events()

    def _count(self, stored: int, buried: int) -> None:
        self._lane.relayed += stored + buried
        if buried:
            logger.error("%s: a life event is kept as a dead letter; the store has it", self._lane.name)

    def _token_path(self) -> Path | None:
        directory = self._directory()
        return None if directory is None else directory / f"relay-{self._lane.name}"

    def _load_token(self) -> FeedToken | None:
        if (path := self._token_path()) is None:
            return None
        try:
            return FeedToken(path.read_text("ascii").strip()) or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as error:
            logger.warning(
                "%s: %s cannot be read, life events are relayed from the beginning: %s",
                self._lane.name,
                path,
                error,
            )
            return None

    def _save_token(self, token: FeedToken | None) -> None:
        if token is None or (path := self._token_path()) is None:
            return
        fresh = path.with_suffix(".new")
        try:
            with fresh.open("w", encoding="ascii") as file:
                file.write(token)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            logger.warning("%s: the relay's token could not be saved: %s", self._lane.name, error)
