"""
Changes, and the checks that every `Repository` makes before it writes one: for a store of your own.

A store reads the heads of a change's positions, calls `require_found`, `require_settlement` and
`require_versions` in this order, and writes. `poslife.memory` is the shortest store to read;
`poslife.conformance` has the suite that a store has to pass.
"""

from __future__ import annotations

from poslife._domain.changes import Change, Claim, Close, Committed, Promote, Revise, Transition
from poslife._domain.commit_checks import StoredHead, require_found, require_settlement, require_versions
from poslife._domain.fills import StoredFill
from poslife._trail.encoding import fingerprint
from poslife.storage._event_rows import link_events

__all__ = [
    "Change",
    "Claim",
    "Close",
    "Committed",
    "Promote",
    "Revise",
    "StoredFill",
    "StoredHead",
    "Transition",
    "fingerprint",
    "link_events",
    "require_found",
    "require_settlement",
    "require_versions",
]
