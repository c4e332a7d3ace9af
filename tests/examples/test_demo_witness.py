"""
What the demo's bots leave behind when they are killed.
"""

from __future__ import annotations

from pathlib import Path

from examples.demo.witness import Emitted, Emitting, Witness, count_emitted, read_witness


def test_a_witness_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    """
    The events that were begun, those of which the call returned, and the end; a line cut off is not read.
    """
    file = tmp_path / "witness"
    witness = Witness(file)
    witness.write(Emitting("e1", "tick"))
    witness.write(Emitted("e1"))
    witness.write(Emitting("e2", "tick"))
    with file.open("ab") as cut_off:
        cut_off.write(b'["Emitted","e2"')
    killed = read_witness(file)
    with file.open("ab") as cut_off:
        cut_off.write(b",[]]\n")
    witness.write(Emitted(""))
    ended = read_witness(file)

    assert ["e1", "e2"] == [event.event for event in killed.emitting]
    assert ([Emitted("e1")], None) == (killed.emitted, killed.ended)
    assert ([Emitted("e1"), Emitted("e2")], Emitted("")) == (ended.emitted, ended.ended)
    assert 3 == count_emitted(file)


def test_there_is_nothing_before_the_first_event(tmp_path: Path) -> None:
    """
    A file that is not there yet has nothing in it.
    """
    nothing = read_witness(tmp_path / "witness")

    assert ([], [], None) == (nothing.emitting, nothing.emitted, nothing.ended)
    assert 0 == count_emitted(tmp_path / "witness")
