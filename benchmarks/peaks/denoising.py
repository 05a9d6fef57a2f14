"""Denoised coverage beside the input and the best smoothers: simulated experiments, CTCF reads, histone marks.

    python -m benchmarks.peaks.denoising --data DIR -o benchmarks/peaks/denoising.json

Simulated experiments are drawn from seeds that no training used, and held to their expected coverage; the widths of
the smoothers are the best ones on other draws of the same depth. Real fragments are dealt at random into an input and
a held-out part, which is predicted at its own depth; there the widths are the best ones on these very data, which makes
them hard to beat. No real data were seen by the denoisers. AtacWorks' models need checkpoints that are not distributed
as plain arrays, and were not run.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up
from epizoo.genome.signal import BigWig, SignalTrack
from epizoo.peaks.labelled_stretches import LABELS_FOLDER
from epizoo.recipes.denoiser import ENTRIES, poisson_deviance
from epizoo.simulation.thinning import split
from epizoo.zoo import load

SEED = 5_000
N_WINDOWS = 300
READS = (3e5, 1e6, 3e6, 1e7, 3e7)
DEPTHS = (0.02, 0.1, 0.5, 2.0, 10.0)
SHARES = (0.5, 0.2, 0.1)
WIDTHS = (3, 5, 7, 11, 15, 21, 31, 43, 61, 87, 123, 175)
DEVIATIONS = (0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 17.0, 24.0, 34.0)
AVERAGE, GAUSSIAN, INPUT = "moving average, best width", "Gaussian, best width", "the input"
CTCF = Path("peaks") / "ctcf_chr22" / "CTCF_SE_ChIP_chr22_50k.bed.gz"
CHR22_BP, CHR22_FROM, PIECE_BP = 51_304_566, 16_000_000, 1_000_000
ROW_BINS, BATCH_ROWS = 1_000, 100
CELL_TYPES = ("tcell", "monocyte")
TOO_LONG = {"H3K4me3": (), "H3K36me3": ("chr3",)}
"""Chromosomes that are left out for the time that they take: 66 of 242 Mb."""
REAL = {"peak_caller/universal": ("CTCF", "H3K4me3", "H3K36me3"), "peak_caller/atac": ()}


class Case(NamedTuple):
    """Rows of an input and of what is predicted of it, in reads per bp at the depth of the input."""

    coverage: np.ndarray
    target: np.ndarray
    times: float = 1.0
    """How many times as deep as the input the held-out part was: counts have the variance of their own depth."""


def simulated(name: str, depth: float, seed: int) -> tuple[Case, np.ndarray]:
    """Windows at one depth with their expected coverage, and the scales."""
    settings = ENTRIES[name.split("/")[1]]
    if settings.fragments is not None:
        settings = replace(settings, fragments=replace(settings.fragments, reads=(depth, depth)))
    else:
        kinds = tuple(replace(one, depth=(depth, depth)) for one in settings.coverage)
        # Squared errors of a few repeats would drown all others.
        settings = replace(settings, coverage=kinds, repeat_share=0.0)
    drawn = settings.draw(np.random.default_rng([SEED, seed]), N_WINDOWS)
    return Case(drawn.coverage, drawn.expected), drawn.scale


def real(kind: str, data: Path, share: float, entry) -> tuple[Case, np.ndarray]:
    """Rows of a window's bins with the held-out part of their fragments, and the scales of their files."""
    transform = entry.config.transform
    bin_bp, margin = entry.window.bin_bp, entry.window.flank_bins
    found: tuple[list, list, list] = ([], [], [])
    for track, windows in _sources(kind, data):
        parts = split(track, windows, share, seed=SEED)
        scale = transform.fit(parts[0], "coverage", windows if kind != "CTCF" else None).scale
        for chrom, start, end in zip(windows["chrom"], windows["start"], windows["end"], strict=True):
            first, last = -(-int(start) // bin_bp), int(end) // bin_bp
            if last - first < ROW_BINS + 2 * margin:
                continue
            for column, part in zip(found, parts, strict=False):
                views = np.lib.stride_tricks.sliding_window_view(
                    part.binned(chrom, first, last, bin_bp), ROW_BINS + 2 * margin
                )
                column.append(views[::ROW_BINS])
            found[2].append(np.full(len(found[0][-1]), scale))
    kept, held_out, scales = (np.concatenate(column) for column in found)
    times = (1 - share) / share
    return Case(kept, held_out / times, times), scales


def _sources(kind: str, data: Path) -> Iterator[tuple[SignalTrack, pd.DataFrame]]:
    if kind == "CTCF":
        starts = np.arange(CHR22_FROM, CHR22_BP - PIECE_BP, PIECE_BP)
        windows = pd.DataFrame({"chrom": "chr22", "start": starts, "end": starts + PIECE_BP})
        yield pile_up(data / CTCF, PileUpConfig(), chrom_sizes={"chr22": CHR22_BP}), windows
        return
    folder = data / LABELS_FOLDER
    table = pd.read_csv(folder / "windows.tsv", sep="\t")
    table = table[(table["mark"] == kind) & table["celltype"].isin(CELL_TYPES) & ~table["chrom"].isin(TOO_LONG[kind])]
    for file, windows in table.groupby("bw"):
        with BigWig(folder / str(file)) as track:
            yield track, windows[["chrom", "start", "end"]].drop_duplicates().reset_index(drop=True)


def denoised(entry, coverage: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """What the entry makes of coverage, with 0 around it."""
    flank, found = entry.window.flank_bins, []
    for first in range(0, len(coverage), BATCH_ROWS):
        scale = scales[first : first + BATCH_ROWS, None].astype(np.float64)
        rows = coverage[first : first + BATCH_ROWS]
        inputs = np.zeros((len(rows), rows.shape[1] + 2 * flank, len(entry.channels)), np.float32)
        inputs[:, flank : flank + rows.shape[1], 0] = np.arcsinh(rows / scale)
        output = entry.activations({"coverage": inputs}, ("denoised_coverage",))["denoised_coverage"]
        found.append(np.sinh(output) * scale)
    return np.concatenate(found)


def smoothed(coverage: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Rows convolved with a kernel of odd length, 0 outside."""
    n_bins = coverage.shape[1]
    n_padded = 1 << (n_bins + len(kernel) - 1).bit_length()
    spectrum = np.fft.rfft(coverage.astype(np.float64), n_padded) * np.fft.rfft(kernel, n_padded)
    # The transform leaves rounding errors where the sum is 0.
    return np.maximum(np.fft.irfft(spectrum, n_padded)[:, len(kernel) // 2 :][:, :n_bins], 0)


def smoothers() -> dict[str, dict[float, np.ndarray]]:
    """Kernels of every smoother by its kind and width."""
    averages = {width: np.full(width, 1 / width) for width in WIDTHS}
    gaussians = {}
    for deviation in DEVIATIONS:
        offsets = np.arange(-int(4 * deviation), int(4 * deviation) + 1)
        bell = np.exp(-0.5 * (offsets / deviation) ** 2)
        gaussians[deviation] = bell / bell.sum()
    return {AVERAGE: averages, GAUSSIAN: gaussians}


def scores(case: Case, found: np.ndarray, margin: int) -> dict[str, float]:
    """Poisson deviance per bin, Pearson correlation and mean squared error, without a margin at both ends of a row."""
    target, found = (rows[:, margin:-margin].astype(np.float64) for rows in (case.target, found))
    deviance = np.asarray(poisson_deviance(case.times * target, case.times * found)).mean()
    values = {
        "deviance": deviance,
        "pearson_r": np.corrcoef(target.ravel(), found.ravel())[0, 1],
        "mse": ((target - found) ** 2).mean(),
    }
    return {name: float(f"{value:.5g}") for name, value in values.items()}


def compared(entry, case: Case, scales: np.ndarray, choosing: Case | None) -> dict[str, dict]:
    """All methods on the same rows; widths are chosen on other rows, or on these where None."""
    margin = entry.window.flank_bins
    results = {"denoised": scores(case, denoised(entry, case.coverage, scales), margin)}
    results[INPUT] = scores(case, case.coverage, margin)
    chosen_on = choosing or case
    for name, kernels in smoothers().items():
        tried = {
            width: scores(chosen_on, smoothed(chosen_on.coverage, kernel), margin) for width, kernel in kernels.items()
        }
        for aim in ("deviance", "mse"):
            best = min(tried, key=lambda width: tried[width][aim])
            result = scores(case, smoothed(case.coverage, kernels[best]), margin)
            results[name if aim == "deviance" else f"{name} for the MSE"] = result | {"width_bins": best}
    return results


def of_entry(name: str, folder: str, data: Path | None) -> dict[str, dict]:
    """All comparisons of one entry, by what they are on."""
    entry = load(folder)
    found = {}
    for number, depth in enumerate(DEPTHS if not ENTRIES[name.split("/")[1]].fragments else READS):
        case, scale = simulated(name, depth, 2 * number)
        other, _ = simulated(name, depth, 2 * number + 1)
        what = f"{depth:g} fragments of background over a bp" if depth < 100 else f"{depth / 1e6:g} million reads"
        found[f"simulated, {what}"] = shown(name, what, compared(entry, case, scale, other))
    for kind in REAL[name] if data else ():
        for share in SHARES:
            case, scales = real(kind, data, share, entry)
            on = f"{_NAMES[kind]}, {share:g} of the fragments, held to the others"
            found[on] = shown(name, on, compared(entry, case, scales, None))
    return found


def shown(name: str, on: str, methods: dict[str, dict]) -> dict[str, dict]:
    """The results, printed."""
    print(name, on)
    for method, values in methods.items():
        print(f"  {method:40s}", values, flush=True)
    return methods


_NAMES = {
    "CTCF": "CTCF reads of chr22",
    "H3K4me3": "H3K4me3 of T cells and monocytes",
    "H3K36me3": "H3K36me3 of T cells and monocytes",
}


def metrics(found: dict[str, dict]) -> list[dict]:
    """The rows that a card shows, beside the smoothers of the widths that suit each figure."""
    rows = []
    for key, what, aim in (("deviance", "Poisson deviance of a bin", ""), ("pearson_r", "Pearson r", " for the MSE")):
        for on, methods in found.items():
            others = {method: methods[f"{method}{aim}"][key] for method in (AVERAGE, GAUSSIAN)}
            row = {"name": f"denoised coverage, {what}", "value": methods["denoised"][key], "on": on}
            rows.append(row | {"compared_with": {INPUT: methods[INPUT][key]} | others})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, help="the folder that holds peaks/; without it, simulated experiments alone"
    )
    parser.add_argument("--entry", action="append", help="name, or NAME=FOLDER; by default all that denoise")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    folders = dict((one.split("=", 1) if "=" in one else (one, one)) for one in arguments.entry or REAL)
    results = {name: of_entry(name, folder, arguments.data) for name, folder in folders.items()}
    content = {"results": results, "metrics": {name: metrics(found) for name, found in results.items()}}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
