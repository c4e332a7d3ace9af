"""
The batching sink. Calls point one way, from the top of this list to the bottom.

::

    folding           `FoldingSink`: folds telemetry before another sink gets it
    batching          `BatchingSink`: emit, flush, close; starts and stops the tasks
    relay             the store's life events, followed for a further writer
    intake            numbers an event, writes it to the journal, queues it for each writer
    lane              the backlog of one writer and the task that empties it
    delivery          one batch to one writer: retry, hold, suspect, isolate, bury
    status            the live state of the sink and of its writers; the host's alarm
    dead_letter_file  dead letters that the store refuses, too
    backlog           events that wait for one writer, in memory or in the journal alone
    health, options   values: counts and states; a host's choices
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
