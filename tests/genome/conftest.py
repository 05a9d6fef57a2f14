"""bigWigs and other small files that the tests of the data layer write."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyBigWig
import pytest

MakeBigWig = Callable[..., Path]


@pytest.fixture
def make_bigwig(tmp_path: Path) -> MakeBigWig:
    """Write per-bp values (NaN is absent) as a bigWig: make_bigwig({"chr1": values}, name="x.bw")."""

    def make(values: Mapping[str, np.ndarray], name: str = "signal.bw") -> Path:
        path = tmp_path / name
        with pyBigWig.open(str(path), "w") as file:
            file.addHeader([(chrom, len(of)) for chrom, of in values.items()])
            for chrom, of in values.items():
                at = np.flatnonzero(~np.isnan(of))
                if len(at) == len(of):
                    file.addEntries(chrom, 0, values=of.tolist(), span=1, step=1)
                elif len(at):
                    file.addEntries([chrom] * len(at), at.tolist(), ends=(at + 1).tolist(), values=of[at].tolist())
        return path

    return make


@pytest.fixture
def sparse_values() -> dict[str, np.ndarray]:
    """Whole numbers with gaps on three chromosomes, of which one holds nothing; lengths are no multiple of a bin."""
    rng = np.random.default_rng(0)
    values = {"chr1": rng.integers(0, 9, 2345).astype(float), "chr2": rng.integers(1, 5, 777).astype(float)}
    values["chr1"][rng.random(2345) < 0.4] = np.nan
    values["chr1"][1000:1500] = np.nan
    return values | {"chr3": np.full(500, np.nan)}
