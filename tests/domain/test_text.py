from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from poslife._domain.text import LONGEST_TEXT, class_name, clean_text, repr_of, text_of

TEXTS = st.text(st.characters(exclude_categories=()))


class Raising:
    """
    A value whose texts raise a given exception.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @override
    def __str__(self) -> str:
        raise self.error

    @override
    def __repr__(self) -> str:
        raise self.error


class Nameless(type):
    __name__ = property(lambda cls: 1 / 0)  # pyright: ignore[reportAssignmentType]


@given(TEXTS, st.integers(0, 50))
def test_clean_text_is_taken_by_every_store(text: str, most: int) -> None:
    """
    Clean text is Unicode without NUL; cleaning changes no clean text.
    """
    clean = clean_text(text, most=most)

    assert clean == clean.encode().decode()
    assert "\x00" not in clean
    if len(text) <= most and text.isprintable():
        assert text == clean
    assert clean == clean_text(clean)


@pytest.mark.parametrize(
    "text, clean",
    [
        ("a\x00b", "a\\x00b"),
        ("a\ud800b", "a\\ud800b"),
        ("Konto Süd\n账户", "Konto Süd\n账户"),
        ("", ""),
    ],
    ids=ascii,
)
def test_a_nul_and_a_lone_surrogate_are_written_out(text: str, clean: str) -> None:
    """
    NUL and lone surrogates are written as escapes, so that no column refuses them (incident 45).
    """
    assert clean == clean_text(text)


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    """
    A text over 16,384 characters is cut and says how long it was; one of just that length is whole.
    """
    assert "x" * LONGEST_TEXT == clean_text("x" * LONGEST_TEXT)
    assert "x" * LONGEST_TEXT + f"… ({LONGEST_TEXT + 1} characters)" == clean_text("x" * (LONGEST_TEXT + 1))
    assert "abc… (5 characters)" == clean_text("abcde", most=3)


def test_a_subclass_of_str_cannot_interfere() -> None:
    """
    The methods of a subclass of `str` are not called.
    """

    class Hostile(str):
        __slots__ = ()

        @override
        def replace(self, *args: Any, **kwargs: Any) -> str:
            raise RuntimeError("no")

        @override
        def __len__(self) -> int:
            raise RuntimeError("no")

    assert "ab" == clean_text(Hostile("ab"))
    assert "a… (2 characters)" == clean_text(Hostile("ab"), most=1)


@pytest.mark.parametrize("error", [ValueError("no"), RecursionError(), asyncio.CancelledError()], ids=repr)
def test_a_value_without_text_has_one_all_the_same(error: BaseException) -> None:
    """
    A value whose str or repr raises gets a text that names its class and the exception.
    """
    kind = type(error).__name__

    assert f"<Raising, whose str raises {kind}>" == text_of(Raising(error))
    assert f"<Raising, whose repr raises {kind}>" == repr_of(Raising(error))


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_goes_through(end: type[BaseException]) -> None:
    """
    KeyboardInterrupt and SystemExit propagate out of a value's str and repr.
    """
    for shown in (text_of, repr_of):
        with pytest.raises(end):
            shown(Raising(end()))


def test_an_address_is_no_part_of_a_repr() -> None:
    """
    A repr has no memory address, so equal values have equal texts in two processes.
    """
    assert "<object object>" == repr_of(object())


def test_a_class_has_a_name() -> None:
    """
    A class is named with its module on request, and has a substitute name if the metaclass raises.
    """
    assert "Raising" == class_name(Raising)
    assert f"{__name__}.Raising" == class_name(Raising, full=True)
    assert "a class without a name" == class_name(Nameless("Broken", (), {}))
