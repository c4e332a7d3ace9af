"""
A row of a venue that could not be read, kept with the reason.
"""

from __future__ import annotations

from poslife._domain.event_envelopes import Json
from poslife._domain.identifiers import Account, Symbol, Venue
from poslife._domain.text import clean_text
from poslife._domain.venue_answers import UnreadableRow
from poslife._trail.flattening import Flattening
from poslife._trail.redaction import redact_secrets
from poslife.ccxt._fields import is_row

__all__ = ["unreadable_row"]

_MOST_BYTES = 8 * 1024
_LONGEST_REASON = 1000


def unreadable_row(row: object, because: Exception, *, venue: Venue, account: Account) -> UnreadableRow:
    """
    Return the row as it can be stored: as JSON has it, cut, cleaned and without secrets.
    """
    said = row.get("symbol") if is_row(row) else None
    return UnreadableRow(
        venue=venue,
        account=account,
        symbol=Symbol(clean_text(said, most=255)) if isinstance(said, str) and said.strip() else None,
        reason=redact_secrets.text(clean_text(str(because), most=_LONGEST_REASON)),
        row=_redacted((), Flattening(_MOST_BYTES).flatten(row)),
    )


def _redacted(path: tuple[str, ...], value: Json) -> Json:
    value = redact_secrets(path, value)
    if isinstance(value, dict):
        return {key: _redacted((*path, key), held) for key, held in value.items()}
    if isinstance(value, list):
        return [_redacted(path, one) for one in value]
    return value
