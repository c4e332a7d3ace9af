"""
Runs: one life of a host process each, with a lease. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from poslife._domain.checks import require_count, require_instance, require_name, require_utc, require_uuid
from poslife._domain.identifiers import RunId
from poslife.errors import InvalidValue

__all__ = ["NewRun", "Run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """
    One life of a host process, as it introduces itself.

    Attributes:
        id: Made by the process.
        machine: Names the machine and its process name space; processes of one machine can see each other
            die.
        pid: The process id there.
        process_started: When that process started, in the machine's own terms, or empty where it cannot be
            told.
        lease: Seconds for which the run counts as alive without a renewal.
    """

    id: RunId
    machine: str
    pid: int
    process_started: str
    lease: float

    def __post_init__(self) -> None:
        require_uuid("NewRun.id", self.id)
        require_name("NewRun.machine", self.machine)
        require_count("NewRun.pid", self.pid)
        require_instance("NewRun.process_started", self.process_started, str)
        lease: object = self.lease
        if type(lease) not in (int, float) or not 0 < self.lease < math.inf:
            raise InvalidValue("NewRun.lease", lease, "a finite number of seconds above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    A run as the store knows it.

    Attributes:
        id: Made by the process.
        machine: Names the machine and its process name space.
        pid: The process id there.
        process_started: When that process started, in the machine's own terms, or empty.
        started_at: By the store's clock.
        lease_until: By the store's clock.
        ended: It was ended, or its lease ran out by the store's clock. It stays so.
    """

    id: RunId
    machine: str
    pid: int
    process_started: str
    started_at: datetime
    lease_until: datetime
    ended: bool

    def __post_init__(self) -> None:
        require_utc("Run.started_at", self.started_at)
        require_utc("Run.lease_until", self.lease_until)
