"""
The run of a tracker: its id, its lease, and what it may do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextvars import Context
from typing import Protocol

from poslife._domain.event_envelopes import Severity
from poslife._domain.identifiers import RunId
from poslife._runtime.ids import new_run_id
from poslife._runtime.process import this_run
from poslife._tracker.manifest import Manifest
from poslife.errors import PoslifeError, RunLost, StorageUnavailable
from poslife.protocols import Clock, DescribesDriver, Repository

__all__ = ["Record", "RunLife"]

logger = logging.getLogger("poslife.tracker")


class Record(Protocol):
    """
    `PositionTracker.record`, for events about no position.
    """

    def __call__(
        self,
        type: str,
        about: None,
        payload: Mapping[str, object],
        /,
        *,
        severity: Severity = Severity.INFO,
        error: BaseException | None = None,
    ) -> object: ...


class RunLife:
    """
    The current run of a tracker, from its start to its end. After `RunLost` it is another one.

    Attributes:
        id: The id of the run.
        has_recovered: `PositionTracker.recover` was called, so that openings are possible.

    Args:
        repository: The repository that keeps the run.
        clock: The clock that the renewals go by.
        lease: Seconds for which the run counts as alive without a renewal.
        manifest: The versions and settings that each run is recorded with.
        record: Records the events of the run.
    """

    def __init__(
        self, repository: Repository, *, clock: Clock, lease: float, manifest: Manifest, record: Record
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._lease = lease
        self._manifest = manifest
        self._store = ""
        self._driver: str | None = None
        self._record = record
        self.id: RunId = new_run_id(clock)
        self.has_recovered = False
        self._is_lost = False
        self._renewal: asyncio.Task[None] | None = None
        self._ensuring = asyncio.Lock()

    def reset_after_fork(self) -> None:
        """
        Take a new id: the child of a fork is another run, which has not started.
        """
        self.id = new_run_id(self._clock)

    async def start(self) -> None:
        """
        Start the run in the repository.
        """
        await self._repository.start_run(this_run(self.id, self._lease))
        self._is_lost = False

    async def describe_store(self) -> str:
        """
        Return the description of the store. Runs are recorded with it, and with its driver, from now on.
        """
        store = self._repository
        self._store = await store.describe()
        self._driver = store.describe_driver() if isinstance(store, DescribesDriver) else None
        return self._store

    def record_start(self, because: str | None = None, error: BaseException | None = None) -> None:
        """
        Record that the run has started, with its manifest.

        Args:
            because: The reason for which it follows another run of this tracker.
            error: The end of that run.
        """
        payload = self._manifest.payload(store=self._store, driver=self._driver)
        if because is not None:
            payload["because"] = because
        self._record("run.started", None, payload, error=error)

    def start_renewing(self) -> None:
        """
        Renew the lease three times within its length, until `stop_renewing`.
        """
        # In an empty context: what surrounds the start is no cause of what becomes of the run.
        self._renewal = asyncio.get_running_loop().create_task(
            self._renew_forever(), name="poslife lease", context=Context()
        )

    async def stop_renewing(self) -> None:
        """
        Stop renewing the lease.
        """
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait((self._renewal,))

    async def _renew_forever(self) -> None:
        while True:
            await self._clock.sleep(self._lease / 3)
            if not self._is_lost:
                await self._renew()

    async def _renew(self) -> None:
        run = self.id
        try:
            await self._repository.renew_run(run, self._lease)
        except RunLost as error:
            if run != self.id:
                return  # `ensure` has started another run meanwhile
            self._is_lost = True
            logger.error("%s", error)  # noqa: TRY400 - the message says everything
            self._record("run.lost", None, {}, severity=Severity.ERROR, error=error)
        except PoslifeError as error:
            logger.warning("the lease of run %s could not be renewed: %s", run, error)
        except Exception as error:
            # An adapter's bug must not let the lease run out; the next renewal may succeed.
            logger.exception("the lease of run %s could not be renewed", run)
            self._record("run.renewal_failed", None, {}, severity=Severity.ERROR, error=error)

    async def ensure(self) -> None:
        """
        Renew the lease, or start another run where it is lost. Concurrent calls start one run.
        """
        async with self._ensuring:
            try:
                await self._repository.renew_run(self.id, self._lease)
            except RunLost as lost:
                self.id = new_run_id(self._clock)
                await self.start()
                self.record_start("the run before lost its lease", lost)

    async def end(self, within: float) -> None:
        """
        End the run. Where the store does not answer within so many seconds, its lease will run out.
        """
        try:
            await asyncio.wait_for(self._repository.end_run(self.id), within)
        except (StorageUnavailable, TimeoutError) as error:
            logger.warning("run %s could not be ended, its lease will run out: %s", self.id, error)
