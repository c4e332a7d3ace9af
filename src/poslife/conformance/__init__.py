"""
What the protocols promise, as tests that a host runs against its own adapters.

They need no test framework to import: a suite is a class whose methods named ``test_`` are coroutines.
pytest (with a plugin that awaits) and unittest run a subclass as any other; `examine` needs neither.
"""

from poslife.conformance._checking import Failure, Report, examine
from poslife.conformance._dead_letters import DeadLetterBoxConformance, WriterWithBox
from poslife.conformance._feed import FedRepository, LifeEventFeedConformance
from poslife.conformance._journal import JournalConformance
from poslife.conformance._repository import RepositoryConformance
from poslife.conformance._run_feed import FedWriter, RunEventFeedConformance
from poslife.conformance._sink import EventSinkConformance
from poslife.conformance._venue import VenueSourceConformance
from poslife.conformance._writer import BatchWriterConformance

__all__ = [
    "BatchWriterConformance",
    "DeadLetterBoxConformance",
    "EventSinkConformance",
    "Failure",
    "FedRepository",
    "FedWriter",
    "JournalConformance",
    "LifeEventFeedConformance",
    "Report",
    "RepositoryConformance",
    "RunEventFeedConformance",
    "VenueSourceConformance",
    "WriterWithBox",
    "examine",
]
