"""
The times that a tracker keeps.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """
    Lengths of time, in seconds, and one number of look-ups.

    Attributes:
        submit_window: From the commit of SUBMITTING to the request; past it the request is not made.
        http_timeout: Time-out of the host's venue client (ccxt: ``timeout``, 10,000 ms).
        receive_window: Delay with which the venue still takes a request (ccxt: ``recvWindow``).
        lookups: Look-ups that must not have seen an order before it can be proven absent.
        lookup_interval: Between two look-ups of one order.
        fills_within: Delay with which a venue may show the fills of an order.
        commit: Time for which a call is repeated while the store does not answer, before it is an error.
        lease: Time for which a run counts as alive without renewing its lease.
        shutdown: Time that leaving ``async with tracker`` may take to settle and flush.
    """

    submit_window: float = 5.0
    http_timeout: float = 10.0
    receive_window: float = 5.0
    lookups: int = 2
    lookup_interval: float = 1.0
    fills_within: float = 10.0
    commit: float = 10.0
    lease: float = 30.0
    shutdown: float = 10.0

    @property
    def quiet(self) -> float:
        """
        Time after SUBMITTING in which a request may still reach the venue.
        """
        return self.submit_window + self.http_timeout + self.receive_window
