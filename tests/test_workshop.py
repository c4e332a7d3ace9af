"""
The workshop: the guards that conftest puts around each test, and the commands that check a commit.
"""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests import loopback_only
from tests.postgres_server import (
    DEFAULT_VERSION,
    VERSIONS_FROM_PYPI,
    DatabaseLeftInUse,
    Databases,
    LocalServer,
    psql,
    psql_command,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROJECT = Path(__file__).parent.parent

_LEAKING = """
import asyncio, contextlib, gc, socket, threading, warnings

async def test_task() -> None:
    test_task.kept = asyncio.create_task(asyncio.Event().wait())

def test_thread() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True, name="forgotten").start()

async def fail() -> None:
    raise ValueError

async def test_exception_never_retrieved() -> None:
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    del task
    gc.collect()

def test_warning() -> None:
    warnings.warn("mind this")

def test_coroutine_never_awaited() -> None:
    fail()
    gc.collect()

def test_leaving_this_machine_and_catching_it() -> None:
    with contextlib.suppress(Exception):
        socket.getaddrinfo("api.example.com", 443)

async def test_good() -> None:
    await asyncio.create_task(asyncio.sleep(0))
"""


@pytest.mark.slow
def test_what_a_test_leaves_behind_fails_it(tmp_path: Path) -> None:
    """
    A test that leaves something running, warns, or tries to reach another machine does not pass.
    """
    (tmp_path / "test_leaks.py").write_text(_LEAKING)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-W", "error", "-o", "anyio_mode=auto"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, "--rootdir", tmp_path, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_PROJECT)},
    )
    written = set(re.findall(r"def (test_\w+)", _LEAKING))
    not_passed = set(re.findall(r"^(?:FAILED|ERROR) test_leaks\.py::(\w+)", done.stdout, re.MULTILINE))

    assert written - {"test_good"} == not_passed, done.stdout + done.stderr


@pytest.fixture
def forgiven() -> Iterator[None]:
    reached = len(loopback_only.attempts)
    yield
    del loopback_only.attempts[reached:]


@pytest.mark.usefixtures("forgiven")
def test_another_machine_cannot_be_reached() -> None:
    """
    A connection or a look-up beyond loopback fails before a packet leaves.
    """
    with socket.socket() as sock, pytest.raises(loopback_only.LeftThisMachine):
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(loopback_only.LeftThisMachine):
        socket.getaddrinfo("api.example.com", 443)

    assert ["socket.connect '192.0.2.1'", "socket.getaddrinfo 'api.example.com'"] == loopback_only.attempts[
        -2:
    ]


async def test_loopback_is_open() -> None:
    """
    Servers on this machine are reached.
    """

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "localhost", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port)
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()

    assert b"hello\n" == answer


def test_import_poslife_imports_no_adapter() -> None:
    """
    `import poslife` imports no driver, no adapter and no package for tests.
    """
    program = "import sys, poslife; print('\\n'.join(sys.modules))"
    # Measuring coverage imports sqlite3.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    imported = set(done.stdout.split())
    packages = {
        f"poslife.{name}"
        for name in ("memory", "sqlite", "postgres", "ccxt", "testing", "conformance", "cli")
    }

    assert "poslife" in imported
    assert set() == imported & (packages | {"aiohttp", "asyncpg", "ccxt", "click", "rich", "sqlite3"})


def test_postgres_is_the_version_asked_for(empty_postgres_dsn: str) -> None:
    """
    The server under test has the version that POSLIFE_TEST_POSTGRES states.
    """
    if "POSLIFE_TEST_DSN" in os.environ:
        return
    expected = os.environ.get("POSLIFE_TEST_POSTGRES", DEFAULT_VERSION)

    assert expected == psql(empty_postgres_dsn, "SHOW server_version").partition(".")[0]


def test_postgres_databases_do_not_meet(postgres_databases: Databases) -> None:
    """
    A test does not see another test's rows; a copy of a template has the template's rows.
    """
    one = postgres_databases.create()
    psql(one, "CREATE TABLE held (symbol text); INSERT INTO held VALUES ('DBRUSDT')")
    copy = postgres_databases.create(template=one)
    psql(one, "TRUNCATE held")

    assert "DBRUSDT" == psql(copy, "SELECT symbol FROM held").strip()

    postgres_databases.drop(one)
    postgres_databases.drop(copy)


