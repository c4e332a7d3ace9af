"""
The `Clock` protocol.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """
    The source of time, injected so that tests control it.
    """

    @abstractmethod
    def now(self) -> datetime:
        """
        Return the time as an aware `datetime` in UTC.
        """
        ...

    @abstractmethod
    def monotonic(self) -> float:
        """
        Return seconds since an arbitrary point; they never go back.
        """
        ...

    @abstractmethod
    async def sleep(self, seconds: float, /) -> None:
        """
        Wait for *seconds*.
        """
        ...
