"""
The table of venues in the documentation, made from the data that `poslife.ccxt` runs on.

``{venues}`` shows it: a row for each known venue.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sphinx.util.docutils import SphinxDirective

from poslife import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife.ccxt import VENUE_RULES

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


def markdown() -> str:
    """
    Return the table in Markdown.
    """
    lines = [
        "| ccxt's id | a client order id is | an order is found for | fills reach back |",
        "|---|---|---|---|",
    ]
    for venue, rules in sorted(VENUE_RULES.items()):
        known = CLIENT_ORDER_IDS.get(venue)
        written = "not known: give a format" if known is None else written_as(known)
        found = (
            "no promise: never proven absent" if rules.lookup_window is None else span(rules.lookup_window)
        )
        lines.append(f"| `{venue}` | {written} | {found} | {span(rules.trades_window)} |")
    return "\n".join(lines)


def written_as(form: ClientOrderIdFormat) -> str:
    """
    Describe a format.
    """
    digits = "26 letters and digits" if form.alphabet == "crockford" else "32 hexadecimal digits"
    before = f", after `{form.prefix}`" if form.prefix else ""
    returned = f", given back after `{form.returned_prefix}`" if form.returned_prefix else ""
    return f"{digits}{before}{returned}"


def span(length: timedelta) -> str:
    """
    Return a span of time in words.
    """
    seconds = int(length.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return str(length)


class Venues(SphinxDirective):
    """
    Show the table.
    """

    def run(self) -> list[nodes.Node]:
        """
        Return the table's nodes.
        """
        return self.parse_text_to_nodes(markdown())


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    Add the directive.
    """
    app.add_directive("venues", Venues)
    return {"parallel_read_safe": True}
