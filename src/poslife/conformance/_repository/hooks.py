"""
What a host says about its repository, so that the suite can test it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager, nullcontext

from poslife.protocols import Repository

__all__ = ["RepositoryHooks"]


class RepositoryHooks(ABC):
    """
    How the suite comes by a repository, and what it may do to it.
    """

    @abstractmethod
    def repository(self) -> AbstractAsyncContextManager[Repository]:
        """
        An open repository on a fresh and empty store. Each test asks once.
        """

    def beside(self, repository: Repository, /) -> AbstractAsyncContextManager[Repository]:
        """
        A second open repository on the data of *repository*, as another process would have.

        *Default*: *repository* itself, for a store that lives and dies with one object.
        """
        return nullcontext(repository)

    def unreachable(self, repository: Repository, /) -> AbstractAsyncContextManager[None] | None:
        """
        While it is entered, the store behind *repository* does not answer.

        *Default*: ``None``, for a store that always does; what is said of others goes unchecked then.
        """
        del repository
        return None

    async def let_lease_run_out(self, seconds: float, /) -> None:
        """
        Let *seconds* go by on the store's clock. *Default*: wait for them.
        """
        await asyncio.sleep(seconds)
