"""The hash-checked requirements are the light installation, at the versions of constraints.txt."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "containers"))
from hash_requirements import OUTPUT, light_packages, pinned  # noqa: E402


@pytest.fixture(scope="module")
def requirements():
    """Version and hashes of each package."""
    text = OUTPUT.read_text(encoding="utf-8").replace("\\\n", " ")
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {row[0].split("==")[0]: (row[0].split("==")[1], row[1:]) for row in rows}


def test_they_hold_what_the_light_installation_needs(requirements):
    assert sorted(requirements) == light_packages()
    assert {"jax", "kipoi", "pysam", "numpy"} <= set(requirements)
    assert not {"torch", "pyarrow", "pytest"} & set(requirements)


def test_versions_are_those_of_the_constraints(requirements):
    versions = pinned()
    assert {name: version for name, (version, _) in requirements.items()} == {
        name: versions[name] for name in requirements
    }


def test_every_package_has_hashes_and_compiled_ones_several(requirements):
    for name, (_, hashes) in requirements.items():
        assert hashes, name
        assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", value) for value in hashes), name
    assert len(requirements["numpy"][1]) > 5
