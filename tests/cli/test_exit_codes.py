"""
The exit codes of the command line.
"""

from __future__ import annotations

import click
import pytest

from poslife.cli._exit_codes import FAULTS, INTERRUPTED, UNREADABLE, run, unreadable_store
from poslife.errors import InvalidUrl, MissingExtra, StorageUnavailable

UNEXPECTED = [
    pytest.param(None, 0, id="done"),
    pytest.param(SystemExit(FAULTS), FAULTS, id="faults"),
    pytest.param(InvalidUrl("mysql://x", "there is no store for it"), 2, id="URL"),
    pytest.param(StorageUnavailable("connection reset"), UNREADABLE, id="no answer"),
    pytest.param(MissingExtra("postgres", "asyncpg"), UNREADABLE, id="extra"),
    pytest.param(ValueError("a row cannot be read"), UNREADABLE, id="row"),
    pytest.param(ZeroDivisionError("a defect"), UNREADABLE, id="defect"),
    pytest.param(KeyboardInterrupt(), INTERRUPTED, id="interrupted"),
]


@pytest.mark.parametrize("error, status", UNEXPECTED)
def test_only_a_fault_in_the_store_exits_with_1(
    error: BaseException | None,
    status: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A store that cannot be read, and a defect of the command itself, exit with 3, an interruption with 130.
    """

    @click.command()
    def command() -> None:
        with unreadable_store():
            if error is not None:
                raise error

    monkeypatch.setattr("sys.argv", ["poslife"])
    with pytest.raises(SystemExit) as ended:
        run(command)

    assert status == ended.value.code
    assert (status in {0, FAULTS}) == (capsys.readouterr().err == "")


def test_a_command_that_is_not_understood_exits_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An unknown option is shown with how the command is used.
    """

    @click.command()
    def command() -> None:
        pass

    monkeypatch.setattr("sys.argv", ["poslife", "--nonsense"])
    with pytest.raises(SystemExit) as ended:
        run(command)

    assert 2 == ended.value.code
    assert "Usage: " in capsys.readouterr().err
