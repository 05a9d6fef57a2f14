"""Are p-values of reads uniform where no peak is right? Figures and a QQ plot for the card of each peak caller.

    python -m epizoo.bench.control_p_values --data DIR -o FILE
    python -m epizoo.bench.card_figures FILE
    python -m epizoo.zoo.build --render

Places side by side over the negative controls of `epizoo bench` get the p-value that a peak there would have by the
rule of the entry: a Poisson probability of its reads, with the mean of the rule's surroundings or the background of the
file as expectation, whichever is more. Places are 500 bp wide, or as wide as the narrowest peak of the rule where that
is wider. As many reads as the first control has, dealt out at random, show what the method does where its assumption
holds. Without reads in its surroundings a place does not count.
"""

import argparse
import importlib.metadata
import re
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epizoo.bench.callers import genome
from epizoo.bench.experiments import Experiment, Stretch, experiments
from epizoo.bench.figures import Figure as FigureRow
from epizoo.bench.figures import Metric, figure, figure_table
from epizoo.bench.fingerprints import fingerprint
from epizoo.calling.local_background import LocalBackground
from epizoo.figures.page import COLORS, INK, MUTED, STYLE, save_figure
from epizoo.files import write_json
from epizoo.genome.assemblies import chrom_sizes
from epizoo.genome.poisson import poisson_log10_p
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up
from epizoo.genome.signal import SignalTrack
from epizoo.recipes.card_pictures import keep_picture
from epizoo.zoo.card import P_VALUES_FILE
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.entry import PeakCallerEntry
from epizoo.zoo.loading import load

WIDTH_BP = 500
CUTOFFS = (1, 2, 3, 4)
TICKS = (0, 1, 2, 3, 4, 5, 10, 20, 50, 100)
AT_RANDOM = "reads at random"
MARK = "; negative controls"
_DPI = 150


class Places(NamedTuple):
    """-log10 p of the places of one control, and the kind of control that it is."""

    kind: str
    log10_p: np.ndarray


def width_bp(entry: PeakCallerEntry) -> int:
    """Width of a place, in whole bins."""
    return -(-max(WIDTH_BP, entry.config.calling.min_width_bp) // entry.window.bin_bp) * entry.window.bin_bp


def p_values(
    entry: PeakCallerEntry, track: SignalTrack, spans: Sequence[Stretch], rng: np.random.Generator | None = None
) -> np.ndarray:
    """-log10 p of places side by side, as peaks get it; with `rng` of as many reads of a bin's width at random."""
    bin_bp, reach_bp = entry.window.bin_bp, entry.config.calling.background_bp
    per_place = width_bp(entry) // bin_bp
    assert track.reads_per_area is not None, "the controls are reads"
    reads_per_bin = bin_bp * track.reads_per_area
    least = entry.config.transform.fit(track).background
    found = []
    for chrom, start, end in spans:
        first, n_places = start // bin_bp, (end - start) // (per_place * bin_bp)
        signal = track.binned(chrom, first, first + n_places * per_place, bin_bp).astype(np.float64)
        if rng is not None:
            signal = rng.poisson(signal.mean() * reads_per_bin, len(signal)) / reads_per_bin
            least = float(np.median(signal.reshape(-1, 1_000 // bin_bp).mean(axis=1)))
        background = LocalBackground(np.array([first]), reach_bp, bin_bp)
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


def places_of(entry: PeakCallerEntry, tracks: Sequence[tuple[Experiment, SignalTrack]]) -> list[Places]:
    """P-values of the controls, in front of them those of reads at random."""
    first, track = tracks[0]
    found = [Places(AT_RANDOM, p_values(entry, track, first.span, np.random.default_rng(0)))]
    # Of "fly input 2" the kind is "fly input", of "chrY of a female, SRF 1" it is "chrY of a female".
    kinds = [re.sub(r"(, \w+)? \d$", "", experiment.data) for experiment, _ in tracks]
    return found + [
        Places(kind, p_values(entry, track, experiment.span))
        for kind, (experiment, track) in zip(kinds, tracks, strict=True)
    ]


def figures(entry: PeakCallerEntry, found: Sequence[Places]) -> list[FigureRow]:
    """Rows as `epizoo bench` writes them: by kind of control, how many times as many places as expected."""
    rows = []
    for kind in dict.fromkeys(places.kind for places in found):
        log10_p = np.concatenate([places.log10_p for places in found if places.kind == kind])
        counted = f"{len(log10_p):,} places, least p 10^-{log10_p.max():.1f}"
        data = f"{kind}, places of {width_bp(entry):,} bp"
        for cut in CUTOFFS:
            metric = Metric(f"places with p of at most 10^-{cut}, observed over expected", "")
            rows.append(figure(entry.name, "controls", data, metric, (log10_p >= cut).mean() * 10**cut, counted))
    return rows


def qq_plot(found: Sequence[Places], title: str) -> Figure:
    """Observed against expected -log10 p, a line for each control, of the colour of its kind."""
    drawn = Figure((3.6, 2.9), layout="constrained")
    FigureCanvasAgg(drawn)
    axes = drawn.add_subplot()
    axes.plot([0, 5], [0, 5], color=MUTED, linewidth=0.8, linestyle="--", label="expected")
    kinds = list(dict.fromkeys(places.kind for places in found))
    colors = {kind: INK if kind == AT_RANDOM else COLORS[number - 1] for number, kind in enumerate(kinds)}
    for places in found:
        observed = np.sort(places.log10_p)[::-1]
        expected = -np.log10((np.arange(len(observed)) + 0.5) / len(observed))
        label = places.kind if places.kind in kinds else "_"
        kinds = [kind for kind in kinds if kind != places.kind]
        axes.plot(expected, observed, ".-", color=colors[places.kind], markersize=2, linewidth=0.7, label=label)
    axes.set_title(title)
    axes.set_xlabel("expected -log10 p")
    axes.set_ylabel("observed -log10 p")
    axes.set_yscale("symlog", linthresh=5)
    axes.set_yticks(TICKS, map(str, TICKS))
    axes.legend()
    return drawn


def main() -> None:
    """Measure, write the figures, and draw the pictures of the cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file to write")
    options = parser.parse_args()
    tracks = list(controls(options.data))
    rows, callers = [], {}
    for entry in map(load, list_entries()):
        if not isinstance(entry, PeakCallerEntry):
            continue
        found, key = places_of(entry, tracks), fingerprint(entry)
        rows += figures(entry, found)
        callers[entry.name] = {"kind": "entries", "entries": {"any": key}}
        title = f"{entry.name}: places of {width_bp(entry):,} bp"
        with tempfile.TemporaryDirectory() as folder, style.context(STYLE, after_reset=True):
            drawn = Path(folder) / P_VALUES_FILE
            save_figure(drawn, partial(qq_plot, found, title), _DPI)
            print(keep_picture(drawn, entry.folder / P_VALUES_FILE, key))
    table = figure_table(rows).round({"value": 4})
    print(table.pivot_table("value", ["caller", "data"], "metric", sort=False).to_string())
    version = importlib.metadata.version("epizoo")
    content = {"epizoo": version, "mark": MARK, "callers": callers, "figures": table.to_dict("records")}
    write_json(options.output, content)


if __name__ == "__main__":
    main()
