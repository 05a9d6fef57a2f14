"""The weights that are shipped, on what they never saw, by `epizoo evaluate`: `metrics.json` beside the peak callers.

MACS3 is installed by benchmarks/peaks/requirements.txt in an environment of its own; `--macs3` names its command.

    python -m benchmarks.peaks.shipped_entries --data DIR --macs3 MACS_ENV/bin/macs3
    python -m epizoo.zoo.build --render

Entries that know H3K4me3 are held to its labels of skeletal muscle, whose chromosome and cell type no training saw,
`tf` to motifs below CTCF's reads. The others have no such file: all labels of H3K36me3 were learned from, so that what
is known of `h3k36me3` is that of its recipe, which leaves each chromosome out; `atac` is measured by `epizoo bench`.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
from benchmarks.finetuning.muscle import SAMPLE, write_data
from benchmarks.measuring import EPIZOO
from benchmarks.peaks.ctcf_motifs import FOLDER, LIBRARIES, MOTIFS, call_macs3
from benchmarks.peaks.macs3_labels import BACKGROUNDS, OPTIONS, macs3_peaks, write_bedgraphs

from epizoo.genome.assemblies import chrom_sizes
from epizoo.genome.bigwig.writer import write_track
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up
from epizoo.zoo import ZOO_FOLDER

OF_MUSCLE = ("peak_caller/h3k4me3", "peak_caller/universal")
ON_MUSCLE = "29 labels of H3K4me3, skeletal muscle, one sample, 10 loci on chr2; intervals: 95% bootstrap over loci"
TF, TOP = "peak_caller/tf", 400
ON_MOTIFS = (
    f"motifs within 100 bp of the best {TOP} summits in bigWigs of CTCF and an input, GM12878, chr22, 50,000 single "
    "reads; intervals: 95% bootstrap over blocks of 2 Mb"
)


def evaluate(entry: str, options: list[str], peaks: dict[str, Path], about: str) -> None:
    """`metrics.json` of an entry; MACS3's peaks stand beside it."""
    command = [*EPIZOO, "evaluate", "--entry", entry, *options]
    command += [part for name, file in peaks.items() for part in ("--peaks", f"MACS3 3.0.4 {name}={file}")]
    subprocess.run([*command, "--about", about, "--metrics", str(ZOO_FOLDER / entry / "metrics.json")], check=True)


def of_muscle(data: Path, macs3: str, folder: Path) -> None:
    """Both entries, and MACS3 at the settings of the recipe's figures."""
    labels = data / "peaks" / "histone_labels"
    windows = pd.read_csv(labels / "windows.tsv", sep="\t").query(
        "mark == 'H3K4me3' and celltype == 'skeletalMuscleMD'"
    )
    write_data(labels, folder)
    write_bedgraphs(labels, windows, folder)
    peaks = {}
    for background in BACKGROUNDS:
        for number, setting in enumerate(OPTIONS["H3K4me3"]):
            cutoff, length, gap = setting
            file = folder / f"{background}{number}.bed"
            found = macs3_peaks(macs3, folder, background, setting)
            found.to_csv(file, sep="\t", header=False, index=False)
            peaks[f"-c {cutoff} -l {length} -g {gap}, {background} background"] = file
    options = ["--bigwig", str(labels / "coverage" / f"{SAMPLE}.bw"), "--signal-kind", "coverage"]
    options += ["--known-regions", str(folder / "known.bed"), "--labels", str(folder / "labels.bed")]
    for entry in OF_MUSCLE:
        evaluate(entry, options, peaks, ON_MUSCLE)


def of_motifs(data: Path, macs3: str, folder: Path) -> None:
    """`tf` and MACS3 with the same control."""
    kind = next(iter(LIBRARIES))
    sizes = chrom_sizes("hg19")
    tracks = {}
    for name, file in LIBRARIES[kind].files.items():
        tracks[name] = folder / f"{name}.bw"
        write_track(tracks[name], pile_up([data / FOLDER / file], PileUpConfig(), chrom_sizes=sizes))
    peaks = {
        "callpeak --nomodel --extsize 200": call_macs3(macs3, data / FOLDER, kind, ("ChIP", "input"), folder / "m")
    }
    options = ["--bigwig", str(tracks["ChIP"]), "--control", str(tracks["input"]), "--signal-kind", "coverage"]
    options += ["--sites", str(data / FOLDER / MOTIFS), "--top", str(TOP)]
    evaluate(TF, options, peaks, ON_MOTIFS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/")
    parser.add_argument("--macs3", default="macs3", help="MACS3's command")
    arguments = parser.parse_args()
    for job in (of_muscle, of_motifs):
        with tempfile.TemporaryDirectory() as folder:
            job(arguments.data, arguments.macs3, Path(folder))


if __name__ == "__main__":
    main()
