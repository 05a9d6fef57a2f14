r"""MACS3's errors on the human labels, beside which the peak caller is measured.

MACS3 is installed by benchmarks/peaks/requirements.txt in an environment of its own; `--macs3` names its command.

    python -m benchmarks.peaks.macs3_labels --data DIR --macs3 MACS_ENV/bin/macs3 \
        --mark H3K4me3 -o benchmarks/peaks/macs3_labels_h3k4me3.json

The flat background is a figure of the sample, and MACS3 depends much on it: its mean over the labelled windows, which
hold more peaks than a genome does, and its median, which is 0 in shallow samples, are both measured.
"""

import argparse
import itertools
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.genome.signal import BigWig
from epizoo.metrics.label_errors import label_errors, region_rates, summarise

BACKGROUNDS = {"mean": np.mean, "median": np.median}
# Cutoff, least length and largest gap: narrow marks as usual and at a lower cutoff, broad ones at two widths.
OPTIONS = {
    "H3K4me3": (("5", "200", "100"), ("2", "200", "100")),
    "H3K36me3": (("5", "500", "1000"), ("5", "1000", "3000")),
}


def write_bedgraphs(data: Path, windows: pd.DataFrame, folder: Path) -> None:
    """The pile-up of a sample's windows, and flat backgrounds, as MACS3 reads them."""
    values = []
    ordered = windows.sort_values(["chrom", "start"])
    with BigWig(data / windows["bw"].iloc[0]) as bigwig, open(folder / "treat.bdg", "w") as treat:
        for window in ordered.itertuples():
            coverage = np.nan_to_num(bigwig.values(window.chrom, window.start, window.end))
            edges = np.flatnonzero(np.diff(coverage, prepend=np.nan, append=np.nan))
            for low, high in itertools.pairwise(edges):
                treat.write(f"{window.chrom}\t{window.start + low}\t{window.start + high}\t{coverage[low]:g}\n")
            values.append(coverage)
    for name, statistic in BACKGROUNDS.items():
        background = statistic(np.concatenate(values))
        with open(folder / f"{name}.bdg", "w") as control:
            for window in ordered.itertuples():
                control.write(f"{window.chrom}\t{window.start}\t{window.end}\t{background:.5f}\n")


def macs3_peaks(macs3: str, folder: Path, background: str, options: tuple[str, str, str]) -> pd.DataFrame:
    """Peaks of `bdgcmp -m ppois -p 0.3` followed by `bdgpeakcall`."""
    treat, control, ppois, peaks = (str(folder / name) for name in ("treat.bdg", f"{background}.bdg", "ppois", "peaks"))
    run(macs3, "bdgcmp", "-t", treat, "-c", control, "-m", "ppois", "-p", "0.3", "-o", ppois)
    cutoff, length, gap = options
    run(macs3, "bdgpeakcall", "-i", ppois, "-c", cutoff, "-l", length, "-g", gap, "--no-trackline", "-o", peaks)
    rows = [line.split("\t")[:3] for line in Path(peaks).read_text().splitlines() if line.startswith("chr")]
    return pd.DataFrame(rows, columns=["chrom", "start", "end"]).astype({"start": "int64", "end": "int64"})


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/histone_labels")
    parser.add_argument("--macs3", default="macs3", help="MACS3's command")
    parser.add_argument("--mark", default="H3K4me3", choices=sorted(OPTIONS))
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    data = arguments.data / "peaks" / "histone_labels"
    labels = pd.read_csv(data / "labels.tsv", sep="\t").query("mark == @arguments.mark")
    windows = pd.read_csv(data / "windows.tsv", sep="\t").query("mark == @arguments.mark")
    settings = {
        f"-c {cutoff} -l {length} -g {gap}, {background} background": (background, (cutoff, length, gap))
        for background in BACKGROUNDS
        for cutoff, length, gap in OPTIONS[arguments.mark]
    }
    errors: dict[str, list[pd.DataFrame]] = {name: [] for name in settings}
    for _, sample in windows.groupby(["celltype", "sample"]):
        if not sample["window"].isin(labels["window"]).any():
            continue
        with tempfile.TemporaryDirectory() as folder:
            write_bedgraphs(data, sample, Path(folder))
            own = labels[labels["window"].isin(sample["window"])]
            for name, setting in settings.items():
                errors[name].append(label_errors(own, macs3_peaks(arguments.macs3, Path(folder), *setting)))
    result = {name: report(name, pd.concat(tables)) for name, tables in errors.items()}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"mark": arguments.mark, "tool": "MACS3 3.0.4", "settings": result}
    arguments.output.write_text(json.dumps(content, indent=1) + "\n")


def report(setting: str, errors: pd.DataFrame) -> dict:
    """Summaries of all labels and of those the entry learns from, and every label's outcome."""
    entry = errors[errors["celltype"].isin(["tcell", "monocyte"])]
    columns = ["window", "chrom", "start", "end", "annotation", "wrong"]
    ordered = errors.sort_values(columns[:-1])
    for name, part in (("all", errors), ("tcell and monocyte", entry)):
        print(setting, name, summarise(part))
        print(part.groupby("chrom")["wrong"].agg(["sum", "size"]).to_string())
    return {
        "all": summarise(errors)._asdict(),
        "tcell and monocyte": summarise(entry)._asdict(),
        "by_chromosome": errors.groupby("chrom")["wrong"].agg(["sum", "size"]).astype(int).to_dict("index"),
        "by_region": region_rates(errors).to_dict("records"),
        "wrong_labels": [list(row[:-1]) for row in ordered[columns].itertuples(index=False) if row.wrong],
    }


if __name__ == "__main__":
    main()
