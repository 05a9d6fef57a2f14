"""Docstrings as Sphinx wants them, where the code's own habits differ."""

from typing import Any


class Docstrings:
    """Handlers of autodoc's docstrings, before and after napoleon reads their sections."""

    def __init__(self) -> None:
        self._raw: list[str] = []

    def keep(self, app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
        """Remember the text as it stands in the code."""
        self._raw = list(lines)

    def finish(self, app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
        """Undo what napoleon makes of an attribute (``range: low, high`` is no type), and mark code blocks."""
        lines[:] = self._raw if what in {"attribute", "data", "property"} else with_code_blocks(lines)


def with_code_blocks(lines: list[str]) -> list[str]:
    """Indented blocks after a paragraph as literal blocks, which reStructuredText takes for quotations.

    >>> with_code_blocks(["Run it:", "", "    epizoo list"])
    ['Run it:', '', '::', '', '    epizoo list']
    """
    marked: list[str] = []
    for number, line in enumerate(lines):
        paragraph = next((above for above in reversed(lines[:number]) if above), "")
        begins_block = line.startswith("    ") and number > 0 and not lines[number - 1]
        starts_here = begins_block and not paragraph.startswith((" ", ":", "..", "*", "-"))
        if starts_here and paragraph and not paragraph.endswith("::"):
            marked += ["::", ""]
        marked.append(line)
    return marked
