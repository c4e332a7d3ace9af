"""
What a host's own tests run against.

- `poslife.testing.bybit`: a simulated Bybit on loopback that real ccxt clients talk to (``ccxt`` extra).
- `poslife.testing.clock`: a clock that moves when a test says so.
- `poslife.testing.faults`: connections that fail and processes that die at a chosen step.
- `poslife.testing.writers`: a batch writer that fails as it is told.

Importing this package imports none of them.
"""

from __future__ import annotations

__all__: list[str] = []
