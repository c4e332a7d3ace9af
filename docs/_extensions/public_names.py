"""
Holds the reference to the public names: each of them is there, and a link by any of its names finds it.

A name is defined in a private module and promised by a public one: annotations and docstrings speak of
``poslife._orders.Order`` or plain ``Order`` where the reference has ``poslife.Order``.
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


def public_modules() -> Iterator[str]:
    """
    The package and its public modules; those of `poslife.cli` are a command's, not an API.
    """
    yield "poslife"
    for module in pkgutil.iter_modules(poslife.__path__, "poslife."):
        if not module.name.startswith("poslife._") and module.name != "poslife.cli":
            yield module.name


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element
) -> nodes.reference | None:
    """
    Find a name of ours by its last part, where only one thing is called so.
    """
    if node.get("refdomain") != "py":
        return None
    target: str = node.get("reftarget", "")
    if "." in target and not target.startswith("poslife."):
        # `Class.attribute`, as docstrings write it.
        tail = "." + target
    else:
        tail = "." + target.rpartition(".")[2]
    domain: PythonDomain = env.domains.python_domain
    found = {name: entry for name, entry in domain.objects.items() if name.endswith(tail)}
    # Attributes of the same name are found through their class alone.
    found = {
        name: entry for name, entry in found.items() if entry.objtype not in ("attribute", "property")
    } or (found if tail.count(".") > 1 else {})
    if len(found) != 1:
        return None
    ((name, entry),) = found.items()

    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, [text], name)


def skip_fields(*event: Any) -> bool | None:
    """
    Leave out the fields of a class: its "Attributes:" has told of them.
    """
    # Sphinx stands a sentinel of its own, with no public name, for a slot.
    member: object = event[3]
    return True if inspect.ismemberdescriptor(member) or repr(member) == "SLOTS_ATTR" else None


def drop_empty_signatures(*event: Any) -> tuple[str, None] | None:
    """
    Nobody calls an enumeration, and a protocol takes what its implementation takes.
    """
    thing: object = event[3]
    called_by_nobody = inspect.isclass(thing) and (issubclass(thing, enum.Enum) or is_protocol(thing))
    return ("", None) if called_by_nobody else None


def check(_app: Sphinx, env: BuildEnvironment) -> None:
    """
    Warn of every public name that has no place in the reference.
    """
    objects = env.domains.python_domain.objects
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", ()):
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
    app.connect("autodoc-process-signature", drop_empty_signatures)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True}
