"""
What a host's own tests run against.

- `poslife.testing.bybit`: a simulated Bybit on loopback that real ccxt clients talk to (needs the ``ccxt`` extra).

Importing this package imports none of them.
"""

from __future__ import annotations

__all__: list[str] = []
