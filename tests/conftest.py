"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of the large data that EPIZOO_DATA names; the test is skipped where it is unset."""
    folder = os.environ.get("EPIZOO_DATA")
    if not folder:
        pytest.skip("EPIZOO_DATA is not set")
    return Path(folder)
