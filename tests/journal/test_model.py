"""
Whatever is done to a journal, it holds what a list would.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from poslife.journal import FileJournal
from tests.journal.disks import all_of, die, segments_of

OVERHEAD = 16


class JournalMachine(RuleBasedStateMachine):
    """
    One root, one journal at a time; `kept` is what must be there, by number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.root = self.folder / "journal"
        self.journal = FileJournal(self.root, segment_bytes=4096)
        self.kept: dict[int, bytes] = {}
        self.last = 0
        self.forgotten = 0
        # What this process has appended since it was opened: the newest segment's frames are among them.
        self.mine: list[int] = []
        self.marks: dict[str, int] = {}

    @rule(frame=st.binary(max_size=1500))
    def append(self, frame: bytes) -> None:
        self.last += 1
        assert self.last == self.journal.append(frame)
        self.kept[self.last] = frame
        self.mine.append(self.last)

    @rule(count=st.integers(1, 60), byte=st.integers(0, 255))
    def append_many(self, count: int, byte: int) -> None:
        for _ in range(count):
            self.append(bytes([byte]) * 200)

    @rule(part=st.floats(0, 1.2))
    def forget(self, part: float) -> None:
        upto = self.forgotten + int((self.last - self.forgotten) * part)
        self.journal.forget(upto)
        self.forgotten = max(self.forgotten, min(upto, self.last))

    @rule(lane=st.sampled_from(["store", "lines"]), number=st.integers(0, 500))
    def mark(self, lane: str, number: int) -> None:
        self.journal.mark(lane, number)
        self.marks[lane] = max(number, self.marks.get(lane, 0))

    @rule()
    def sync(self) -> None:
        self.journal.sync()

    @rule(kill=st.booleans(), segment_bytes=st.integers(4096, 9000))
    def reopen(self, kill: bool, segment_bytes: int) -> None:  # noqa: FBT001 - drawn
        if kill:
            die(self.journal)
        else:
            self.journal.close()
        self.journal = FileJournal(self.root, segment_bytes=segment_bytes)
        status = self.journal.open()
        assert (self.forgotten + 1, self.last) == (status.first, status.last)
        assert self.last - self.forgotten == status.recovered
        self.mine = []

    @precondition(lambda self: bool(self.mine and segments_of(self.root)))
    @rule(data=st.data())
    def tear(self, data: st.DataObject) -> None:
        """
        The process dies, and its newest file ends at any byte.
        """
        die(self.journal)
        newest = segments_of(self.root)[-1]
        first = int(newest.name[:20])
        size = data.draw(st.integers(0, newest.stat().st_size), label="size")
        os.truncate(newest, size)
        left, number, torn = size - OVERHEAD, first, 0 < size < OVERHEAD
        while number <= self.last and left > 0:
            left -= OVERHEAD + len(self.kept[number])
            if left >= 0:
                number += 1
            else:
                torn = True
        for lost in range(number, self.last + 1):
            del self.kept[lost]
        # Of what was let go of, nothing can be lost.
        self.last = max(number - 1, self.forgotten)
        self.journal = FileJournal(self.root, segment_bytes=4096)
        status = self.journal.open()
        assert torn == status.torn_tails
        assert self.last == status.last
        self.mine = []

    @rule(most_bytes=st.sampled_from([1, 3000, 1 << 20]), part=st.floats(0, 1))
    def read(self, most_bytes: int, part: float) -> None:
        after = int(self.last * part)
        found = all_of(self.journal, after, most_bytes=most_bytes)
        assert [] == found.gaps
        start = max(after, self.forgotten)
        assert [(n, self.kept[n]) for n in range(start + 1, self.last + 1)] == found.frames

    @invariant()
    def tells_the_truth(self) -> None:
        status = self.journal.open()
        assert (self.forgotten + 1, self.last, 0) == (status.first, status.last, status.gaps)
        assert self.marks == dict(self.journal.marks())

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = hypothesis.settings(
    max_examples=60, stateful_step_count=30, deadline=None, parent=hypothesis.settings.default
)
