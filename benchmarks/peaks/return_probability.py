"""The constants of `epizoo.calling.reproducibility`: how probably a peak comes back in a further replicate.

    python -m benchmarks.peaks.return_probability --data DIR -o benchmarks/peaks/return_probability.json

Peaks are called in one replicate, or in two together, and each is looked for among those of a further replicate by
itself: replicates of ATAC-seq, GAF and H3K4me3, and thirds of the reads of deeper experiments. A logistic regression on
the two figures of that module is fitted with the same weight for each experiment and entry; its error is that of the
experiments that were left out, one at a time.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from benchmarks.peaks.replicates import thirds, trios
from jaxtyping import Bool, Float
from scipy.optimize import minimize

import epizoo
from epizoo.calling.reproducibility import features
from epizoo.genome.overlaps import overlaps_any


class Experiment(NamedTuple):
    """Replicates, the entry that calls them, and how."""

    name: str
    files: list[Path]
    entry: str
    options: dict


def experiments(data: Path, folder: Path) -> Iterator[Experiment]:
    """All experiments, point sources and histone marks by two entries each."""
    for trio in trios(data, folder):
        yield Experiment(trio.name, trio.files, trio.entry, trio.options)
        if trio.entry == "peak_caller/tf":
            yield Experiment(trio.name, trio.files, "peak_caller/universal", trio.options)
        if "ATAC" in trio.name:
            cuts = trio.options | {"atac": True}
            yield Experiment(f"{trio.name}, cut sites", trio.files, trio.entry, cuts)
    replicates = data / "peaks/replicates"
    for tissue, numbers in (("wing", (1, 2)), ("embryo", (3, 4))):
        files = [replicates / f"lcdb_gaf/ip_{number}.bam" for number in numbers]
        yield from (Experiment(f"GAF {tissue}", files, f"peak_caller/{entry}", {}) for entry in ("tf", "universal"))
    locus = pd.DataFrame({"chrom": ["chr19"], "start": [1_237_100], "end": [1_408_700]})
    for cell in ("HESC", "HSMM"):
        files = [replicates / f"cssq/{cell}_IP_R{number}.bam" for number in (1, 2)]
        for entry in ("h3k4me3", "universal"):
            yield Experiment(f"H3K4me3 {cell}", files, f"peak_caller/{entry}", {"regions": locus})
    sizes = {"chrom_sizes": data / "peaks/atac_yeast/sacCer3.chromsizes.txt"}
    yeast = thirds(data / "peaks/atac_yeast/yeast_500k_SRR1822137.bedpe.gz", folder, ".bedpe")
    yield Experiment("yeast", yeast, "peak_caller/universal", sizes)


def rows(one: Experiment) -> Iterator[pd.DataFrame]:
    """Peaks of one replicate and of two, by their figures, and whether a further replicate has them."""
    least_log10_q = -np.log10(epizoo.load_peak_caller(one.entry).config.calling.most_q)
    single = [epizoo.call_peaks(one.entry, reads=path, **one.options) for path in one.files]
    numbers = range(len(single))
    groups = [(number,) for number in numbers] + ([*itertools.combinations(numbers, 2)] if len(single) > 2 else [])
    for group in groups:
        if len(group) == 1:
            peaks, evidence = single[group[0]], single[group[0]][["pValue"]].to_numpy()
        else:
            peaks = epizoo.call_peaks(one.entry, replicates=[one.files[number] for number in group], **one.options)
            evidence = peaks.filter(regex="^log10_p_").to_numpy()
        if peaks.empty:
            continue
        found = features(peaks["qValue"].to_numpy(), evidence, least_log10_q)
        for further in set(numbers) - set(group):
            hit = overlaps_any(peaks, single[further]) if len(single[further]) else np.zeros(len(peaks), bool)
            yield pd.DataFrame(found, columns=["log_evidence", "of_few"]).assign(
                experiment=one.name, entry=one.entry, hit=hit
            )


def fit(table: pd.DataFrame, weight: Float[np.ndarray, " peak"]) -> Float[np.ndarray, " constant"]:
    """Intercept and weights of the two figures by weighted maximum likelihood."""
    x = np.column_stack([np.ones(len(table)), table[["log_evidence", "of_few"]]])
    sign = np.where(table["hit"], 1.0, -1.0)

    def loss(constants: Float[np.ndarray, " constant"]) -> float:
        return float((weight * np.logaddexp(0, -sign * (x @ constants))).sum() + 1e-4 * (constants[1:] ** 2).sum())

    return minimize(loss, np.zeros(3)).x


def predicted(table: pd.DataFrame, constants: Float[np.ndarray, " constant"]) -> Float[np.ndarray, " peak"]:
    """Probability to come back."""
    logit = constants[0] + table[["log_evidence", "of_few"]].to_numpy() @ constants[1:]
    return 1 / (1 + np.exp(-logit))


def error(
    probability: Float[np.ndarray, " peak"], hit: Bool[np.ndarray, " peak"], weight: Float[np.ndarray, " peak"]
) -> float:
    """Expected calibration error over ten ranges of probability."""
    gap = np.bincount(np.minimum((10 * probability).astype(int), 9), weight * (probability - hit), minlength=10)
    return float(np.abs(gap).sum() / weight.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        tables = [table for one in experiments(arguments.data, Path(scratch)) for table in rows(one)]
    table = pd.concat(tables, ignore_index=True)
    weight = 1 / table.groupby(["experiment", "entry"])["hit"].transform("size").to_numpy()
    left_out = np.zeros(len(table))
    for name in table["experiment"].unique():
        there = (table["experiment"] == name).to_numpy()
        left_out[there] = predicted(table[there], fit(table[~there], weight[~there]))
    hit = table["hit"].to_numpy()
    own = table.assign(said=left_out).groupby(["experiment", "entry"])[["said", "hit"]].mean()
    result = {
        "constants": dict(zip(("intercept", "log_evidence", "of_few"), fit(table, weight).round(3), strict=True)),
        "peaks": len(table),
        "calibration error, left out": round(error(left_out, hit, weight), 4),
        "mean probability and share that comes back, left out": {
            f"{name}, {entry}": [round(float(said), 3), round(float(seen), 3)]
            for (name, entry), said, seen in own.itertuples()
        },
    }
    print(json.dumps(result, indent=1))
    arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
