"""
Exceptions as JSON, within bounds.
"""

from __future__ import annotations

import json

from poslife._trail.encoding import (
    encode_payload,
)


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
