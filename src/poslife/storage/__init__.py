"""
For whoever writes a `Repository`: what a change is made of, the checks every store makes, rows and pages.

A store reads the heads of a change's positions, makes the checks `require_found`, `require_settlement` and
`require_versions` in this order, and writes; `poslife.memory` is the shortest one to read, and
`poslife.conformance` holds the suite it must pass.
"""

from __future__ import annotations

from poslife._domain.changes import Change, Claim, Close, Committed, Promote, Revise, Transition
from poslife._domain.commit_checks import StoredHead, require_found, require_settlement, require_versions
from poslife._domain.fills import (
    StoredFill,
)
from poslife._domain.identifiers import (
    ChangeId,
)
from poslife._trail.encoding import (
    decode_body,
    encode_body,
    fingerprint,
)
from poslife.protocols._pages import (
    MOST_PER_PAGE,
    limited,
    page_of,
)
from poslife.storage._event_rows import (
    EVENT_COLUMNS,
    HEADER_COLUMNS,
    LIFE_EVENT_COLUMNS,
    RUN_EVENT_COLUMNS,
    LifeEventRow,
    event_record_from,
    life_digests,
    life_event_rows,
    recorded_event_from,
    run_event_row,
)
from poslife.storage._rows import (
    FILL_COLUMNS,
    ORDER_COLUMNS,
    POSITION_COLUMNS,
    Value,
    fill_from,
    fill_row,
    key_row,
    order_from,
    order_row,
    position_from,
    position_row,
)

__all__ = [
    "EVENT_COLUMNS",
    "FILL_COLUMNS",
    "HEADER_COLUMNS",
    "LIFE_EVENT_COLUMNS",
    "MOST_PER_PAGE",
    "ORDER_COLUMNS",
    "POSITION_COLUMNS",
    "RUN_EVENT_COLUMNS",
    "Change",
    "ChangeId",
    "Claim",
    "Close",
    "Committed",
    "LifeEventRow",
    "Promote",
    "Revise",
    "StoredFill",
    "StoredHead",
    "Transition",
    "Value",
    "decode_body",
    "encode_body",
    "event_record_from",
    "fill_from",
    "fill_row",
    "fingerprint",
    "key_row",
    "life_digests",
    "life_event_rows",
    "limited",
    "order_from",
    "order_row",
    "page_of",
    "position_from",
    "position_row",
    "recorded_event_from",
    "require_found",
    "require_settlement",
    "require_versions",
    "run_event_row",
]
