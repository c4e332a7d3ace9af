"""
The `DescribesDriver` protocol.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, runtime_checkable

__all__ = ["DescribesDriver"]


@runtime_checkable
class DescribesDriver(Protocol):
    """
    A repository that names its driver, for the manifest of each run. No repository has to.
    """

    @abstractmethod
    def describe_driver(self) -> str:
        """
        Return the library that talks to the database, and its version: ``asyncpg 0.30.0``.
        """
        ...
