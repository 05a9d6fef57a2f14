"""CTCF reads of chr22: how many summits lie near a motif, for an entry and for MACS3 at equal numbers of peaks.

MACS3 is installed by benchmarks/requirements-macs3.txt in an environment of its own; `--macs3` names its command.

    python benchmarks/ctcf_motifs.py --data DIR --macs3 MACS_ENV/bin/macs3 -o benchmarks/results/ctcf_motifs.json

Peaks are ranked by signal value (the fold over the local background), MACS3's by p-value. Of the strongest 100 pile-ups
a quarter has no motif in the list within 1 kb, so that no ranking comes near 100%.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

from epizoo.genome.read_coverage import pile_up
from epizoo.model_zoo import load
from epizoo.training.peak_metrics import site_support

CHROM_SIZES = {"chr22": 51_304_566}
FOLDER = Path("peaks") / "ctcf_chr22"
TREATMENT, CONTROL = "CTCF_SE_ChIP_chr22_50k.bed.gz", "CTCF_SE_CTRL_chr22_50k.bed.gz"
OPTIONS = ("-f", "BED", "-g", "52000000")
MACS3_RUNS = {
    "callpeak --nomodel --extsize 200": ("--nomodel", "--extsize", "200"),
    "callpeak": (),
}
NUMBERS = (200, 400, 725)
DISTANCE_BP = 100


def macs3_summits(macs3: str, data: Path, options: tuple[str, ...], control: bool) -> pd.DataFrame:
    """chrom and summit of MACS3's peaks, the best p-value first."""
    with tempfile.TemporaryDirectory() as folder:
        command = [macs3, "callpeak", "-t", str(data / TREATMENT), *OPTIONS, *options, "-n", "x", "--outdir", folder]
        command += ["-c", str(data / CONTROL)] if control else []
        subprocess.run(command, check=True, capture_output=True, text=True)
        rows = pd.read_csv(Path(folder) / "x_peaks.narrowPeak", sep="\t", header=None)
    ranked = rows.sort_values(7, ascending=False, kind="stable")
    return pd.DataFrame({"chrom": ranked[0], "summit": ranked[1] + ranked[9]}).reset_index(drop=True)


def entry_summits(name: str, data: Path, control: bool) -> pd.DataFrame:
    """chrom and summit of an entry's peaks, the highest signal value first."""
    tracks = [pile_up(data / file, chrom_sizes=CHROM_SIZES) for file in (TREATMENT, CONTROL)]
    peaks = load(name).call_peaks(tracks[0], control=tracks[1] if control else None)
    ranked = peaks.sort_values("signalValue", ascending=False, kind="stable")
    return pd.DataFrame({"chrom": ranked["chrom"], "summit": ranked["start"] + ranked["peak"]}).reset_index(drop=True)


def shares(summits: pd.DataFrame, motifs: pd.DataFrame) -> dict[str, float | int]:
    """How many peaks there are, and the share of the best of them with a motif near their summit."""
    found: dict[str, float | int] = {"n_peaks": len(summits)}
    for number in (*NUMBERS, len(summits)):
        best = summits.head(number)
        support = site_support(best["chrom"], best["summit"].to_numpy(), motifs, DISTANCE_BP)
        found["all" if number == len(summits) else f"best {number}"] = round(support.share, 4)
    return found


def metrics(results: dict[str, dict], entry: str) -> list[dict]:
    """The rows that the entry's card shows."""
    rows = []
    for kind in ("with control", "without control"):
        own = results[f"{entry}, {kind}"]
        others = {tool: result for tool, result in results.items() if tool.startswith("MACS3") and tool.endswith(kind)}
        for number in NUMBERS:
            there = {tool: result[f"best {number}"] for tool, result in others.items() if f"best {number}" in result}
            row = {
                "name": f"summits within {DISTANCE_BP} bp of a motif, best {number} peaks",
                "value": own[f"best {number}"],
                "on": f"CTCF, GM12878, chr22, 50,000 reads, {kind}; {own['n_peaks']} peaks in all",
            }
            rows.append(row | {"compared_with": there})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/ctcf_chr22")
    parser.add_argument("--macs3", default="macs3", help="MACS3's command")
    parser.add_argument("--entry", default="peak_caller/tf", help="entry or folder")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    data = arguments.data / FOLDER
    columns = ["chrom", "start", "end"]
    motifs = pd.read_csv(data / "CTCF_motif.hg19.chr22.bed", sep="\t", header=None, usecols=[0, 1, 2], names=columns)
    name = "/".join(Path(arguments.entry).parts[-2:])
    results = {}
    for control in (True, False):
        kind = "with control" if control else "without control"
        results[f"{name}, {kind}"] = shares(entry_summits(arguments.entry, data, control), motifs)
        for label, options in MACS3_RUNS.items():
            summits = macs3_summits(arguments.macs3, data, options, control)
            results[f"MACS3 3.0.4 {label}, {kind}"] = shares(summits, motifs)
    for label, result in results.items():
        print(label, result)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"results": results, "metrics": metrics(results, name)}
    arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
