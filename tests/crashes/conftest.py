"""
The warm process that the tests of killing share.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crashes.forking import WarmProcess


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmProcess]:
    """
    What forks the bots.
    """
    process = WarmProcess()
    yield process
    process.close()
