"""The long commands that are killed, with small inputs for each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import random_entries
import yaml
from finetuning_files import write_experiment, write_new_yaml
from read_writers import SIZES, write_bam

from epizoo.models.hmm.reference import HMMParameters
from epizoo.states.chromhmm_models import ChromHMMModel, write_model
from epizoo.zoo import ZOO_FOLDER

PEAKS = ["-o", "peaks.narrowPeak", "--coverage", "coverage.bw", "--probabilities", "probabilities.bw"]
FINETUNE = ["--evaluate", "none", "--steps", "400", "--train", "all"]


def _peaks_of_bigwig(inputs: Path) -> list[str]:
    entry = ZOO_FOLDER / "peak_caller/universal"
    outputs = [*PEAKS[:2], *PEAKS[4:], "--cutoff-analysis", "cutoffs.tsv"]
    return ["call-peaks", str(entry), "--bigwig", str(entry / "example_files/H3K4me3.bw"), *outputs]


def _reads(seed: int, n_reads: int = 20_000) -> list[tuple[str, int, int, str]]:
    """Reads on two chromosomes, half of them at one place of each."""
    rng = np.random.default_rng(seed)
    reads = []
    for chrom in ("chr1", "chr2"):
        middle, last = SIZES[chrom] // 2, SIZES[chrom] - 50
        starts = np.concatenate([rng.integers(0, last, n_reads // 4), rng.normal(middle, 150, n_reads // 4)])
        strands = rng.choice(["+", "-"], len(starts))
        reads += [
            (chrom, int(start), int(start) + 50, str(strand)) for start, strand in zip(starts, strands, strict=True)
        ]
    return sorted(reads, key=lambda read: read[:2])


def _peaks_of_bam(inputs: Path) -> list[str]:
    bam = write_bam(inputs / "reads.bam", _reads(0))
    return ["call-peaks", "peak_caller/universal", "--reads", str(bam), "--keep-duplicates", "all", *PEAKS]


def _annotate(inputs: Path) -> list[str]:
    entry = ZOO_FOLDER / "chromatin_states/encode-10"
    outputs = ["-o", "states.bed.gz", "--posteriors", "posteriors", "--hdf5", "states.h5", "--chromhmm", "chromhmm"]
    return ["annotate", str(entry), "--binarized", str(entry / "example_files/marks"), *outputs]


def _binarize(inputs: Path) -> list[str]:
    marks = [f"{mark}={write_bam(inputs / f'{mark}.bam', _reads(seed))}" for seed, mark in enumerate(("K4", "K27"))]
    return ["binarize", "-o", "binarized", "--cell", "mine", "--marks", *marks]


def _learn_states(inputs: Path) -> list[str]:
    marks = random_entries.write_marks(inputs / "marks")
    how = ["--states", "3", "--pseudo-count", "1", "--restarts", "2", "--max-iterations", "60"]
    return ["learn-states", "--binarized", str(marks), *how, "--name", "mine", "-o", "zoo"]


def _random_zoo(inputs: Path) -> Path:
    (inputs / "base").mkdir()
    return random_entries.build_zoo(inputs / "base").folder


def _finetune_peaks(inputs: Path) -> list[str]:
    data = write_new_yaml(inputs, write_experiment(inputs))
    entry = _random_zoo(inputs) / "peak_caller/random"
    return ["finetune", str(entry), "--data", str(data), *FINETUNE, "--name", "mine", "-o", "zoo"]


def _finetune_states(inputs: Path) -> list[str]:
    marks = random_entries.write_marks(inputs / "new", seed=5)
    entry = _random_zoo(inputs) / "chromatin_states/random"
    data = inputs / "new.yaml"
    data.write_text(yaml.safe_dump({"cell_type": "another", "binarized": str(marks)}))
    return ["finetune", str(entry), "--data", str(data), "--restarts", "2", "--name", "mine", "-o", "zoo"]


def _import_chromhmm(inputs: Path) -> list[str]:
    rng = np.random.default_rng(3)
    parameters = HMMParameters(rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3), rng.random((3, 3)))
    write_model(inputs / "model_3.txt", ChromHMMModel(parameters, random_entries.MARKS))
    marks = random_entries.write_marks(inputs / "marks")
    return ["import-chromhmm", str(inputs / "model_3.txt"), "--binarized", str(marks), "--name", "mine", "-o", "zoo"]


def _export(name: str, to: str, path: str) -> Callable[[Path], list[str]]:
    return lambda inputs: ["export", name, "--to", to, "-o", path]


def _study(inputs: Path) -> list[str]:
    rows = ["sample\tgroup\tassay\ttreatment\tcontrol"]
    for seed, sample in enumerate(("a1", "b1")):
        write_bam(inputs / f"{sample}.bam", _reads(seed))
        rows.append(f"{sample}\t{sample[0]}\tany\t{sample}.bam\t")
    (inputs / "samples.tsv").write_text("\n".join(rows) + "\n")
    return ["run", str(inputs / "samples.tsv"), "-o", "study", "--workers", "2"]


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "call-peaks of a bigWig": _peaks_of_bigwig,
    "call-peaks of a BAM": _peaks_of_bam,
    "annotate": _annotate,
    "binarize": _binarize,
    "learn-states": _learn_states,
    "finetune a peak caller": _finetune_peaks,
    "finetune states": _finetune_states,
    "import-chromhmm": _import_chromhmm,
    "export to ONNX": _export("chromatin_states/encode-10", "onnx", "model.onnx"),
    "export to torch": _export("peak_caller/h3k36me3", "torch", "model.pt"),
    "run": _study,
}
