"""
The example of a position whose order's answer is lost.
"""

from __future__ import annotations

import pytest

from examples.first_position import main

SHOWN = """\
the bot's own handling: ExchangeNotAvailable
after the order: InDoubt
after recover: PersistedPosition
  position.claimed
  order.prepared
  order.submitting
  opening.failed
  order.in_doubt
  order.seen_at_venue
  fill.applied
  order.ended
  position.opened
"""


async def test_the_order_is_found_at_the_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    """
    It is in doubt first, and held after `recover`.
    """
    await main()

    assert SHOWN == capsys.readouterr().out
