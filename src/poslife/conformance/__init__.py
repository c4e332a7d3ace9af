"""
The contracts of `poslife.protocols` as tests that a host runs against its own adapters.

No test framework is imported: a suite is a class whose methods named ``test_`` are coroutines. pytest (with a
plugin that awaits) and unittest run a subclass as any other; `examine` needs neither. The docstring of a test
is the guarantee it checks; a failure also names the protocol methods that promise it.

==========================  =============================================================================
Suite                       Clauses
==========================  =============================================================================
`RepositoryConformance`     ``_repository/``: ``commits`` (all or nothing, repetition), ``refusals``
                            (errors and their precedence), ``keys`` (one live position per key), ``runs``
                            (leases), ``reads`` (one position; opening, closing, outages), ``candidates``
                            (whose a fill is), ``lists``, ``pages``, ``fields`` (every field of every
                            type), ``values`` (every digit, microsecond and character)
`BatchWriterConformance`    ``_batch_writer``: write, probe, bury; host events in a history
`DeadLetterBoxConformance`  ``_dead_letter_box``: list and replay
`LifeEventFeedConformance`  ``_life_event_feed``: pages, digests, concurrent commits
`RunEventFeedConformance`   ``_run_event_feed``: pages
`TrailReaderConformance`    ``_trail_reader``: life events stream by stream, counts, purges, erasures
`TrailKeeperConformance`    ``_trail_keeper``: erase and purge
`EventSinkConformance`      ``_event_sink/``: ``emitting``, ``flushing`` (flush and close)
`JournalConformance`        ``_journal``: frames, marks, the next process
`VenueSourceConformance`    ``_venue_source/``: ``answers`` (orders, fills, snapshots), ``refusals``
==========================  =============================================================================

A suite in several parts has its hooks, which the host implements, in ``hooks``, and is put together in
``suite``. The parts share:

======================  =================================================================================
``_promises``           ``promised_by``: the contract of a test, and the note on its failure
``_assertions``         ``check``, ``same``, ``refused`` and the like, also under ``python -O``
``_examine``            `examine`, `Report`, `Failure`
``_example_values``     valid identifiers, orders, positions and fills: all new, the same at every run
``_example_changes``    the changes of a host, and the steps that commit them
``_example_records``    host events, event records and dead letters
``_full_values``        one value of each type with every field set
``_filled``             fills the fields that ``_full_values`` does not name, so that a new one is tested
``_hostile_payloads``   payloads that have broken audit trails
======================  =================================================================================
"""

from poslife.conformance._batch_writer import BatchWriterConformance
from poslife.conformance._dead_letter_box import DeadLetterBoxConformance, WriterWithBox
from poslife.conformance._event_sink import EventSinkConformance
from poslife.conformance._examine import Failure, Report, examine
from poslife.conformance._journal import JournalConformance
from poslife.conformance._life_event_feed import FedRepository, LifeEventFeedConformance
from poslife.conformance._repository import RepositoryConformance
from poslife.conformance._run_event_feed import FedWriter, RunEventFeedConformance
from poslife.conformance._trail_keeper import TrailKeeperConformance
from poslife.conformance._trail_reader import KeptStore, TrailReaderConformance
from poslife.conformance._venue_source import VenueSourceConformance

__all__ = [
    "BatchWriterConformance",
    "DeadLetterBoxConformance",
    "EventSinkConformance",
    "Failure",
    "FedRepository",
    "FedWriter",
    "JournalConformance",
    "KeptStore",
    "LifeEventFeedConformance",
    "Report",
    "RepositoryConformance",
    "RunEventFeedConformance",
    "TrailKeeperConformance",
    "TrailReaderConformance",
    "VenueSourceConformance",
    "WriterWithBox",
    "examine",
]
