"""
The protocols that adapters implement, and the values that they exchange.

A host meets `Repository`, `EventSink`, `VenueSource` and `Clock`; a sink is built on `BatchWriter` and
`Journal`. The docstrings are the contract: `poslife.conformance` has a suite for each but `Clock`, to run
against an adapter of your own.
"""

from __future__ import annotations

from poslife._domain.fill_owner import OwnerCandidates, OwnerQuery
from poslife._domain.fills import FillId
from poslife._domain.runs import NewRun, Run
from poslife._domain.venue_answers import SubmitContext, SubmitVerdict
from poslife._trail.records import BuriedLetter, DeadLetter, EventRecord, FeedPage, FeedToken
from poslife._trail.removals import Erased, Erasure, EventCounts, Purge
from poslife.protocols._clock import Clock
from poslife.protocols._driver import DescribesDriver
from poslife.protocols._event_stores import (
    BatchWriter,
    DeadLetterBox,
    LifeEventFeed,
    RunEventFeed,
    TrailKeeper,
    TrailReader,
)
from poslife.protocols._journal import Journal, JournalGap, JournalPage, JournalStatus
from poslife.protocols._pages import Page, PageToken
from poslife.protocols._repository import Repository, Store
from poslife.protocols._sink import EventSink
from poslife.protocols._venue import SubmitClassifier, VenueSource

__all__ = [
    "BatchWriter",
    "BuriedLetter",
    "Clock",
    "DeadLetter",
    "DeadLetterBox",
    "DescribesDriver",
    "Erased",
    "Erasure",
    "EventCounts",
    "EventRecord",
    "EventSink",
    "FeedPage",
    "FeedToken",
    "FillId",
    "Journal",
    "JournalGap",
    "JournalPage",
    "JournalStatus",
    "LifeEventFeed",
    "NewRun",
    "OwnerCandidates",
    "OwnerQuery",
    "Page",
    "PageToken",
    "Purge",
    "Repository",
    "Run",
    "RunEventFeed",
    "Store",
    "SubmitClassifier",
    "SubmitContext",
    "SubmitVerdict",
    "TrailKeeper",
    "TrailReader",
    "VenueSource",
]
