"""
The transition tables of the documentation, made from the data that the code runs on.

``{transitions} NAME`` shows one table: a row for each status, with the statuses that may follow.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeVar

from sphinx.util.docutils import SphinxDirective

from poslife._domain.orders import ORDER_EVIDENCE, ORDER_TRANSITIONS
from poslife._domain.position_status import POSITION_TRANSITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

Status = TypeVar("Status", bound=enum.Enum)


def markdown(table: Mapping[Status, AbstractSet[Status]]) -> str:
    """
    Return the table in Markdown, with every status in the order of its class.
    """
    lines = ["| from | to |", "|---|---|"]
    for status in type(next(iter(table))):
        to = ", ".join(f"`{other.name}`" for other in type(status) if other in table[status])
        lines.append(f"| `{status.name}` | {to or 'none: it is final'} |")
    return "\n".join(lines)


TABLES = {
    "order": markdown(ORDER_TRANSITIONS),
    "order-evidence": markdown(ORDER_EVIDENCE),
    "position": markdown(POSITION_TRANSITIONS),
}


class Transitions(SphinxDirective):
    """
    Show one transition table.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """
        Return the table's nodes.
        """
        name: str = self.arguments[0]
        if name not in TABLES:
            message = f"there is no transition table {name!r}, only {', '.join(TABLES)}"
            raise self.error(message)
        return self.parse_text_to_nodes(TABLES[name])


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    Add the directive.
    """
    app.add_directive("transitions", Transitions)
    return {"parallel_read_safe": True}
