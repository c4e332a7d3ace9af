"""
Checks around every test, and PostgreSQL databases for the tests that ask for one.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import decimal
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

from tests import loopback_only, postgres_roles
from tests.postgres_server import DEFAULT_VERSION, Databases, LocalServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator
    from contextlib import AbstractContextManager

_TESTS = Path(__file__).parent

loopback_only.install()

postgres_roles.name_roles()

# Bots keep their journals here by default: the tests' are apart from those of the user who runs them.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="poslife-state-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)

hypothesis.settings.register_profile("dev", deadline=None)
# The same examples at every run, so that a result depends on the commit alone.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
# A first look, for the inner loop.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=20)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)

# The test modules that need an extra, by path under tests; a star stands for folders too. Without the extra
# they are not collected, rather than skipped: in a session with all extras no skip can go unnoticed.
_NEEDS = {
    "aiohttp": ["testing/bybit/*", "examples/*"],
    "asyncpg": ["*postgres*/*", "*test_postgres*", "examples/*"],
    "ccxt": [
        "*ccxt*",
        "examples/*",
        "crashes/*killed_bot.py",
        "crashes/*killed_in_commit.py",
        "test_documentation.py",
        "tracker/test_fills_of_channels.py",
        "tracker/test_refused_orders.py",
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


# -------------------------------------------------------------------------------- checks around every test


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
    with _decimal_context_of(pyfuncitem):
        if not inspect.iscoroutinefunction(test) or hasattr(test, "hypothesis"):
            return (yield)
        # The loop's tasks do not inherit the context of the thread that runs them.
        pyfuncitem.obj = _in_context(_leaving_no_tasks(test), decimal.getcontext())
        try:
            return (yield)
        finally:
            pyfuncitem.obj = test


# Where quantities and prices are made and reckoned with: a result there depends on no host's decimal context,
# and one that is rounded after all raises. Not where ccxt's clients send orders: they round on purpose.
_IN_HOSTILE_CONTEXT = (
    "domain/*",
    "tracker/*",
    *(f"ccxt/test_{name}.py" for name in ("fields", "orders", "positions", "trades")),
)
_IN_ORDINARY_CONTEXT = ("tracker/test_refused_orders.py",)
_HOSTILE = decimal.Context(
    prec=3, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow]
)


def _decimal_context_of(item: pytest.Item) -> AbstractContextManager[object]:
    name = item.path.relative_to(_TESTS).as_posix() if item.path.is_relative_to(_TESTS) else ""
    hostile = any(fnmatch.fnmatch(name, pattern) for pattern in _IN_HOSTILE_CONTEXT)
    hostile = hostile and name not in _IN_ORDINARY_CONTEXT
    return decimal.localcontext(_HOSTILE) if hostile else contextlib.nullcontext()


def _in_context(
    test: Callable[..., Awaitable[None]], context: decimal.Context
) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def run(**arguments: object) -> None:
        with decimal.localcontext(context):
            await test(**arguments)

    return run


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
    Errors that asyncio can only log: exceptions never retrieved, tasks destroyed while pending.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


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
    assert not complaints.lines, "\n".join(complaints.lines)
    assert len(loopback_only.attempts) == reached, loopback_only.attempts[reached:]


# ------------------------------------------------------------------------------------------------ PostgreSQL


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    given = os.environ.get("POSLIFE_TEST_DSN")
    if given and not postgres_roles.may_make_roles(given):
        terminalreporter.write_line(
            "PostgreSQL: the role of POSLIFE_TEST_DSN may create no roles: stores were opened as that role, "
            "and not as poslife_bot; tests of roles fail"
        )


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """
    Make databases on the server under test: that of POSLIFE_TEST_DSN, or a local one of the version
    POSLIFE_TEST_POSTGRES.
    """
    given = os.environ.get("POSLIFE_TEST_DSN")
    if given:
        if not postgres_roles.may_make_roles(given):
            postgres_roles.give_up_roles()
        yield Databases(administration_dsn=given)
        postgres_roles.drop_roles(given)
        return
    server = LocalServer(os.environ.get("POSLIFE_TEST_POSTGRES", DEFAULT_VERSION))
    try:
        yield Databases(administration_dsn=server.dsn())
    finally:
        server.close()


@pytest.fixture
def empty_postgres_dsn(postgres_databases: Databases) -> Iterator[str]:
    """
    An empty database.
    """
    dsn = postgres_databases.create()
    yield dsn
    postgres_databases.drop(dsn)


@pytest.fixture(scope="session")
def postgres_template(postgres_databases: Databases) -> Iterator[str]:
    """
    A database with poslife's schema, partitions and grants to copy from. No connection to it may stay open.
    """
    dsn = postgres_databases.create()
    asyncio.run(postgres_roles.set_up(dsn))
    yield dsn
    postgres_databases.drop(dsn)


@pytest.fixture
def postgres_dsn(postgres_databases: Databases, postgres_template: str) -> Iterator[str]:
    """
    A database with poslife's schema and no rows, for this test alone; the role is the owner of its tables.
    """
    dsn = postgres_databases.create(template=postgres_template)
    yield dsn
    postgres_databases.drop(dsn)


@pytest.fixture
def postgres_server() -> Iterator[LocalServer]:
    """
    A server for this test alone, to stop and start.
    """
    server = LocalServer(os.environ.get("POSLIFE_TEST_POSTGRES", DEFAULT_VERSION))
    try:
        yield server
    finally:
        server.close()
