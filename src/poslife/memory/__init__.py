"""
The store in memory: for tests and paper trading. It forgets everything with the process.

It is also the shortest store to read for one who writes a `Repository`:

==============  ===============================================================================
``_store``      `MemoryStore`: every method of the protocols, and the steps of a commit
``_positions``  positions and fills, their indexes, and the checks that come before a commit
                writes
``_runs``       runs and their leases
``_events``     life events with their digest chain, host events, dead letters, and both feeds
``_lists``      pages
==============  ===============================================================================

A store with tables does the same with rows; `poslife.storage` holds what is common to all of them.
"""

from poslife.memory._store import MemoryStore

__all__ = ["MemoryStore"]
