"""Fixtures that all tests share."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_skips import skip
from random_entries import Zoo, build_zoo

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores already; torch, here and in programs that tests start, is to take one each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of the large data that EPIZOO_DATA names; the test is skipped where it is unset."""
    folder = os.environ.get("EPIZOO_DATA")
    if not folder:
        pytest.skip("EPIZOO_DATA is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def random_zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """A zoo of two entries with random weights, built from run folders as recipes leave them."""
    return build_zoo(tmp_path_factory.mktemp("random_zoo"))


@pytest.fixture(scope="session")
def launch_chromium() -> Iterator[Callable[..., Any]]:
    """Starts a headless Chromium with the given options; one driver, since a process can have no second."""
    command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if command is None:
        skip("no Chromium is installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        skip("playwright is not installed")
    with sync_playwright() as driver:
        yield lambda *options: driver.chromium.launch(executable_path=command, args=["--no-sandbox", *options])


_ADD_GRAPH = "epizoo.zoo.build._add_graph"


@pytest.fixture(scope="module")
def without_graphs() -> Iterator[None]:
    """New entries get no ONNX graph, which takes seconds; for modules, by ``usefixtures``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ADD_GRAPH, lambda entry: None)
        yield


@pytest.fixture
def with_graphs(without_graphs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """New entries get their ONNX graph in this test of a module without them."""
    from epizoo.conversion.onnx.entry_graph import add_onnx_if_installed

    monkeypatch.setattr(_ADD_GRAPH, add_onnx_if_installed)
