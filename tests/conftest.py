"""
What every test is held to, and the PostgreSQL databases they ask for.
"""

from __future__ import annotations

import asyncio
import atexit
import fnmatch
import functools
import importlib.util
import inspect
import logging
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests import loopback_only
from tests.postgres_server import DEFAULT_VERSION, Databases, LocalServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator

_TESTS = Path(__file__).parent

loopback_only.install()

# Where a bot's journal is kept by default: not among those of whoever runs the tests.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="poslife-state-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)

hypothesis.settings.register_profile("dev", deadline=None)
# The same examples at every run: a commit's result is its own.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)

# What an extra is needed for, by path under tests; a star stands for folders too. Without the extra such a
# module is not collected: in a session with all extras nothing of it can be skipped unseen.
_NEEDS = {
    "aiohttp": ["testing/bybit/*", "examples/*"],
    "asyncpg": ["*postgres*/*", "*test_postgres*"],
    "ccxt": [
        "*ccxt*",
        "examples/*",
        "crashes/*killed_bot.py",
        "crashes/*killed_in_commit.py",
        "test_documentation.py",
    ],
    "click": ["cli/*"],
}
_NOT_COLLECTED = [
    pattern
    for package, patterns in _NEEDS.items()
    if importlib.util.find_spec(package) is None
    for pattern in patterns
]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    path = collection_path
    name = path.relative_to(_TESTS).as_posix() if path.is_relative_to(_TESTS) else path.name
    ignored = path.suffix == ".py" and any(fnmatch.fnmatch(name, pattern) for pattern in _NOT_COLLECTED)
    return True if ignored else None


_POSTGRES_FIXTURES = frozenset(
    {"postgres_databases", "postgres_dsn", "empty_postgres_dsn", "postgres_server"}
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _POSTGRES_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.postgres)


# ----------------------------------------------------------------------------------- what a test is held to


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("postgres"):
        report.outcome = "failed"
        report.longrepr = f"PostgreSQL tests are never skipped: {report.longrepr}"
    return report


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
    from poslife.postgres import PostgresStore

    store = PostgresStore(dsn)
    await store.open()
    await store.aclose()


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
