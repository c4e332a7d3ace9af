"""
Tools for a host's own tests.

- `poslife.testing.bybit`: a simulated Bybit on loopback, to which a real ccxt client connects (``ccxt``
  extra).
- `poslife.testing.clock`: a clock that a test advances.
- `poslife.testing.faults`: connections that fail, and processes that are killed, at a chosen point.
- `poslife.testing.writers`: a batch writer that fails by a script.

Importing this package imports none of them.
"""

from __future__ import annotations

__all__: list[str] = []
