"""
Check that every public name is in the reference, and resolve links to it by any of its names.

A name is defined in a private module and exported by a public one: annotations and docstrings have
``poslife._domain.orders.Order`` or plain ``Order`` where the reference has ``poslife.Order``.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

from sphinx.util.logging import getLogger
from sphinx.util.nodes import make_refnode
from typing_extensions import is_protocol

import poslife

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.domains.python import PythonDomain
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata

logger = getLogger(__name__)

STEADY_CLASSES = (
    "PositionTracker",
    "Opening",
    "Steps",
    "Repository",
    "EventSink",
    "Journal",
    "BatchWriter",
    "DeadLetterBox",
    "LifeEventFeed",
    "RunEventFeed",
    "TrailReader",
    "TrailKeeper",
    "VenueSource",
    "VenueHandle",
)
"""
The classes in which a bare method name such as ``recover`` or ``submit`` is looked up.
"""

MADE_BY_THE_TRACKER = ("Opening", "Closing", "Steps")


def public_modules() -> Iterator[str]:
    """
    Yield the names of the package and of its public modules, without `poslife.cli`, which is no API.
    """
    yield "poslife"
    for module in pkgutil.iter_modules(poslife.__path__, "poslife."):
        if not module.name.startswith("poslife._") and module.name != "poslife.cli":
            yield module.name


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element
) -> nodes.reference | None:
    """
    Resolve a name by its last part: in the current class, else if it is unique.
    """
    if node.get("refdomain") != "py":
        return None
    domain: PythonDomain = env.domains.python_domain
    target: str = node.get("reftarget", "").removesuffix("()")
    for wanted in candidates(target, node.get("py:class")):
        found = [
            (name, entry)
            for name, entry in domain.objects.items()
            if f".{name}".endswith(f".{wanted}") and not entry.aliased
        ]
        if len(found) == 1:
            ((name, entry),) = found
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, [text], name)
    return None


def candidates(target: str, current_class: str | None) -> Iterator[str]:
    """
    Yield the possible targets of a name, the likeliest first.
    """
    yield target
    if target.startswith("poslife."):
        # Defined in a private module, exported by a public one.
        yield target.rpartition(".")[2]
    elif "." in target:
        # A field of a class has no entry of its own.
        yield target.rpartition(".")[0]
    else:
        for holder in filter(None, (current_class, *STEADY_CLASSES)):
            yield f"{holder.rpartition('.')[2]}.{target}"


def skip_fields(*event: Any) -> bool | None:
    """
    Leave out the fields of a class: its "Attributes:" documents them.
    """
    # For a slot, Sphinx passes a sentinel that has no public name.
    member: object = event[3]
    return True if inspect.ismemberdescriptor(member) or repr(member) == "SLOTS_ATTR" else None


def drop_signatures(*event: Any) -> tuple[str, None] | None:
    """
    Drop the signatures of classes that a host does not call: enumerations, protocols, the tracker's own.
    """
    thing: object = event[3]
    not_called = inspect.isclass(thing) and (
        issubclass(thing, enum.Enum) or is_protocol(thing) or thing.__name__ in MADE_BY_THE_TRACKER
    )
    return ("", None) if not_called else None


def undo_types(*event: Any) -> None:
    """
    Undo napoleon's reading of the words before a colon, in an attribute's docstring, as its type.
    """
    what: str = event[1]
    lines: list[str] = event[5]
    if what in ("attribute", "data", "property") and lines[-1:] and lines[-1].startswith(":type: "):
        lines[0] = f"{lines[-1].removeprefix(':type: ')}: {lines[0]}"
        del lines[-1]


def check(_app: Sphinx, env: BuildEnvironment) -> None:
    """
    Warn about every public name that is not in the reference.
    """
    objects = env.domains.python_domain.objects
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", ()):
            if name == "__version__":
                continue
            value = getattr(module, name)
            home = getattr(value, "__module__", module_name)
            places = {f"{module_name}.{name}", f"{home}.{name}", f"poslife.{name}"}
            if not places & objects.keys():
                logger.warning("%s.%s is public and not in the reference", module_name, name)


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    Connect to the build.
    """
    app.connect("missing-reference", resolve)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-signature", drop_signatures)
    app.connect("autodoc-process-docstring", undo_types, priority=900)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True}
