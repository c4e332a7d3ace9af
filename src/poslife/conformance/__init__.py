"""
What the protocols promise, as tests that a host runs against its own adapters.

They need no test framework to import: a suite is a class whose methods named ``test_`` are coroutines.
pytest (with a plugin that awaits) and unittest run a subclass as any other; `examine` needs neither.
"""

from poslife.conformance._batch_writer import BatchWriterConformance
from poslife.conformance._dead_letter_box import DeadLetterBoxConformance, WriterWithBox
from poslife.conformance._event_sink import EventSinkConformance
from poslife.conformance._examine import Failure, Report, examine
from poslife.conformance._journal import JournalConformance
from poslife.conformance._life_event_feed import FedRepository, LifeEventFeedConformance
from poslife.conformance._repository import RepositoryConformance
from poslife.conformance._run_event_feed import FedWriter, RunEventFeedConformance
from poslife.conformance._venue_source import VenueSourceConformance

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
