"""
What the protocols promise, as tests that a host runs against its own adapters.

They need no test framework to import: a suite is a class whose ``test_…`` methods are coroutines. pytest (with a plugin
that awaits them, such as anyio's) and unittest run a subclass as they run any other; `examine` runs one without either.
"""

from poslife.conformance._checking import Failure, Report, examine
from poslife.conformance._repository import RepositoryConformance

__all__ = ["Failure", "Report", "RepositoryConformance", "examine"]