@pytest.mark.slow
def test_a_connection_left_open_fails_its_test(postgres_databases: Databases) -> None:
    """
    A database with an open connection fails its test, and is removed nevertheless.
    """
    dsn = postgres_databases.create()
    sleeper = subprocess.Popen(
        psql_command(dsn, "SELECT pg_sleep(60)"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while "0" == psql(dsn, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)'").strip():
        pass
    with pytest.raises(DatabaseLeftInUse, match="pg_sleep"):
        postgres_databases.drop(dsn)

    assert 0 != sleeper.wait()


@pytest.mark.slow
def test_a_server_crashes_and_comes_back(postgres_server: LocalServer) -> None:
    """
    A server of a test's own can crash, and has its committed rows after a restart.
    """
    psql(postgres_server.dsn(), "CREATE TABLE held AS SELECT 'DBRUSDT' AS symbol")
    postgres_server.stop("immediate")
    with pytest.raises(RuntimeError, match="refused"):
        psql(postgres_server.dsn(), "SELECT 1")
    postgres_server.start()

    assert "DBRUSDT" == psql(postgres_server.dsn(), "SELECT symbol FROM held").strip()


# ------------------------------------------------------------------------- the commands that check a commit


def _lines(pattern: str, text: str) -> list[str]:
    return [match[1] for match in re.finditer(pattern, text, re.MULTILINE)]


def _lint_commands() -> list[list[object]]:
    """
    The commands of `nox -s lint`, without the arguments that a caller may add.
    """
    module = ast.parse((_PROJECT / "noxfile.py").read_text())
    (lint,) = (node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "lint")
    return [
        [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
        for call in ast.walk(lint)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "session.run"
    ]


def test_pre_commit_runs_the_lint_session() -> None:
    """
    The hooks before a commit are the commands of `nox -s lint`, with the same release of ruff, all local.
    """
    hooks = (_PROJECT / ".pre-commit-config.yaml").read_text()
    groups = tomllib.loads((_PROJECT / "pyproject.toml").read_text())["dependency-groups"]

    assert _lint_commands() == [shlex.split(entry) for entry in _lines(r"^ +entry: (.+)$", hooks)]
    assert {f'["{groups["lint"][0]}"]'} == set(_lines(r"additional_dependencies: (.+)$", hooks))
    assert ["local"] == _lines(r"repo: (.+)$", hooks)


def test_the_workflow_runs_the_ci_script() -> None:
    """
    CI's workflow runs `.ci/run` and no other command.
    """
    workflow = (_PROJECT / ".github/workflows/ci.yml").read_text()

    assert ["bash .ci/run"] == _lines(r"^ +- run: (.+)$", workflow)


def _noxfile_value(name: str) -> object:
    """
    The literal that the noxfile assigns to *name*.
    """
    (value,) = (
        node.value
        for node in ast.parse((_PROJECT / "noxfile.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return ast.literal_eval(value)


def test_ci_runs_every_default_session() -> None:
    """
    `.ci/run` leaves out no session that `nox` alone would run.
    """
    default = msgspec.convert(_noxfile_value("nox.options.sessions"), list[str])
    script = (_PROJECT / ".ci/run").read_text()
    run = {name for names in _lines(r"^run ([\w ]+)", script) for name in names.split()}

    assert set() == set(default) - run


def test_every_version_that_is_claimed_has_a_session() -> None:
    """
    The sessions cover each Python of the classifiers, and each PostgreSQL that the README names.
    """
    classifiers = tomllib.loads((_PROJECT / "pyproject.toml").read_text())["project"]["classifiers"]
    pythons = msgspec.convert(_noxfile_value("SUPPORTED"), tuple[str, ...])
    servers = msgspec.convert(_noxfile_value("SERVERS"), dict[str, str])
    claimed = re.search(r"PostgreSQL (\d+) to (\d+)", (_PROJECT / "README.md").read_text())
    assert claimed is not None

    assert {one for line in classifiers for one in _lines(r"^Programming.* (3\.\d+)$", line)} <= set(pythons)
    assert {*map(str, range(int(claimed[1]), int(claimed[2]) + 1))} == {*servers, *VERSIONS_FROM_PYPI}
    assert all(release.startswith(f"{server}.") for server, release in servers.items())
