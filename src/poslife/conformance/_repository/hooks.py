"""
The hooks with which a host gives its repository to the suite.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager, nullcontext

from poslife.protocols import Repository

__all__ = ["RepositoryHooks"]


class RepositoryHooks(ABC):
    """
    A fresh repository, and ways to reach it twice, take its store away and let time pass.
    """

    @abstractmethod
    def repository(self) -> AbstractAsyncContextManager[Repository]:
        """
        Open a repository on a fresh and empty store. Each test asks once.
        """

    def beside(self, repository: Repository, /) -> AbstractAsyncContextManager[Repository]:
        """
        Open a second repository on the data of *repository*, as another process would.

        *Default*: *repository* itself, for a store that lives and dies with one object.
        """
        return nullcontext(repository)

    def unreachable(self, repository: Repository, /) -> AbstractAsyncContextManager[None] | None:
        """
        Make the store behind *repository* unreachable, while it is entered.

        *Default*: ``None``, for a store that always answers; outages are not tested then.
        """
        del repository
        return None

    async def let_lease_run_out(self, seconds: float, /) -> None:
        """
        Let *seconds* pass on the store's clock. *Default*: wait.
        """
        await asyncio.sleep(seconds)
