"""
Whether a name that came back is the one that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from poslife._domain.client_order_ids import ClientOrderIdFormat
from poslife._domain.identifiers import ClientOrderId, Venue

__all__ = ["is_same_name"]


def is_same_name(
    returned: str,
    sent: ClientOrderId,
    *,
    venue: Venue,
    formats: Mapping[Venue, ClientOrderIdFormat],
) -> bool:
    """
    The same but for what the venue, or ccxt, puts before it, and for capitals: BingX changes those.
    """
    known = formats.get(venue)
    plain = returned.removeprefix(known.returned_prefix) if known else returned
    return plain.lower() == sent.lower()
