"""
``python -m poslife.testing.bybit``.
"""

from __future__ import annotations

import os
import signal

import pytest

from poslife.testing.bybit.__main__ import main
from tests.testing.bybit.process import venue_process


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stdin", "SIGTERM", "SIGINT"])
def test_it_ends_with_its_standard_input_and_on_a_signal(way: str) -> None:
    """
    Its exit status is 0 and it writes no errors.
    """
    ignored = [] if way == "stdin" else ["--ignore-stdin"]
    with venue_process("--balance", "50", "--hedged", "--leverage", "5", *ignored) as (control, process):
        assert control.url.startswith("http://127.0.0.1:")
        assert () == tuple(control.orders)
        if way == "stdin":
            assert process.stdin is not None
            process.stdin.write("input is ignored")
            process.stdin.close()
        else:
            os.kill(process.pid, signal.Signals[way])
        assert 0 == process.wait(10)
        assert process.stderr is not None
        assert "" == process.stderr.read()


def test_an_invalid_option_ends_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The message has the value.
    """
    with pytest.raises(SystemExit):
        main(["--balance", "much"])

    assert "expected a number, got 'much'" in capsys.readouterr().err
