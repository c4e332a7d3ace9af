"""
The suite for a `Repository`.
"""

from __future__ import annotations

from poslife.conformance._repository.candidates import CandidateTests
from poslife.conformance._repository.commits import CommitTests
from poslife.conformance._repository.fields import FieldTests
from poslife.conformance._repository.keys import KeyTests
from poslife.conformance._repository.lists import ListTests
from poslife.conformance._repository.pages import PageTests
from poslife.conformance._repository.reads import LifecycleTests, ReadTests
from poslife.conformance._repository.refusals import RefusalTests
from poslife.conformance._repository.runs import RunTests
from poslife.conformance._repository.values import ValueTests

__all__ = ["RepositoryConformance"]


class RepositoryConformance(
    CommitTests,
    RefusalTests,
    KeyTests,
    FieldTests,
    ValueTests,
    ReadTests,
    CandidateTests,
    ListTests,
    PageTests,
    RunTests,
    LifecycleTests,
):
    """
    The tests of `Repository`, one for each sentence of its contract.

    Say how a fresh repository is made, and let pytest find the class, or await `examine`::

        class TestMyRepository(RepositoryConformance):
            @asynccontextmanager
            async def repository(self) -> AsyncGenerator[Repository]:
                repository = MyRepository(fresh_database())
                await repository.open()
                try:
                    yield repository
                finally:
                    await repository.aclose()

    Further hooks: `beside` gives the tests of concurrency a second connection, `unreachable` takes the store
    away, and `let_lease_run_out` moves a manual clock. With unittest, inherit from
    ``unittest.IsolatedAsyncioTestCase``, too.
    """
