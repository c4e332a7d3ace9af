"""
The suite for a `VenueSource`, in parts.
"""

from poslife.conformance._venue_source.suite import VenueSourceConformance

__all__ = ["VenueSourceConformance"]
