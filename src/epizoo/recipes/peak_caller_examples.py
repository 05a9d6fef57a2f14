"""The example files of the peak callers: short stretches of coverage without labels, and intervals on them.

    python -m epizoo.recipes.peak_caller_examples h3k4me3 --data DIR -o FOLDER

h3k4me3, h3k36me3 and universal: coverage of McGill/IHEC, Hocking et al., Bioinformatics 2017, from R packages under
GPL-3; the files are under GPL-3. tf: CTCF ChIP-seq reads of GM12878 with their control, from MACS's own tests (BSD-3),
piled up. atac, cutrun: a simulated experiment; no data are read. See DATA_LICENSES.md.
"""

import argparse
import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.bigwig.writer import BigWigWriter
from epizoo.genome.reads.pileup import ReadCoverage, pile_up
from epizoo.genome.signal import BigWig, SignalTrack
from epizoo.peaks.labelled_stretches import LABELS_FOLDER
from epizoo.recipes.run_folder import one_sentence_errors
from epizoo.recipes.simulated_peaks import CUTRUN, OPEN_CHROMATIN
from epizoo.simulation.fragment_draws import Reads
from epizoo.simulation.fragments import Experiment, simulate_experiment


class Example(NamedTuple):
    """An excerpt of one sample's coverage, and the intervals that an entry is shown on."""

    mark: str
    sample: str
    chrom: str
    start: int
    end: int
    intervals: tuple[tuple[int, int], ...]


_H3K4ME3 = Example(
    "H3K4me3", "tcell.McGill0027", "chr17", 7_996_000, 8_146_000, ((8_000_000, 8_050_000), (8_060_000, 8_142_000))
)
_H3K36ME3 = Example(
    "H3K36me3", "monocyte.McGill0002", "chr1", 7_760_000, 8_440_000, ((7_780_000, 7_980_000), (8_020_000, 8_400_000))
)
LABELLED = {"h3k4me3": _H3K4ME3, "h3k36me3": _H3K36ME3, "universal": _H3K4ME3}
CTCF_FOLDER = Path("peaks") / "ctcf_chr22"
CTCF_READS = {"CTCF.bw": "CTCF_SE_ChIP_chr22_50k.bed.gz", "control.bw": "CTCF_SE_CTRL_chr22_50k.bed.gz"}
CHR22_BP = 51_304_566
CTCF_STRETCH = (41_900_000, 42_100_000)
SIMULATED_BP = 300_000
SIMULATED_READS = 2e7
CUTRUN_READS = 3e6
SIMULATED = ("atac", "cutrun")
"""Entries whose example is a simulated experiment."""
_MARGIN_BP = 20_000


def write_labelled_examples(data: Path, folder: Path, example: Example = _H3K4ME3) -> list[Path]:
    """Write the excerpt as a bigWig and the intervals as a BED file; their paths."""
    with BigWig(data / LABELS_FOLDER / "coverage" / f"{example.mark}.{example.sample}.bw") as source:
        path = _write_signal(folder / f"{example.mark}.bw", source, example.chrom, example.start, example.end)
    return [path, _write_intervals(folder, example.chrom, *example.intervals)]


def write_tf_examples(data: Path, folder: Path) -> list[Path]:
    """Write the excerpts of treatment and control, and the interval."""
    start, end = CTCF_STRETCH
    paths = []
    for name, reads in CTCF_READS.items():
        coverage = pile_up(data / CTCF_FOLDER / reads, chrom_sizes={"chr22": CHR22_BP})
        paths.append(_write_signal(folder / name, coverage, "chr22", start, end))
    return [*paths, _write_intervals(folder, "chr22", (start + _MARGIN_BP, end - _MARGIN_BP))]


def simulated_example(seed: int = 0) -> Experiment:
    """The experiment of the example of peak_caller/atac, `SIMULATED_BP` long."""
    config = dataclasses.replace(OPEN_CHROMATIN, reads=(SIMULATED_READS, SIMULATED_READS), sites_per_10kb=(0.5, 0.5))
    return simulate_experiment(np.random.default_rng(seed), SIMULATED_BP, config)


def write_atac_examples(folder: Path, seed: int = 0) -> list[Path]:
    """Write the coverage of a simulated experiment, and an interval."""
    path = _write_simulated(folder / "simulated.bw", simulated_example(seed).treatment)
    return [path, _write_intervals(folder, "simulated", (_MARGIN_BP, SIMULATED_BP - _MARGIN_BP))]


def simulated_cutrun(seed: int = 0) -> Experiment:
    """The experiment of the example of peak_caller/cutrun, domains and an IgG, `SIMULATED_BP` long."""
    config = dataclasses.replace(
        CUTRUN.simulation,
        reads=(CUTRUN_READS, CUTRUN_READS),
        background_share=(0.6, 0.6),
        mean_site_fragments=(40.0, 40.0),
        sites_per_10kb=(0.3, 0.3),
        domain_share=1.0,
        duplicated_share=0.0,
        control_share=1.0,
        self_control_share=0.0,
        swapped_share=0.0,
        artefact_share=1.0,
    )
    return simulate_experiment(np.random.default_rng(seed), SIMULATED_BP, config)


def write_cutrun_examples(folder: Path, seed: int = 0) -> list[Path]:
    """Write the coverage of a simulated experiment and of its IgG, and an interval."""
    experiment = simulated_cutrun(seed)
    tracks = {"simulated.bw": experiment.treatment, "IgG.bw": experiment.control}
    paths = [_write_simulated(folder / name, reads) for name, reads in tracks.items()]
    return [*paths, _write_intervals(folder, "simulated", (_MARGIN_BP, SIMULATED_BP - _MARGIN_BP))]


def _write_simulated(path: Path, reads: Reads) -> Path:
    fragments = {"simulated": (reads.start, reads.end)}
    coverage = ReadCoverage(["simulated"], {"simulated": SIMULATED_BP}, fragments)
    return _write_signal(path, coverage, "simulated", 0, SIMULATED_BP)


def _write_signal(path: Path, track: SignalTrack, chrom: str, start: int, end: int) -> Path:
    with BigWigWriter(path, {chrom: track.chrom_sizes[chrom]}, bin_bp=1) as writer:
        writer.add(chrom, start, track.binned(chrom, start, end, 1))
    return path


def _write_intervals(folder: Path, chrom: str, *intervals: tuple[int, int]) -> Path:
    with atomic_path(folder / "intervals.bed") as path:
        path.write_text("".join(f"{chrom}\t{start}\t{end}\n" for start, end in intervals), encoding="utf-8")
    return folder / "intervals.bed"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", choices=[*LABELLED, "tf", *SIMULATED], help="name of the entry")
    parser.add_argument("--data", type=Path, help="folder that holds peaks/histone_labels and peaks/ctcf_chr22")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args()
    entry, data, folder = arguments.entry, arguments.data, arguments.output
    with one_sentence_errors():
        if data is None and entry not in SIMULATED:
            raise InputError("--data: not given; name the folder that holds peaks/histone_labels and peaks/ctcf_chr22")
        folder.mkdir(parents=True, exist_ok=True)
        if entry in LABELLED:
            paths = write_labelled_examples(data, folder, LABELLED[entry])
        elif entry == "tf":
            paths = write_tf_examples(data, folder)
        else:
            paths = write_atac_examples(folder) if entry == "atac" else write_cutrun_examples(folder)
    print(*paths, sep="\n")


if __name__ == "__main__":
    main()
