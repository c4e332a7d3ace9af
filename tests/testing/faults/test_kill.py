"""
A child that is killed at its checkpoints.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from poslife.testing.faults import Child, ChildProgram, kill_at, run_to_end

CHILD = Path(__file__).parent / "child.py"


pytestmark = pytest.mark.slow


def program(*arguments: str) -> ChildProgram:
    return ChildProgram.script(CHILD, *arguments)


ALL = ("before 0", "after 0", "before 1", "after 1", "before 2", "after 2")


@pytest.mark.parametrize("how", ["write", "write in a loop"], ids=str)
async def test_a_clean_run_reports_its_checkpoints(tmp_path: Path, how: str) -> None:
    """
    The child does all its work, and its checkpoints are reported in order.
    """
    report = await run_to_end(program(how, str(tmp_path / "kept")))

    assert ALL == report.checkpoints
    assert report.exit_status == 0
    assert not report.was_killed
    assert (tmp_path / "kept").read_text() == "0\n1\n2\n"


async def test_it_dies_at_each_checkpoint_in_turn(tmp_path: Path) -> None:
    """
    Killed at a checkpoint, the child has done what comes before it and nothing of what comes after.
    """
    left: list[str] = []
    for index in range(len(ALL)):
        kept = tmp_path / f"kept {index}"
        report = await kill_at(program("write", str(kept)), index)
        left.append(kept.read_text() if kept.exists() else "")

        assert ALL[: index + 1] == report.checkpoints
        assert report.exit_status == -signal.SIGKILL
        assert report.was_killed

    assert ["", "0\n", "0\n", "0\n1\n", "0\n1\n", "0\n1\n2\n"] == left


async def test_it_dies_at_a_checkpoint_by_name(tmp_path: Path) -> None:
    """
    The checkpoint can be given by name or by index.
    """
    report = await kill_at(program("write", str(tmp_path / "kept")), "after 1")

    assert report.checkpoints[-1] == "after 1"
    assert report.was_killed


async def test_modules_run_with_their_environment_and_folder(tmp_path: Path) -> None:
    """
    ``python -m`` works, in another folder and with further environment variables.
    """
    (tmp_path / "own_module.py").write_text(
        "import os; print(os.environ['EXTRA'], os.path.exists('own_module.py'))"
    )
    report = await run_to_end(
        ChildProgram.module("own_module", environment={"EXTRA": "set"}, folder=tmp_path)
    )

    assert report.output == "set True\n"
    assert report.checkpoints == ()


async def test_a_failing_child_is_reported_with_its_output() -> None:
    """
    An exit status that is not 0 raises, with output and errors in the message.
    """
    with pytest.raises(
        ChildProcessError, match=r"(?s)exit status 1.*before failing.*so far so good.*went wrong"
    ):
        await run_to_end(program("fail"))


async def test_a_checkpoint_that_is_never_reached_raises() -> None:
    """
    A child that ended elsewhere is not taken for one that was killed at the checkpoint.
    """
    with pytest.raises(ChildProcessError, match="'nowhere'"):
        await kill_at(program("fail"), "nowhere")
    with pytest.raises(ChildProcessError, match="before checkpoint 5"):
        await kill_at(program("die by itself"), 5)


async def test_a_child_that_hangs_is_ended() -> None:
    """
    At its time limit the child is killed, and the error has its last checkpoint.
    """
    with pytest.raises(TimeoutError, match="before hanging"):
        await run_to_end(program("hang"), timeout=4)


async def test_the_child_does_nothing_at_a_checkpoint(tmp_path: Path) -> None:
    """
    The parent can inspect its work between two steps of the iteration.
    """
    kept = tmp_path / "kept"
    seen: dict[str, str] = {}
    async with Child(program("write", str(kept))) as child:
        with pytest.raises(LookupError):
            _ = child.report
        os.kill(child.pid, 0)
        async for name in child:
            seen[name] = kept.read_text() if kept.exists() else ""
            if name == "after 1":
                break

    assert seen == {"before 0": "", "after 0": "0\n", "before 1": "0\n", "after 1": "0\n1\n"}
    assert child.report.was_killed


async def test_killing_ends_the_iteration(tmp_path: Path) -> None:
    """
    A child killed at a checkpoint reaches no further one; killing it again does nothing.
    """
    async with Child(program("write", str(tmp_path / "kept"))) as child:
        async for _ in child:
            child.kill()
        child.kill()

    assert child.report.checkpoints == ("before 0",)
    assert child.report.was_killed
