"""
How Sphinx builds these pages.
"""

from __future__ import annotations

import sys
from pathlib import Path

from poslife._version import __version__

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "poslife"
author = "The poslife authors"
project_copyright = "2026, The poslife authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "public_names",
    "transition_tables",
    "venue_table",
]
exclude_patterns = ["_build", "_extensions"]

html_theme = "furo"
html_title = f"poslife {release}"
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

# Single backticks in docstrings are names.
default_role = "py:obj"
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": True}

napoleon_numpy_docstring = False
napoleon_use_rtype = False
# A value's attributes are the arguments of its constructor.
napoleon_custom_sections = [("Attributes", "params_style")]

nitpicky = True
nitpick_ignore = [
    # Part of a change, and not a public name: a UUID that stores compare.
    ("py:class", "poslife._domain.identifiers.ChangeId"),
    # An instance's attribute, set in its constructor.
    ("py:obj", "network"),
    # Sphinx takes an alias of a tuple apart at its comma.
    ("py:class", "tuple[str"),
]
# Names of the standard library and of drivers, which are documented elsewhere.
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(asyncio|collections|contextlib|datetime|decimal|enum|os|pathlib|ssl|types|typing|uuid)(\..*)?",
    ),
    (r"py:.*", r"(asyncpg|ccxt|aiohttp)\..*"),
    (r"py:class", r"UUID"),
    # Type variables.
    (r"py:.*", r"poslife\.([\w.]+\.)?[A-Z]\w*T(_co)?"),
]
