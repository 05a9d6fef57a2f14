"""A report as one HTML page that loads nothing."""

import base64
import hashlib
import importlib.util
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from epizoo.files import atomic_path
from epizoo.optional import require
from epizoo.reports.blocks import Browser, Section
from epizoo.version import __version__


def require_page() -> None:
    """Check, before any work is done, that a page can be made.

    Raises:
        MissingDependencyError: jinja2 or igv-notebook is not installed.
    """
    require("jinja2", "report")
    _igv_notebook()


def write_page(path: Path, title: str, subtitle: str, sections: Sequence[Section]) -> None:
    """Write a report; sections without blocks are left out.

    Raises:
        InputError: the file cannot be written.
        MissingDependencyError: jinja2 or igv-notebook is not installed.
    """
    shown = [section for section in sections if section.blocks]
    has_browser = any(isinstance(block, Browser) for section in shown for block in section.blocks)
    scripts = [igv_js(), _part("report.js")] if has_browser else []
    environment = require("jinja2", "report").Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["json"] = _json
    page = environment.from_string(_part("report.html")).render(
        title=title,
        subtitle=subtitle,
        sections=shown,
        version=__version__,
        css=_part("report.css"),
        scripts=scripts,
        sources=" ".join(map(_source, scripts)) or "'none'",
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def igv_js() -> str:
    """The code of igv.js, as igv-notebook brings it, without the address of its source map.

    Raises:
        MissingDependencyError: igv-notebook is not installed.
    """
    text = _igv_notebook().with_name("js").joinpath("igv.min.js").read_text(encoding="utf-8")
    code = text[: text.rindex("//# sourceMappingURL")] if "//# sourceMappingURL" in text[-200:] else text
    # The end of a script's element, in a text of the code, would end it.
    return code.replace("</script", "<\\/script")


def _igv_notebook() -> Path:
    """The package of igv.js, which is for notebooks and takes a second to import."""
    spec = importlib.util.find_spec("igv_notebook")
    return Path(str(require("igv_notebook", "report").__file__ if spec is None else spec.origin))


def _part(name: str) -> str:
    return (resources.files("epizoo.reports") / "page" / name).read_text(encoding="utf-8")


def _source(script: str) -> str:
    """A script as the page's policy names it, by the hash of its text, so that no other one runs.

    >>> _source("alert(1)")
    "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _json(content: Any) -> Any:
    """JSON that can stand in a page's script."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return require("markupsafe", "report").Markup(text)
