"""
The store in memory: for tests and paper trading. It forgets everything with the process.
"""

from poslife.memory._store import MemoryStore

__all__ = ["MemoryStore"]
