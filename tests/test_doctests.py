"""The examples in the docstrings give what they say."""

import doctest
import importlib

import pytest
from test_architecture import modules


def with_examples() -> list[str]:
    return [name for name, path in modules().items() if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", with_examples())
def test_examples_in_docstrings_hold(name):
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.attempted > 0
    assert results.failed == 0
