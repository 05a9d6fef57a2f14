"""The site: README, the documentation, the entries' cards and the book, all pages of one Sphinx project.

The source root is the root of the repository, so that links between files work on the site and in a clone alike.
``make docs`` builds it.
"""

import hashlib
import os
import shutil
import sys
import sysconfig
from pathlib import Path

from epizoo import __version__

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

project = "epizoo"
author = "The epizoo authors"
release = version = __version__
root_doc = "index"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
include_patterns = [
    "index.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "DATA_LICENSES.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "docs/**.md",
    "model_zoo/**/README.md",
    "tutorials/**.md",
]
exclude_patterns = ["docs/_build/**"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "smartquotes"]
myst_heading_anchors = 3


def package_hash() -> str:
    """Hash of all that a chapter's numbers depend on besides its own cells: the package, the entries, the data."""
    digest = hashlib.sha256()
    for folder in ("src", "conversion", "plugins", "model_zoo", "tutorials"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md":
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


# Chapters run in their own folder, each once for its cells and this state of the package; an error fails the build.
# `make docs` has filled the cache with execute_chapters.py before Sphinx begins.
os.environ["PATH"] = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
os.environ["OMP_NUM_THREADS"] = "1"  # networks of this size are slower on several threads
os.environ["MATPLOTLIBRC"] = str(ROOT / "tutorials" / "matplotlibrc")
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "docs" / "_build" / "executed" / package_hash())
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

html_theme = "sphinx_book_theme"
html_title = "epizoo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_theme_options = {
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

html_math_renderer = "mathml"
napoleon_use_ivar = True
default_role = "py:obj"
autodoc_typehints = "signature"
toc_object_entries = False


def setup(app):
    """Fill in what pages ask of the code, and read docstrings as they are meant."""
    from docstrings import Docstrings
    from formulas import displayed_formula, inline_formula
    from generated_pages import filled

    app.add_html_math_renderer(
        "mathml", inline_renderers=(inline_formula, None), block_renderers=(displayed_formula, None)
    )
    app.connect("source-read", lambda _, page, source: source.__setitem__(0, filled(source[0])))
    docstrings = Docstrings()
    app.connect("autodoc-process-docstring", docstrings.keep, priority=400)
    app.connect("autodoc-process-docstring", docstrings.finish, priority=600)
    app.connect("build-finished", add_browser_page)


def add_browser_page(app, error):
    """Copy the page that calls peaks in a browser into the site, where `make web` has built it."""
    page = ROOT / "web" / "dist"
    if error is None and app.builder.format == "html" and (page / "index.html").is_file():
        shutil.copytree(page, Path(app.outdir) / "browser", dirs_exist_ok=True)
