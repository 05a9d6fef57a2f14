"""The example files of peak_caller/tf and peak_caller/atac.

    python -m epizoo.recipes.simulated_peaks_examples tf --data DIR -o FOLDER
    python -m epizoo.recipes.simulated_peaks_examples atac -o FOLDER

tf: CTCF ChIP-seq reads of GM12878 with their control, from MACS's own tests (BSD-3, see DATA_LICENSES.md), piled up to
coverage and written anew. atac: a simulated experiment.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.bigwig_writer import BigWigWriter
from epizoo.genome.pileup import ReadCoverage, pile_up
from epizoo.genome.signal import SignalTrack
from epizoo.recipes.simulated_peaks import ATAC
from epizoo.simulation.fragments import Experiment, simulate_experiment

CTCF_FOLDER = Path("peaks") / "ctcf_chr22"
CTCF_READS = {"CTCF.bw": "CTCF_SE_ChIP_chr22_50k.bed.gz", "control.bw": "CTCF_SE_CTRL_chr22_50k.bed.gz"}
CHR22_BP = 51_304_566
CTCF_STRETCH = (41_900_000, 42_100_000)
SIMULATED_BP = 300_000
SIMULATED_READS = 2e7


def write_tf_examples(data: Path, folder: Path) -> list[Path]:
    """Write the excerpts of treatment and control, and the intervals."""
    start, end = CTCF_STRETCH
    paths = []
    for name, reads in CTCF_READS.items():
        coverage = pile_up(data / CTCF_FOLDER / reads, chrom_sizes={"chr22": CHR22_BP})
        paths.append(_write_signal(folder / name, coverage, "chr22", start, end))
    return [*paths, _write_interval(folder, "chr22", start + 20_000, end - 20_000)]


def simulated_example(seed: int = 0) -> Experiment:
    """The experiment of the example of peak_caller/atac, `SIMULATED_BP` long."""
    config = dataclasses.replace(ATAC.simulation, reads=(SIMULATED_READS, SIMULATED_READS), sites_per_10kb=(0.5, 0.5))
    return simulate_experiment(np.random.default_rng(seed), SIMULATED_BP, config)


def write_atac_examples(folder: Path, seed: int = 0) -> list[Path]:
    """Write the coverage of a simulated experiment, and an interval."""
    experiment = simulated_example(seed)
    reads = {"simulated": (experiment.treatment.start, experiment.treatment.end)}
    coverage = ReadCoverage(["simulated"], {"simulated": SIMULATED_BP}, reads)
    path = _write_signal(folder / "simulated.bw", coverage, "simulated", 0, SIMULATED_BP)
    return [path, _write_interval(folder, "simulated", 20_000, SIMULATED_BP - 20_000)]


def _write_signal(path: Path, track: SignalTrack, chrom: str, start: int, end: int) -> Path:
    with BigWigWriter(path, {chrom: track.chrom_sizes[chrom]}, bin_bp=1) as writer:
        writer.add(chrom, start, track.binned(chrom, start, end, 1))
    return path


def _write_interval(folder: Path, chrom: str, start: int, end: int) -> Path:
    with atomic_path(folder / "intervals.bed") as path:
        path.write_text(f"{chrom}\t{start}\t{end}\n", encoding="utf-8")
    return folder / "intervals.bed"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", choices=("tf", "atac"), help="which entry")
    parser.add_argument("--data", type=Path, help="the folder that holds peaks/ctcf_chr22, for tf")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder to write")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.entry == "tf" and arguments.data is None:
        raise InputError("--data: not given; name the folder that holds peaks/ctcf_chr22")
    tf = arguments.entry == "tf"
    print(
        *(write_tf_examples(arguments.data, arguments.output) if tf else write_atac_examples(arguments.output)),
        sep="\n",
    )


if __name__ == "__main__":
    main()
