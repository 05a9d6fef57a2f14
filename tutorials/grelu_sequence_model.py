"""From a bigWig to a model of DNA: peaks called by epizoo are the labels of a sequence model of gReLU.

    python tutorials/grelu_sequence_model.py FOLDER

A tiny genome is made up in FOLDER: random DNA with a motif here and there, and coverage that is high around it. Then

1. `peak_caller/h3k4me3` calls peaks in the coverage, and writes their probability as a bigWig;
2. `peak_sequences` makes a table of sequences with and without a peak, which gReLU's `DFSeqDataset` takes as it is;
3. gReLU trains a convolutional network on two chromosomes and tests it on a third;
4. its attributions point at the motif, of which nobody told it.
"""

import contextlib
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyfaidx
import torch
from grelu.data.dataset import BigWigSeqDataset, DFSeqDataset
from grelu.data.preprocess import split
from grelu.interpret.score import get_attributions
from grelu.lightning import LightningModel

import epizoo
import epizoo.plugins.grelu  # lets torch load the checkpoints that gReLU writes
from epizoo.genome.bigwig_writer import BigWigWriter
from epizoo.plugins.grelu.sequences import peak_sequences

CHROM_SIZES = {"chr1": 800_000, "chr2": 80_000, "chr3": 80_000}
MOTIF = "TGACTCAGGTCA"
SEQ_LEN = 200
BIN_BP = 50


class Genome(NamedTuple):
    """The made-up files, and where the motifs are."""

    fasta: Path
    bigwig: Path
    motifs: pd.DataFrame


class Result(NamedTuple):
    """What came of it."""

    n_peaks: int
    auroc: float
    motif_share: float
    """Share of the attribution that lies on the motifs, which are 6% of the bases."""


def make_genome(folder: Path, seed: int = 0) -> Genome:
    """Random DNA with a motif every 2 kb or so, and Poisson coverage that is high around it."""
    rng = np.random.default_rng(seed)
    rows, fasta = [], folder / "genome.fa"
    with open(fasta, "w") as file, BigWigWriter(folder / "coverage.bw", CHROM_SIZES, BIN_BP) as bigwig:
        for chrom, size in CHROM_SIZES.items():
            bases = rng.choice(list("ACGT"), size)
            centres = np.arange(2_000, size - 2_000, 2_500) + rng.integers(
                -400, 400, len(range(2_000, size - 2_000, 2_500))
            )
            level = np.full(size // BIN_BP, 1.0)
            for centre in centres:
                bases[centre : centre + len(MOTIF)] = list(MOTIF)
                rows.append((chrom, centre, centre + len(MOTIF)))
                distance = (np.arange(size // BIN_BP) + 0.5) * BIN_BP - centre
                level += 40 * np.exp(-0.5 * (distance / 200) ** 2)
            file.write(f">{chrom}\n{''.join(bases)}\n")
            bigwig.add(chrom, 0, rng.poisson(level).astype(np.float32))
    pyfaidx.Faidx(str(fasta)).close()
    sizes = "".join(f"{chrom}\t{size}\n" for chrom, size in CHROM_SIZES.items())
    (folder / "genome.fa.sizes").write_text(sizes)
    return Genome(fasta, folder / "coverage.bw", pd.DataFrame(rows, columns=["chrom", "start", "end"]))


def call_peaks(genome: Genome, folder: Path) -> pd.DataFrame:
    """Peaks and their probability, by an entry of the zoo."""
    entry = epizoo.load("peak_caller/h3k4me3")
    return entry.call_peaks(
        genome.bigwig,
        signal_kind="coverage",
        # The made-up signal is no pile-up of reads, so that there is nothing to count.
        q_value=1,
        output=folder / "peaks.narrowPeak",
        probabilities=folder / "peaks.bw",
    )


def train(table: pd.DataFrame, genome: Genome, folder: Path) -> tuple[LightningModel, DFSeqDataset, float]:
    """A convolutional network of gReLU, trained on chr1, validated on chr2, tested on chr3."""
    parts = split(table, val_chroms=["chr2"], test_chroms=["chr3"])
    options = {"seq_len": SEQ_LEN, "genome": str(genome.fasta)}
    training, validation, test = (
        DFSeqDataset(part.reset_index(drop=True), rc=number == 0, **options) for number, part in enumerate(parts)
    )
    torch.manual_seed(0)
    model = LightningModel(
        model_params={
            "model_type": "ConvModel",
            "n_tasks": 1,
            "stem_channels": 16,
            "stem_kernel_size": 13,
            "n_conv": 0,
            "final_pool_func": "max",
        },
        train_params={
            "task": "binary",
            "lr": 0.01,
            "max_epochs": 30,
            "batch_size": 32,
            "num_workers": 0,
            "logger": "csv",
            "name": "log",
            "save_dir": str(folder),
        },
    )
    trainer = model.train_on_dataset(training, validation)
    best = LightningModel.load_from_checkpoint(trainer.checkpoint_callback.best_model_path)
    scores = best.test_on_dataset(test, num_workers=0)
    return best, test, float(scores["test_auroc"].iloc[0])


def motif_share(model: LightningModel, genome: Genome, table: pd.DataFrame) -> float:
    """Share of the attribution of sequences with a peak, on chr3, that lies on the motif."""
    rows = table[(table["chrom"] == "chr3") & (table["peak"] == 1)].reset_index(drop=True)
    found = get_attributions(model, rows[["chrom", "start", "end"]], genome=str(genome.fasta), method="inputxgradient")
    weight = np.abs(found).sum(1)
    on_motif = np.zeros_like(weight, dtype=bool)
    for number, row in enumerate(rows.itertuples()):
        own = genome.motifs[genome.motifs["chrom"] == row.chrom]
        for start, end in zip(own["start"] - row.start, own["end"] - row.start, strict=True):
            on_motif[number, max(start, 0) : max(min(end, SEQ_LEN), 0)] = True
    return float(weight[on_motif].sum() / weight.sum())


def main(folder: Path) -> Result:
    """All steps; everything that they write lies in the folder, Lightning's logs too."""
    folder = folder.resolve()
    with contextlib.chdir(folder):
        return _all_steps(folder)


def _all_steps(folder: Path) -> Result:
    genome = make_genome(folder)
    peaks = call_peaks(genome, folder)
    table = peak_sequences(peaks, SEQ_LEN, CHROM_SIZES)
    model, _, auroc = train(table, genome, folder)
    # The probability of a peak, base by base, for a model that predicts profiles.
    intervals = table[["chrom", "start", "end"]]
    profile = BigWigSeqDataset(intervals, [str(folder / "peaks.bw")], genome=str(genome.fasta), seq_len=SEQ_LEN)
    assert profile.labels.shape == (len(table), 1, SEQ_LEN)
    return Result(len(peaks), auroc, motif_share(model, genome, table))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(main(Path(sys.argv[1])))
