"""
The system's clock.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

__all__ = ["SystemClock"]


class SystemClock:
    """
    The system's time; a `Clock`.
    """

    def now(self) -> datetime:
        """
        The system's time, in UTC.
        """
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """
        Seconds that never go back.
        """
        return time.monotonic()

    async def sleep(self, seconds: float, /) -> None:
        """
        Wait.
        """
        await asyncio.sleep(seconds)
