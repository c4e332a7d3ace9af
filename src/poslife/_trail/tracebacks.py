"""
An exception as JSON: class, message and traceback. Pure.

As `traceback` does it, but within bounds: a message of a gigabyte is not copied, and a chain of ten thousand
causes ends.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Final, cast

from poslife._domain.event_envelopes import Json
from poslife._domain.text import ENDS_PROCESS, LONGEST_TEXT, class_name, clean_text, text_of

__all__ = ["describe_exception"]

_LONGEST_MESSAGE: Final = 2000
_MOST_FRAMES: Final = 60
_MOST_ERRORS: Final = 12
_MOST_NOTES: Final = 10

_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"


def describe_exception(error: BaseException) -> dict[str, Json]:
    """
    Return class, message, and traceback with causes, notes and the errors of a group.

    Of a traceback that is too long the end is kept, where the error itself is.
    """
    text = "".join(_Formatter().lines(error, 0))
    if (length := len(text)) > LONGEST_TEXT:
        text = f"({length} characters) …{text[-LONGEST_TEXT:]}"
    return {
        "type": class_name(type(error), full=True),
        "message": text_of(error),
        "traceback": clean_text(text, most=len(text)),
    }


class _Formatter:
    def __init__(self) -> None:
        self._seen: list[BaseException] = []

    def lines(self, error: BaseException, depth: int) -> Iterator[str]:
        """
        Yield the lines of *error*, after those of its cause or context.
        """
        if any(error is one for one in self._seen) or len(self._seen) >= _MOST_ERRORS:
            yield f"<{class_name(type(error))}, shown before or one too many>\n"
            return
        self._seen.append(error)
        cause = _attribute(error, "__cause__")
        context = _attribute(error, "__context__")
        if isinstance(cause, BaseException):
            yield from self.lines(cause, depth)
            yield _CAUSE
        elif isinstance(context, BaseException) and not _attribute(error, "__suppress_context__"):
            yield from self.lines(context, depth)
            yield _CONTEXT
        yield from _frames(error)
        name, message = class_name(type(error), full=True), text_of(error, most=_LONGEST_MESSAGE)
        name = name.removeprefix("builtins.")
        yield f"{name}: {message}\n" if message else f"{name}\n"
        yield from _notes(error)
        yield from self._members(error, depth)

    def _members(self, error: BaseException, depth: int) -> Iterator[str]:
        if not issubclass(type(error), BaseExceptionGroup):
            return
        members = cast("tuple[BaseException, ...]", _attribute(error, "exceptions") or ())
        for number, member in enumerate(members, start=1):
            if len(self._seen) >= _MOST_ERRORS:
                yield f"  … {len(members)} errors in this group\n"
                return
            yield f"  +---------------- {number} of {len(members)} ----------------\n"
            for line in self.lines(member, depth + 1):
                yield from (f"  | {part}" for part in line.splitlines(keepends=True))


def _attribute(error: BaseException, name: str) -> object:
    # By the base class's descriptor: a subclass may override the attribute with one that raises.
    kind = BaseExceptionGroup if name == "exceptions" else BaseException
    return vars(kind)[name].__get__(error)


def _frames(error: BaseException) -> Iterator[str]:
    trace = _attribute(error, "__traceback__")
    if not isinstance(trace, TracebackType):
        return
    yield "Traceback (most recent call last):\n"
    try:
        # A negative limit keeps the innermost.
        yield from traceback.format_list(traceback.extract_tb(trace, limit=-_MOST_FRAMES))
    except ENDS_PROCESS:
        raise
    except BaseException as unreadable:  # noqa: BLE001 - it reads the host's source files, through its loaders
        yield f"  <a traceback that cannot be read: {class_name(type(unreadable))}>\n"


def _notes(error: BaseException) -> Iterator[str]:
    try:
        notes: object = getattr(error, "__notes__", ())
        if isinstance(notes, list | tuple):
            for note in cast("list[object]", notes)[:_MOST_NOTES]:
                yield f"{text_of(note, most=_LONGEST_MESSAGE)}\n"
    except ENDS_PROCESS:
        raise
    except BaseException:  # noqa: BLE001 - a host's exception may raise anything when it is looked at
        yield "<notes that cannot be read>\n"
