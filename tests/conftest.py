"""Fixtures that all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
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
