"""
The demo's own failures, which are none of the library's.
"""

from __future__ import annotations

from poslife.errors import PoslifeError

__all__ = ["DemoFailed"]


class DemoFailed(PoslifeError):
    """
    The demo itself could not go on.
    """
