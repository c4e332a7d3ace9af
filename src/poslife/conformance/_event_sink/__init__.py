"""
The suite for an `EventSink`, in parts.
"""

from poslife.conformance._event_sink.suite import EventSinkConformance

__all__ = ["EventSinkConformance"]
