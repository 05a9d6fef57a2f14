"""MACS3 as a caller: `callpeak` where there are reads, `bdgcmp` and `bdgpeakcall` where there is coverage.

Reads: ``macs3 callpeak -g`` covered bp, and where its model of the fragment length fails, ``--nomodel --extsize 200``.
Coverage: ``bdgcmp -m ppois -p 0.3`` against a flat background, the mean of the sample's windows, then ``bdgpeakcall``
with the usual cutoff, and with another one as a caller of its own.
"""

import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from epizoo.bench.callers import BIN_BP, Call
from epizoo.bench.experiments import Experiment, Stretch
from epizoo.calling.peak_reader import read_peaks
from epizoo.errors import InputError
from epizoo.genome.overlaps import merged
from epizoo.genome.signal import BigWig

USUAL = {"narrow": ("5", "200", "100"), "broad": ("5", "500", "1000"), "accessible": ("5", "200", "100")}
LENIENT = {"narrow": ("2", "200", "100"), "broad": ("5", "1000", "3000"), "accessible": ("2", "200", "100")}
"""By assay: cutoff, least length and largest gap of `bdgpeakcall`; the second of each pair suits the labels better."""
_NO_MODEL = ("--nomodel", "--extsize", "200")


@dataclass(frozen=True)
class Macs3Caller:
    """MACS3 with settings by assay; `is_lenient` calls in coverage alone, where cutoffs differ."""

    name: str
    command: str
    folder: tempfile.TemporaryDirectory[str]
    is_lenient: bool = False
    unmodelled: list[str] = field(default_factory=list)

    def call(self, experiment: Experiment, data: Path) -> Call | None:
        """See `epizoo.bench.callers.BenchCaller`."""
        if experiment.is_coverage:
            return self._call_coverage(experiment, data)
        if self.is_lenient or experiment.macs3_format is None:
            return None
        return Call(self._call_reads(experiment, data))

    def about(self) -> dict[str, Any]:
        """Version, settings, and the experiments without a model of the fragment length."""
        version = run(self.command, "--version").split()[-1]
        settings = LENIENT if self.is_lenient else USUAL
        return {"kind": "MACS3", "version": version, "bdgpeakcall -c -l -g": settings, "without model": self.unmodelled}

    def _call_reads(self, experiment: Experiment, data: Path) -> pd.DataFrame:
        given = ["callpeak", "-g", str(experiment.covered_bp), "-t", str(data / experiment.treatment)]
        given += [] if experiment.control is None else ["-c", str(data / experiment.control)]
        given += ["-f", str(experiment.macs3_format), "-n", experiment.name, "--outdir", self.folder.name]
        try:
            run(self.command, *given)
        except InputError as error:
            if "--nomodel" not in str(error):
                raise
            self.unmodelled.append(experiment.name)
            run(self.command, *given, *_NO_MODEL)
        return read_peaks(Path(self.folder.name) / f"{experiment.name}_peaks.narrowPeak")

    def _call_coverage(self, experiment: Experiment, data: Path) -> Call:
        scores = _poisson_scores(self.command, self.folder.name, experiment, data)
        peaks = Path(self.folder.name) / f"{experiment.name}.bed"
        cutoff, length, gap = (LENIENT if self.is_lenient else USUAL)[experiment.assay]
        options = ("-c", cutoff, "-l", length, "-g", gap, "--no-trackline")
        run(self.command, "bdgpeakcall", "-i", str(scores), *options, "-o", str(peaks))
        bins = None if experiment.true_peaks is None else _bins(scores, experiment.regions[0])
        return Call(read_peaks(peaks), bins)


def macs3_callers(command: str) -> list[Macs3Caller]:
    """MACS3 at its usual settings, and at the second ones, with one folder of scratch files.

    Raises:
        InputError: the command cannot be run.
    """
    run(command, "--version")
    folder = tempfile.TemporaryDirectory(prefix="epizoo-macs3-")
    return [Macs3Caller("MACS3", command, folder), Macs3Caller("MACS3 lenient", command, folder, is_lenient=True)]


def write_bedgraphs(bigwig: Path, windows: pd.DataFrame, treatment: Path, background: dict[str, Path]) -> None:
    """The coverage of windows, and flat backgrounds, as MACS3 reads them.

    Args:
        bigwig: coverage; a value that is absent in a window is 0.
        windows: interval table; windows that overlap are joined.
        treatment: the bedGraph to write.
        background: the bedGraphs to write by the statistic that is their level: mean or median.
    """
    values, stretches = [], [Stretch(*row) for row in merged(windows).itertuples(index=False, name=None)]
    with BigWig(bigwig) as track, open(treatment, "w", encoding="utf-8") as file:
        for chrom, low, high in stretches:
            coverage = np.nan_to_num(track.values(chrom, low, high))
            edges = np.flatnonzero(np.diff(coverage, prepend=np.nan, append=np.nan))
            starts, ends = edges[:-1] + low, edges[1:] + low
            rows = pd.DataFrame({"chrom": chrom, "start": starts, "end": ends, "value": coverage[edges[:-1]]})
            rows.to_csv(file, sep="\t", header=False, index=False, float_format="%g")
            values.append(coverage)
    for name, path in background.items():
        level = float(np.mean(np.concatenate(values)) if name == "mean" else np.median(np.concatenate(values)))
        lines = (f"{chrom}\t{low}\t{high}\t{level:.5f}\n" for chrom, low, high in stretches)
        path.write_text("".join(lines), encoding="utf-8")


def run(*command: str) -> str:
    """Output of a command.

    Raises:
        InputError: it cannot be run, or fails.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise InputError(f"{command[0]}: cannot be run ({error.strerror}); give the path of MACS3's command") from None
    if done.returncode:
        raise InputError(f"{' '.join(command)}: failed: {done.stderr[-2000:].strip()}")
    return done.stdout


@lru_cache(maxsize=2)
def _poisson_scores(command: str, folder: str, experiment: Experiment, data: Path) -> Path:
    """The bedGraph of -log10 p of coverage against its flat background."""
    treatment, flat, scores = (Path(folder) / f"{experiment.name}.{kind}.bdg" for kind in ("treat", "flat", "ppois"))
    windows = pd.DataFrame(experiment.regions, columns=["chrom", "start", "end"])
    write_bedgraphs(data / experiment.treatment, windows, treatment, {"mean": flat})
    given = ("-t", str(treatment), "-c", str(flat), "-m", "ppois", "-p", "0.3")
    run(command, "bdgcmp", *given, "-o", str(scores))
    treatment.unlink()
    return scores


def _bins(scores: Path, region: Stretch) -> Float[np.ndarray, " bin"]:
    """Mean score of each bin of a region."""
    table = pd.read_csv(scores, sep="\t", names=["chrom", "start", "end", "score"])
    table = table[table["chrom"] == region.chrom]
    each = np.zeros(region.end - region.start)
    start, end = (table[name].clip(region.start, region.end) - region.start for name in ("start", "end"))
    for low, high, score in zip(start, end, table["score"], strict=True):
        each[low:high] = score
    return each.reshape(-1, BIN_BP).mean(axis=1)
