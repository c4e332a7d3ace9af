"""
Text that every store takes, made from any value. Nothing here raises because of the value.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ENDS_PROCESS", "LONGEST_TEXT", "class_name", "clean_text", "repr_of", "text_of"]

LONGEST_TEXT: Final = 16 * 1024

ENDS_PROCESS: Final = (KeyboardInterrupt, SystemExit)
"""
The exceptions that may arrive while a value's code runs and are not its own: they propagate.

Anything else that is raised, `asyncio.CancelledError` and other kinds of `BaseException` included, is a fault
of the value.
"""

# An object's address is no part of its value: equal values must give equal texts.
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]{4,16}")


def clean_text(text: str, *, most: int = LONGEST_TEXT) -> str:
    """
    Return *text* with NUL and lone surrogates written as escapes.

    A text of more than *most* characters is cut there, and its length is appended.
    """
    # The methods of `str` itself, for a subclass may override them; cut first, to copy no long text whole.
    length = str.__len__(text)
    if length > most:
        text = f"{str.__getitem__(text, slice(most))}… ({length} characters)"
    return str.replace(text, "\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def class_name(kind: type, *, full: bool = False) -> str:
    """
    Return the name of a class, with its module if *full*.
    """
    try:
        name = f"{kind.__module__}.{kind.__qualname__}" if full else kind.__name__
        return clean_text(name, most=255)
    except ENDS_PROCESS:
        raise
    except BaseException:  # noqa: BLE001 - a metaclass may raise anything
        return "a class without a name"


def text_of(value: object, *, most: int = LONGEST_TEXT) -> str:
    """
    Return ``str(value)``, cleaned and cut to *most* characters.
    """
    try:
        return clean_text(str(value), most=most)
    except ENDS_PROCESS:
        raise
    except BaseException as error:  # noqa: BLE001 - a host's __str__ may raise anything
        return f"<{class_name(type(value))}, whose str raises {class_name(type(error))}>"


def repr_of(value: object) -> str:
    """
    Return ``repr(value)``, cleaned and cut, without memory addresses.
    """
    try:
        return _ADDRESS.sub("", clean_text(repr(value)))
    except ENDS_PROCESS:
        raise
    except BaseException as error:  # noqa: BLE001 - a host's __repr__ may raise anything
        return f"<{class_name(type(value))}, whose repr raises {class_name(type(error))}>"
