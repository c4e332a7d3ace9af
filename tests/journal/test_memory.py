"""
A journal in memory.
"""

from __future__ import annotations

import pytest

from poslife.errors import JournalUnavailable
from poslife.journal import MemoryJournal
from tests.journal.disks import in_child

# Python 3.12 warns of forks beside threads; a test run has some, and the child runs none of them.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def test_it_says_how_much_it_holds_and_takes_more_when_that_is_forgotten() -> None:
    """
    Over its cap it refuses, with the reason in its status; nothing of the frame is kept.
    """
    journal = MemoryJournal(most_bytes=100)
    assert 1 == journal.append(b"x" * 60)
    with pytest.raises(JournalUnavailable, match="holds 60 bytes of memory and may hold 100"):
        journal.append(b"x" * 41)
    assert "larger most_bytes" in str(journal.status().failure)
    journal.forget(1)

    assert 2 == journal.append(b"x" * 100)
    status = journal.status()
    assert (2, 2, 100, None) == (status.first, status.last, status.bytes_kept, status.failure)


def test_closed_it_takes_nothing_and_keeps_what_it_has() -> None:
    """
    Until it is opened again, by the same process.
    """
    journal = MemoryJournal()
    journal.append(b"kept")
    journal.close()
    for use in (lambda: journal.append(b"more"), lambda: journal.read(0)):
        with pytest.raises(JournalUnavailable, match="it was closed"):
            use()
    journal.open()

    assert ((1, b"kept"),) == journal.read(0).frames


def test_a_child_of_a_journal_in_memory() -> None:
    """
    What waits in its parent's memory is its parent's to store.
    """
    journal = MemoryJournal()
    journal.append(b"parent's")

    def act() -> None:
        assert () == journal.read(0).frames
        assert 1 == journal.append(b"child's")

    assert 0 == in_child(act)
    assert 1 == journal.status().last
