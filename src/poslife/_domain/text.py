"""
Text out of anything, as every store takes it. Nothing here raises because of what it is given. Pure.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LONGEST_TEXT", "NOT_OURS", "class_name", "clean_text", "repr_of", "text_of"]

LONGEST_TEXT: Final = 16 * 1024

NOT_OURS: Final = (KeyboardInterrupt, SystemExit)
"""
What ends the process, and may arrive while a value is looked at: it goes through. Whatever else a value
raises, `asyncio.CancelledError` and other kinds of `BaseException` too, is a fault of the value.
"""

# Where an object lies in memory is not part of it: the same value gives the same text.
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]{4,16}")


def clean_text(text: str, *, most: int = LONGEST_TEXT) -> str:
    """
    The text as every store takes it: NUL and lone surrogates written out as escapes, and cut at *most*.
    """
    # `str`'s own methods: a subclass may have others, and copying a long text whole is not needed.
    length = str.__len__(text)
    if length > most:
        text = f"{str.__getitem__(text, slice(most))}… ({length} characters)"
    return str.replace(text, "\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def class_name(kind: type, *, full: bool = False) -> str:
    """
    What a class is called, with its module where *full*.
    """
    try:
        name = f"{kind.__module__}.{kind.__qualname__}" if full else kind.__name__
        return clean_text(name, most=255)
    except NOT_OURS:
        raise
    except BaseException:  # noqa: BLE001 - a metaclass may raise anything
        return "a class without a name"


def text_of(value: object, *, most: int = LONGEST_TEXT) -> str:
    """
    ``str(value)``, clean and cut.
    """
    try:
        return clean_text(str(value), most=most)
    except NOT_OURS:
        raise
    except BaseException as error:  # noqa: BLE001 - a host's __str__ may raise anything
        return f"<{class_name(type(value))}, whose str raises {class_name(type(error))}>"


def repr_of(value: object) -> str:
    """
    ``repr(value)``, clean and cut, without addresses in memory.
    """
    try:
        return _ADDRESS.sub("", clean_text(repr(value)))
    except NOT_OURS:
        raise
    except BaseException as error:  # noqa: BLE001 - a host's __repr__ may raise anything
        return f"<{class_name(type(value))}, whose repr raises {class_name(type(error))}>"
