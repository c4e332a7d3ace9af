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
    Where time comes from.
    """

    @abstractmethod
    def now(self) -> datetime:
        """
        The time, in UTC.
        """
        ...

    @abstractmethod
    def monotonic(self) -> float:
        """
        Seconds that never go back.
        """
        ...

    @abstractmethod
    async def sleep(self, seconds: float, /) -> None:
        """
        Wait.
        """
        ...
