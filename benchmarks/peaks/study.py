"""A study of eight samples beside its single commands, and with two workers beside one.

    python -m benchmarks.peaks.study -o benchmarks/peaks/study.json

Each sample is a BAM of --reads million single reads on one chromosome of 100 Mb, a quarter of them in 300 peaks; a
tenth of the peaks are fourfold higher in the second group. The parts are `call-peaks --coverage` of each sample,
`consensus`, `count`, `differential` and `report`; the study does the same. Both ratios are of wall time, for which
nothing else may run on the machine; processor time is given beside it. The stages, by the times of the finished pieces,
show how much of a run no second worker can share.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pysam
from benchmarks.measuring import EPIZOO, Run, measure, show

SIZE_BP, READ_BP, FRAGMENT_BP = 100_000_000, 50, 200
N_PEAKS, SHARE_IN_PEAKS, PEAK_SD_BP = 300, 0.25, 200
GROUPS = {"treated": 4, "control": 4}
SHOWN = {"peaks": "narrowPeak", "bigwig": "bw"}
STAGES = ("peaks", "consensus", "counts", "differential", "report")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=float, default=0.75, help="million reads of a sample")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = write_study(folder, int(options.reads * 1e6), np.random.default_rng(options.seed))
        runs = {"parts": together([measure([*EPIZOO, *part], folder) for part in parts(samples)])}
        stages = {}
        for workers in (1, 2):
            out = f"results{workers}"
            study = ["run", "samples.tsv", "-o", out, "--workers", str(workers)]
            runs[f"study, {workers} worker(s)"] = measure([*EPIZOO, *study], folder)
            stages[f"{workers} worker(s)"] = stage_seconds(folder / out)
    whole, one, two = runs.values()
    ratios = {
        "study_over_parts_seconds": one.seconds / whole.seconds,
        "study_over_parts_cpu_seconds": one.cpu_seconds / whole.cpu_seconds,
        "one_worker_over_two_seconds": one.seconds / two.seconds,
    }
    about = {"million_reads": options.reads, "samples": len(samples), "seed": options.seed}
    show("a study of 8 samples", runs, options.output, **about, **ratios, stages=stages)
    for key, value in {**ratios, **stages}.items():
        print(f"{key}: {value if isinstance(value, dict) else round(value, 2)}")


def parts(samples: list[str]) -> list[list[str]]:
    """The single commands that do the work of the study."""
    caller = ["call-peaks", "peak_caller/universal"]
    calls = [
        [*caller, "--reads", f"{name}.bam", "-o", f"{name}.narrowPeak", "--coverage", f"{name}.bw"] for name in samples
    ]
    peaks, reads = ([f"{name}={name}.{suffix}" for name in samples] for suffix in ("narrowPeak", "bam"))
    shown = [f"--{kind}={name}={name}.{suffix}" for name in samples for kind, suffix in SHOWN.items()]
    groups = ["--groups", "samples.tsv"]
    return [
        *calls,
        ["consensus", "--peaks", *peaks, *groups, "-o", "consensus.narrowPeak", "--support", "support.tsv"],
        ["count", "--peaks", "consensus.narrowPeak", "--reads", *reads, "-o", "counts.tsv", "--libraries", "l.tsv"],
        ["differential", "counts.tsv", *groups, "--reference", "control", "-o", "differential.tsv"],
        ["report", *shown, "--libraries", "l.tsv", "-o", "report.html"],
    ]


def together(runs: list[Run]) -> Run:
    """Commands that ran one after the other, as one."""
    seconds, cpu_seconds = sum(run.seconds for run in runs), sum(run.cpu_seconds for run in runs)
    return Run(seconds, cpu_seconds, max(run.peak_mb for run in runs), "")


def stage_seconds(results: Path) -> dict[str, float]:
    """Seconds from the start of the run until the last piece of each stage was finished."""
    begin = (results / "study.json").stat().st_mtime
    finished: dict[str, float] = {}
    for record in (results / "records").glob("*.json"):
        for stage in STAGES:
            if stage in record.name:
                finished[stage] = max(finished.get(stage, 0.0), record.stat().st_mtime - begin)
    return {stage: round(finished[stage], 2) for stage in STAGES if stage in finished}


def write_study(folder: Path, n_reads: int, rng: np.random.Generator) -> list[str]:
    """A BAM for each sample, and the table of samples; returns their names."""
    places = rng.integers(10_000, SIZE_BP - 10_000, N_PEAKS)
    heights = rng.gamma(2.0, 1.0, N_PEAKS)
    changed = np.where(np.arange(N_PEAKS) % 10 == 0, 4.0, 1.0)
    rows, names = ["sample\tgroup\ttreatment"], []
    for group, n_samples in GROUPS.items():
        for number in range(1, n_samples + 1):
            name = f"{group}{number}"
            weights = heights * (changed if group == "treated" else 1.0) * rng.gamma(20.0, 0.05, N_PEAKS)
            write_bam(folder / f"{name}.bam", reads(rng, n_reads, places, weights), rng)
            rows.append(f"{name}\t{group}\t{name}.bam")
            names.append(name)
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    return names


def reads(rng: np.random.Generator, n_reads: int, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Starts of fragments, sorted."""
    chosen = rng.choice(places, int(n_reads * SHARE_IN_PEAKS), p=weights / weights.sum())
    in_peaks = chosen + rng.normal(0, PEAK_SD_BP, len(chosen)).astype(int)
    return np.sort(np.concatenate([in_peaks, rng.integers(0, SIZE_BP - FRAGMENT_BP, n_reads - len(in_peaks))]))


def write_bam(path: Path, starts: np.ndarray, rng: np.random.Generator) -> None:
    header = pysam.AlignmentHeader.from_references(["chr1"], [SIZE_BP])
    is_reverse = rng.random(len(starts)) < 0.5
    starts = np.where(is_reverse, starts + FRAGMENT_BP - READ_BP, starts)
    order = np.argsort(starts, kind="stable")
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        read = pysam.AlignedSegment(header)
        read.query_name, read.reference_id, read.mapping_quality = "read", 0, 60
        read.query_sequence, read.cigartuples = "A" * READ_BP, [(0, READ_BP)]
        for start, reverse in zip(starts[order].tolist(), is_reverse[order].tolist(), strict=True):
            read.reference_start, read.flag = start, 16 if reverse else 0
            file.write(read)


if __name__ == "__main__":
    main()
