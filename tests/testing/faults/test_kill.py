from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from poslife.testing.faults import Child, ChildProgram, checkpoint, kill_at, run_to_end
from poslife.testing.faults._checkpoint import ABANDONED, ENVIRONMENT_NAME

CHILD = Path(__file__).parent / "child.py"

pytestmark = pytest.mark.slow


def program(*arguments: str) -> ChildProgram:
    return ChildProgram.script(CHILD, *arguments)


ALL = ("before 0", "after 0", "before 1", "after 1", "before 2", "after 2")


@pytest.mark.parametrize("how", ["write", "write in a loop"], ids=str)
async def test_a_clean_run_tells_its_checkpoints(tmp_path: Path, how: str) -> None:
    """
    Let through, the child does all its work, and every checkpoint is told in order.
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
    A name is as good as an index.
    """
    report = await kill_at(program("write", str(tmp_path / "kept")), "after 1")

    assert report.checkpoints[-1] == "after 1"
    assert report.was_killed


async def test_modules_run_with_their_environment_and_folder(tmp_path: Path) -> None:
    """
    ``python -m`` works, in another folder and with more in its environment.
    """
    (tmp_path / "own_module.py").write_text(
        "import os; print(os.environ['WHO'], os.path.exists('own_module.py'))"
    )
    report = await run_to_end(ChildProgram.module("own_module", environment={"WHO": "me"}, folder=tmp_path))

    assert report.output == "me True\n"
    assert report.checkpoints == ()


async def test_a_failing_child_is_told_with_what_it_wrote() -> None:
    """
    An exit status that is not 0 raises, with output and errors in the message.
    """
    with pytest.raises(
        ChildProcessError, match=r"(?s)exit status 1.*before failing.*so far so good.*went wrong"
    ):
        await run_to_end(program("fail"))


async def test_a_checkpoint_that_is_never_reached_raises() -> None:
    """
    A child that ended elsewhere is not taken for one that was killed where it should be.
    """
    with pytest.raises(ChildProcessError, match="'nowhere'"):
        await kill_at(program("fail"), "nowhere")
    with pytest.raises(ChildProcessError, match="before checkpoint 5"):
        await kill_at(program("die by itself"), 5)


async def test_a_child_that_hangs_is_ended() -> None:
    """
    When its time is over, the child is killed and its parent told where it was.
    """
    with pytest.raises(TimeoutError, match="before hanging"):
        await run_to_end(program("hang"), timeout=2)


async def test_the_parent_may_look_around_while_the_child_stands(tmp_path: Path) -> None:
    """
    Between two steps of the iteration the child does nothing.
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
    A child killed where it stands reaches no further checkpoint; killing it again does nothing.
    """
    async with Child(program("write", str(tmp_path / "kept"))) as child:
        async for _ in child:
            child.kill()
        child.kill()

    assert child.report.checkpoints == ("before 0",)
    assert child.report.was_killed


async def test_threads_report_one_after_the_other() -> None:
    """
    Checkpoints of several threads do not mix.
    """
    report = await run_to_end(program("threads"))

    assert {f"thread {n}" for n in range(8)} == set(report.checkpoints)


async def test_a_process_the_child_starts_is_not_stopped() -> None:
    """
    It inherits the environment and not the pipes, so its checkpoints do nothing.
    """
    report = await run_to_end(program("start another"))

    assert report.checkpoints == ("after another",)


def test_an_abandoned_child_ends_by_itself(tmp_path: Path) -> None:
    """
    A child whose parent is gone does not wait for ever.
    """
    waits, go_ahead = os.pipe()
    reading, reports = os.pipe()
    pipes = f"{reports},{os.fstat(reports).st_ino},{waits},{os.fstat(waits).st_ino}"
    child = subprocess.Popen(
        [sys.executable, CHILD, "write", str(tmp_path / "kept")],
        pass_fds=(reports, waits),
        env={**os.environ, ENVIRONMENT_NAME: pipes},
    )
    os.close(waits)
    os.close(reports)
    os.close(go_ahead)
    status = child.wait(30)
    os.close(reading)

    assert status == ABANDONED
    assert not (tmp_path / "kept").exists()


async def test_a_name_is_one_line() -> None:
    """
    A line break in a name would be two checkpoints.
    """
    with pytest.raises(ChildProcessError, match="one line"):
        await run_to_end(program("two lines"))


def test_without_a_parent_a_checkpoint_does_nothing() -> None:
    """
    Production code that carries a checkpoint by mistake goes on.
    """
    checkpoint("nobody listens")
