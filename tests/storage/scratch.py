"""
A scratch copy of the source, as another release has it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["changed_files", "copy_of_source", "run_tests", "with_source"]

PROJECT = Path(__file__).parents[2]


def copy_of_source(folder: Path, edits: Mapping[str, Mapping[str, str]]) -> Path:
    """
    Copy the source tree, and write each line of *edits* after the text that it follows.
    """
    source = folder / "src"
    shutil.copytree(PROJECT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    for name, lines in edits.items():
        file = source / name
        text = file.read_text("utf-8")
        for before, line in lines.items():
            assert 1 == text.count(before), f"{name} has {before!r} {text.count(before)} times"
            text = text.replace(before, before + line)
        file.write_text(text, "utf-8")
    return source


def changed_files(source: Path) -> list[str]:
    there = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    return sorted(
        str(name)
        for name in there
        if not (PROJECT / "src" / name).exists()
        or (PROJECT / "src" / name).read_bytes() != (source / name).read_bytes()
    )


def with_source(source: Path) -> dict[str, str]:
    """
    Return the environment of a process that imports poslife from *source*.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST", "POSLIFE"))
    }
    return {**inherited, "PYTHONPATH": str(source)}


def run_tests(source: Path, *tests: str, dsn: str = "") -> subprocess.CompletedProcess[str]:
    """
    Run tests in a process that imports poslife from *source*.
    """
    return subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=PROJECT,
        env={**with_source(source), **({"POSLIFE_TEST_DSN": dsn} if dsn else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
