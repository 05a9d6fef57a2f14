"""Are p-values of reads uniform where no peak is right? A table, and a QQ plot.

    python -m benchmarks.peaks.control_p_values --data DIR -o FILE --picture PICTURE

Places of 500 bp side by side over the negative controls of `epizoo bench` get the p-value that a peak there would have:
a Poisson probability of its reads, with the mean within 20 kb or the background of the file as expectation, whichever
is more. As many reads as the first control has, dealt out at random, show what the method does where its assumption
holds. Without reads within 20 kb a place does not count.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epizoo.bench.callers import genome
from epizoo.bench.experiments import Experiment, experiments
from epizoo.calling.local_background import LocalBackground
from epizoo.figures.page import COLORS, INK, STYLE, save_figure
from epizoo.files import write_json
from epizoo.genome.assemblies import chrom_sizes
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.poisson import poisson_log10_p
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up
from epizoo.genome.signal import SignalTrack

WIDTH_BP, BIN_BP, BACKGROUND_BP = 500, 100, 20_000
CUTOFFS = (2, 3, 4)
TICKS = (0, 1, 2, 3, 4, 5, 10, 20, 50)
AT_RANDOM = "reads at random"


class Places(NamedTuple):
    """-log10 p of the places of one control."""

    name: str
    log10_p: np.ndarray


def p_values(track: SignalTrack, spans: list[tuple[str, int, int]], rng: np.random.Generator | None) -> np.ndarray:
    """-log10 p of places side by side, as peaks get it; with `rng` of as many reads of a bin's width at random."""
    per_place = WIDTH_BP // BIN_BP
    assert track.reads_per_area is not None, "the controls are reads"
    reads_per_bin = BIN_BP * track.reads_per_area
    least = CoverageTransform().fit(track).background
    found = []
    for chrom, start, end in spans:
        first, n_places = start // BIN_BP, (end - start) // WIDTH_BP
        signal = track.binned(chrom, first, first + n_places * per_place, BIN_BP).astype(np.float64)
        if rng is not None:
            signal = rng.poisson(signal.mean() * reads_per_bin, len(signal)) / reads_per_bin
            least = float(np.median(signal.reshape(-1, 1_000 // BIN_BP).mean(axis=1)))
        background = LocalBackground(np.array([first]), BACKGROUND_BP, BIN_BP)
        background.add(signal, np.ones(len(signal), bool))
        places = first + np.arange(n_places) * per_place
        around = background.around(places, places + per_place - 1)
        expected = np.maximum(around, least) * reads_per_bin * per_place
        n_reads = signal.reshape(n_places, per_place).sum(axis=1) * reads_per_bin
        found.append(poisson_log10_p(n_reads, expected)[around > 0])
    return np.concatenate(found)


def controls(data: Path) -> Iterator[tuple[Experiment, SignalTrack]]:
    """The negative controls, piled up as `call_peaks` does."""
    for experiment in experiments(data, ("controls",)):
        if experiment.is_negative:
            sizes = genome(experiment, data)
            known = None if sizes is None else chrom_sizes(sizes)
            yield experiment, pile_up(data / experiment.treatment, PileUpConfig(), chrom_sizes=known)


def figure(found: list[Places]) -> Figure:
    """Observed against expected -log10 p, a line for each control."""
    drawn = Figure((6, 5), layout="constrained")
    FigureCanvasAgg(drawn)
    axes = drawn.add_subplot()
    for number, places in enumerate(found):
        observed = np.sort(places.log10_p)[::-1]
        expected = -np.log10((np.arange(len(observed)) + 0.5) / len(observed))
        color = INK if places.name == AT_RANDOM else COLORS[number % len(COLORS)]
        axes.plot(expected, observed, ".-", color=color, markersize=3, linewidth=0.8, label=places.name)
    axes.plot([0, 5], [0, 5], color="0.7", linewidth=0.8, zorder=0)
    axes.set_xlabel("expected -log10 p")
    axes.set_ylabel("observed -log10 p")
    axes.set_yscale("symlog", linthresh=5)
    axes.set_yticks(TICKS, map(str, TICKS))
    axes.legend()
    return drawn


def main() -> None:
    """Measure, write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--picture", type=Path, required=True, help="PNG, SVG or PDF file to write")
    options = parser.parse_args()
    found: list[Places] = []
    for experiment, track in controls(options.data):
        spans = [(part.chrom, part.start, part.end) for part in experiment.span]
        if not found:
            found.append(Places(AT_RANDOM, p_values(track, spans, np.random.default_rng(0))))
        found.append(Places(experiment.data, p_values(track, spans, None)))
    rows = [
        {"data": name, "places": len(log10_p), "highest -log10 p": float(log10_p.max())}
        | {f"observed over expected, p of 10^-{cut}": float((log10_p >= cut).mean() * 10**cut) for cut in CUTOFFS}
        for name, log10_p in found
    ]
    print(pd.DataFrame(rows).round(2).to_string(index=False))
    write_json(options.output, {"width_bp": WIDTH_BP, "background_bp": BACKGROUND_BP, "controls": rows})
    with style.context(STYLE, after_reset=True):
        save_figure(options.picture, lambda: figure(found))


if __name__ == "__main__":
    main()
