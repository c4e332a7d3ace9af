from __future__ import annotations

from typing import Any

import pytest

from poslife.errors import InvalidValue
from poslife.postgres._limits import Limits


@pytest.mark.parametrize("name", ["connect", "command", "lock"])
@pytest.mark.parametrize("seconds", [0, -1, 3601, float("nan"), True, "1"], ids=str)
def test_a_time_out_is_a_number_of_seconds(name: str, seconds: Any) -> None:
    """
    A time-out that is no number of seconds above 0 is refused with its name.
    """
    with pytest.raises(InvalidValue, match=f"{name}_timeout"):
        Limits(**{name: seconds})


def test_the_server_gives_up_before_the_client() -> None:
    """
    The statement's time-out is shorter than the client's, so that the server's error arrives.
    """
    limits = Limits(command=10, lock=3)

    for script in (limits.begin, limits.for_session):
        assert "statement_timeout = 8000;" in script
        assert "lock_timeout = 3000;" in script


def test_a_short_time_out_is_not_zero() -> None:
    """
    A time-out of less than a millisecond is one millisecond, because 0 is none for the server.
    """
    assert "lock_timeout = 1;" in Limits(lock=0.0001).begin
