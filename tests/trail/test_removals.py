"""
The reason of a removal.
"""

from __future__ import annotations

from typing import cast

import pytest

from poslife._trail.removals import require_why
from poslife.errors import InvalidValue


@pytest.mark.parametrize("why", ["", " \n", "a" * 2001, "a\0", "\ud800", cast("str", 7)])
def test_a_removal_needs_a_reason(why: str) -> None:
    """
    Blank, too long or unstorable: refused before anything is written.
    """
    with pytest.raises(InvalidValue, match="why"):
        require_why(why)


def test_a_reason_stays_as_it_is() -> None:
    """
    Of any characters that a store takes.
    """
    assert "asked for:\nÜnïcødé" == require_why("asked for:\nÜnïcødé")
    assert 2000 == len(require_why("a" * 2000))
