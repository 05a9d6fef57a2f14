"""Parquet is an extra of its own, and its lack is said before a file is opened."""

import sys

import pytest

from epizoo.errors import MissingDependencyError


def test_parquet_without_its_extra_names_the_extra(kipoi_home, tmp_path, monkeypatch):
    import kipoi.writers

    from epizoo.plugins.kipoi.patches import mend_kipoi

    mend_kipoi()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"epizoo\[parquet\]"):
        kipoi.writers.get_writer(str(tmp_path / "x.parquet"))
    assert list(tmp_path.iterdir()) == []
