"""Formulas as MathML, which browsers draw by themselves: no script, and nothing is fetched."""

from typing import Any, NoReturn

from docutils import nodes
from latex2mathml.converter import convert


def inline_formula(translator: Any, node: nodes.math) -> NoReturn:
    """Write a formula within a line."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def displayed_formula(translator: Any, node: nodes.math_block) -> NoReturn:
    """Write a formula that stands by itself."""
    translator.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>\n')
    raise nodes.SkipNode
