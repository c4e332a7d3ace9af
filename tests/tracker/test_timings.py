"""
The times that a tracker keeps.
"""

from __future__ import annotations

from poslife import Timings


def test_a_request_may_arrive_until_all_its_times_are_over() -> None:
    """
    The window to send it, the client's time-out and the venue's window add up.
    """
    timings = Timings(submit_window=1, http_timeout=20, receive_window=300)

    assert 321 == timings.quiet
