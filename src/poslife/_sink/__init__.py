"""
The batching sink.

::

    _sink      `BatchingSink`: emit, flush, close, figures
    _intake    what `emit` does: number, journal, queue
    _backlog   what waits for one writer: in memory as far as there is room, else in the journal
    _lane      one writer's task: takes batches from its backlog
    _relay     the store's life events, followed for a further writer
    _delivery  one batch to one writer: retry, hold, suspect, isolate, bury
    _figures   counts and states
"""

from poslife._sink.batching import BatchingSink
from poslife._sink.health import SinkHealth, SinkState, SinkStats, WriterHealth, WriterStats
from poslife._sink.options import FurtherWriter, Overflow

__all__ = [
    "BatchingSink",
    "FurtherWriter",
    "Overflow",
    "SinkHealth",
    "SinkState",
    "SinkStats",
    "WriterHealth",
    "WriterStats",
]
