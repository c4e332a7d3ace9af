"""
Exceptions as JSON, within bounds.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from poslife._trail.encoding import encode_payload
from poslife._trail.tracebacks import describe_exception


def test_an_error_is_kept_with_all_it_came_from() -> None:
    """
    Causes, contexts, notes and the errors of a group; each with its own traceback.
    """

    def fail() -> None:
        raise OSError("disk full")

    def caught() -> BaseException:
        try:
            try:
                fail()
            except OSError as first:
                first.add_note("on the second disk")
                raise LookupError("no price") from first
        except LookupError as second:
            return ExceptionGroup("both", [second, ValueError("beside")])
        raise AssertionError

    content = json.loads(encode_payload({}, caught()))["error"]
    text = content["traceback"]

    assert "builtins.ExceptionGroup" == content["type"]
    for words in (
        "OSError: disk full",
        "on the second disk",
        "LookupError: no price",
        "direct cause",
        "ValueError: beside",
        "in fail",
        "2 of 2",
    ):
        assert words in text


def test_of_a_long_traceback_the_end_is_kept() -> None:
    """
    The error itself stands at the end.
    """

    def down(depth: int) -> None:
        if not depth:
            raise RuntimeError("at the bottom")
        names = {f"a_long_local_name_{number}": number for number in range(3)}
        if names:
            other(depth - 1)

    def other(depth: int) -> None:
        # Two functions in turns, for a frame that repeats is shown once.
        down(depth)

    error: BaseException | None = None
    for _ in range(8):
        try:
            down(100)
        except RuntimeError as caught:
            caught.__context__ = error
            error = caught
    content = json.loads(encode_payload({}, error))["error"]

    assert content["traceback"].endswith("RuntimeError: at the bottom\n")
    assert "characters)" in content["traceback"][:30]
    assert len(content["traceback"]) < 17_000


def test_an_error_that_is_its_own_cause_ends() -> None:
    """
    A circle of causes is shown once round.
    """
    one, other = RuntimeError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    text = json.loads(encode_payload({}, one))["error"]["traceback"]

    assert "shown before" in text
    assert text.endswith("RuntimeError: one\n")


def test_an_error_is_kept_with_its_traceback() -> None:
    """
    Its class, its message and where it came from, causes included; the payload's own ``error`` stays, too.
    """
    caught: BaseException | None = None
    try:
        try:
            _ = dict[str, int]()["price"]
        except KeyError as missing:
            raise ValueError("no price") from missing
    except ValueError as error:
        caught = error
    content = json.loads(encode_payload({"error": "mine"}, caught))

    assert ("builtins.ValueError", "no price") == (content["error"]["type"], content["error"]["message"])
    assert "KeyError: 'price'" in content["error"]["traceback"]
    assert "mine" in content.values()


def test_of_a_group_without_end_the_first_errors_are_kept() -> None:
    """
    A dozen, with how many there were.
    """
    group = ExceptionGroup("many", [ValueError(f"number {number}") for number in range(100)])
    text = str(describe_exception(group)["traceback"])

    assert "number 10" in text
    assert "number 12" not in text
    assert "100 errors in this group" in text


def test_a_source_that_cannot_be_read_costs_the_frames_alone() -> None:
    """
    A host's loader may raise: class and message are kept.
    """

    class Loader:
        def get_source(self, name: str) -> str:
            raise RuntimeError("the source is encrypted")

    code = compile("def fail(): raise OSError('disk full')", "encrypted_bot.py", "exec")
    module: dict[str, Any] = {"__name__": "encrypted_bot", "__loader__": Loader()}
    exec(code, module)  # noqa: S102 - a frame of a module with such a loader
    with pytest.raises(OSError, match="disk full") as caught:
        module["fail"]()
    described = describe_exception(caught.value)

    assert ("builtins.OSError", "disk full") == (described["type"], described["message"])
    assert "a traceback that cannot be read: RuntimeError" in str(described["traceback"])


def test_notes_that_raise_are_a_marker() -> None:
    """
    And other notes than texts are written as they can be.
    """

    def raising(_: object) -> list[str]:
        raise RuntimeError("no notes")

    noted: Exception = type("Noted", (Exception,), {"__notes__": property(raising)})()
    error = ValueError("no price")
    error.add_note("seen at noon")

    assert "<notes that cannot be read>" in str(describe_exception(noted)["traceback"])
    assert "seen at noon" in str(describe_exception(error)["traceback"])
