"""
What every test is held to, and the PostgreSQL databases they ask for.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import inspect
import logging
import os
import threading
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests import loopback_only
from tests.postgres_server import DEFAULT_VERSION, Databases, LocalServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator

loopback_only.install()

hypothesis.settings.register_profile("dev", deadline=None)
# The same examples at every run: a commit's result is its own.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)

# Modules of tests that an extra is needed for. Without it they are not collected: nothing is ever skipped.
_NEEDS = {
    "aiohttp": ["test_demo*.py", "test_simulated_*.py"],
    "asyncpg": ["test_postgres*.py"],
    "ccxt": ["test_ccxt*.py", "test_demo*.py", "test_documentation.py"],
    "click": ["test_cli*.py", "test_demo*.py"],
}
collect_ignore_glob = [
    pattern
    for package, patterns in _NEEDS.items()
    if importlib.util.find_spec(package) is None
    for pattern in patterns
]

_POSTGRES_FIXTURES = frozenset(
    {"postgres_databases", "postgres_dsn", "empty_postgres_dsn", "postgres_server"}
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _POSTGRES_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.postgres)


# ----------------------------------------------------------------------------------- what a test is held to


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    test: Callable[..., object] = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test) or hasattr(test, "hypothesis"):
        return (yield)
    pyfuncitem.obj = _leaving_no_tasks(test)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


def _leaving_no_tasks(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def watched(**arguments: object) -> None:
        before = asyncio.all_tasks()
        await test(**arguments)
        left: list[asyncio.Task[object]] = []
        # A task that was cancelled or has just returned needs a turn of the loop to be done.
        for _ in range(5):
            left = [task for task in asyncio.all_tasks() - before if not task.done()]
            if not left:
                return
            await asyncio.sleep(0)
        pytest.fail("tasks were left running:\n" + "\n".join(map(repr, left)))

    return watched


class _Complaints(logging.Handler):
    """
    What asyncio can only log: exceptions that nobody retrieved, tasks destroyed while pending.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(self.format(record))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    complaints = _Complaints()
    logging.getLogger("asyncio").addHandler(complaints)
    threads = set(threading.enumerate())
    reached = len(loopback_only.attempts)

    yield

    logging.getLogger("asyncio").removeHandler(complaints)
    left: list[str] = []
    # The event loop's own pool ends with the loop, and the loop may serve a whole module.
    for thread in (
        t for t in threading.enumerate() if t not in threads and not t.name.startswith("asyncio_")
    ):
        thread.join(1)
        if thread.is_alive():
            left.append(thread.name)
    assert not left, f"threads were left running: {left}"
    assert not complaints.told, "\n".join(complaints.told)
    assert len(loopback_only.attempts) == reached, loopback_only.attempts[reached:]


# ------------------------------------------------------------------------------------------------ PostgreSQL


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """
    Makes databases on the server under test: POSLIFE_TEST_DSN's, or one of our own.

    POSLIFE_TEST_POSTGRES says which version of our own.
    """
    given = os.environ.get("POSLIFE_TEST_DSN")
    if given:
        yield Databases(administration_dsn=given)
        return
    server = LocalServer(os.environ.get("POSLIFE_TEST_POSTGRES", DEFAULT_VERSION))
    try:
        yield Databases(administration_dsn=server.dsn())
    finally:
        server.close()


@pytest.fixture
def empty_postgres_dsn(postgres_databases: Databases) -> Iterator[str]:
    """
    A database with nothing in it.
    """
    dsn = postgres_databases.create()
    yield dsn
    postgres_databases.drop(dsn)


@pytest.fixture(scope="session")
def postgres_template(postgres_databases: Databases) -> Iterator[str]:
    """
    A database with poslife's schema, which nobody may stay connected to.
    """
    dsn = postgres_databases.create()
    asyncio.run(_migrate(dsn))
    yield dsn
    postgres_databases.drop(dsn)


async def _migrate(dsn: str) -> None:
    from poslife import postgres

    raise NotImplementedError(dsn, postgres)


@pytest.fixture
def postgres_dsn(postgres_databases: Databases, postgres_template: str) -> Iterator[str]:
    """
    A database with poslife's schema and no rows, this test's alone.
    """
    dsn = postgres_databases.create(template=postgres_template)
    yield dsn
    postgres_databases.drop(dsn)


@pytest.fixture
def postgres_server() -> Iterator[LocalServer]:
    """
    A server of the test's own, to stop and start: for tests of outages.
    """
    server = LocalServer(os.environ.get("POSLIFE_TEST_POSTGRES", DEFAULT_VERSION))
    try:
        yield server
    finally:
        server.close()
