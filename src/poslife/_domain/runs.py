"""
Runs: each is one life of a host process, with a lease.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from poslife._domain.checks import require_count, require_instance, require_label, require_utc, require_uuid
from poslife._domain.identifiers import RunId
from poslife.errors import InvalidValue

__all__ = ["NewRun", "Run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """
    A run that is to start.

    Attributes:
        id: The run's id, made by the process.
        machine: The machine and its process namespace: processes with the same one can see each other die.
        pid: The process id in that namespace.
        process_started: The start of that process in the operating system's terms, or empty if not known.
            With *pid* it tells two processes apart that had the same id.
        lease: Seconds for which the run counts as alive without a renewal.

    Raises:
        InvalidValue: A field is not of its kind, or *lease* is not finite and above zero.
    """

    id: RunId
    machine: str
    pid: int
    process_started: str
    lease: float

    def __post_init__(self) -> None:
        require_uuid("NewRun.id", self.id)
        require_label("NewRun.machine", self.machine)
        require_count("NewRun.pid", self.pid)
        require_instance("NewRun.process_started", self.process_started, str)
        lease: object = self.lease
        if type(lease) not in (int, float) or not 0 < self.lease < math.inf:
            raise InvalidValue("NewRun.lease", lease, "a finite number of seconds above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    A run as stored.

    Attributes:
        id: The run's id.
        machine: The machine and its process namespace.
        pid: The process id in that namespace.
        process_started: The start of that process in the operating system's terms, or empty.
        started_at: The time of its start, by the store's clock.
        lease_until: The end of its lease, by the store's clock.
        ended: True once it was ended or its lease has run out by the store's clock. It stays so.
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
