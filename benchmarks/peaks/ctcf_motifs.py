"""CTCF reads of chr22: how many summits lie near a motif, for an entry and MACS3, and what each calls where nothing is.

The commands are a user's own: `epizoo call-peaks` on reads, `macs3 callpeak`, and `epizoo evaluate --sites --top` on
the files of both, which ranks an entry's peaks by their score and MACS3's by p-value. Differences are paired: 2-Mb
blocks are drawn again and again for both callers at once. MACS3 is installed by benchmarks/peaks/requirements.txt in an
environment of its own; `--macs3` names its command. Single reads are extended to 200 bp (MACS3: `--nomodel --extsize
200`); they are one end of each of the pairs, so that both libraries are one experiment.

    python -m benchmarks.peaks.ctcf_motifs --data DIR --macs3 MACS_ENV/bin/macs3 -o benchmarks/peaks/ctcf_motifs.json

Of the strongest 100 pile-ups a quarter has no motif in the list within 1 kb, so that no ranking comes near 100%. The
entry's rule makes fewer peaks than MACS3 has; for the larger numbers it is run once more with a lower probability
and without q-values.
"""

import argparse
import itertools
import json
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from benchmarks.measuring import EPIZOO

from epizoo.calling.peak_reader import peak_rank, read_peaks, summit_places
from epizoo.genome.intervals import read_bed
from epizoo.genome.overlaps import overlaps_any
from epizoo.metrics.label_errors import draw_sums
from epizoo.metrics.peaks import BLOCK_BP

FOLDER = Path("peaks") / "ctcf_chr22"


class Library(NamedTuple):
    """Reads of one kind, and how MACS3 is told of them."""

    files: dict[str, str]
    macs3_options: tuple[str, ...]


LIBRARIES = {
    "50,000 single reads": Library(
        {"ChIP": "CTCF_SE_ChIP_chr22_50k.bed.gz", "input": "CTCF_SE_CTRL_chr22_50k.bed.gz"},
        ("-f", "BED", "--nomodel", "--extsize", "200"),
    ),
    "50,000 pairs": Library(
        {"ChIP": "CTCF_PE_ChIP_chr22_50k.bedpe.gz", "input": "CTCF_PE_CTRL_chr22_50k.bedpe.gz"}, ("-f", "BEDPE")
    ),
}
MOTIFS = "CTCF_motif.hg19.chr22.bed"
LENIENT = ["--enter-probability", "0.02", "--extend-probability", "0.02", "--q-value", "1"]
MACS3 = "MACS3 3.0.4 callpeak"
RANKED = (("ChIP", "input"), ("ChIP", None))
PAIRS = (*RANKED, ("ChIP", "ChIP"), ("input", "input"), ("input", "ChIP"), ("input", None))
"""Treatment and control."""
NUMBERS = (100, 200, 400, 500, 725)
DISTANCE_BP = 100
N_DRAWS = 10_000
SINGLE, PAIRED = LIBRARIES
ON_CARD = (
    (SINGLE, ("ChIP", "input"), 200),
    (SINGLE, ("ChIP", "input"), 725),
    (SINGLE, ("ChIP", None), 200),
    (PAIRED, ("ChIP", "input"), 200),
    (SINGLE, ("ChIP", "input"), None),
    (SINGLE, ("ChIP", "ChIP"), None),
    (SINGLE, ("input", None), None),
)
"""What the entry's card shows: motifs near the best so many peaks, or how many peaks there are."""


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def call(entry: str, data: Path, kind: str, pair: tuple[str, str | None], output: Path, options: list[str]) -> Path:
    """An entry's narrowPeak."""
    treatment, control = pair
    files = LIBRARIES[kind].files
    command = [*EPIZOO, "call-peaks", entry, "--reads", str(data / files[treatment]), "--chrom-sizes", "hg19"]
    command += ["--control-reads", str(data / files[control])] if control else []
    run([*command, *options, "-o", str(output)])
    return output


def call_macs3(macs3: str, data: Path, kind: str, pair: tuple[str, str | None], output: Path) -> Path:
    """MACS3's narrowPeak."""
    treatment, control = pair
    files, options = LIBRARIES[kind]
    command = [macs3, "callpeak", "-g", "52000000", "-t", str(data / files[treatment]), *options]
    command += ["-c", str(data / files[control])] if control else []
    run([*command, "-n", output.name, "--outdir", str(output.parent)])
    return output.parent / f"{output.name}_peaks.narrowPeak"


def evaluated(files: dict[str, Path], motifs: Path, number: int, folder: Path) -> dict[str, float]:
    """Share of summits near a motif by `epizoo evaluate`, of each caller."""
    command = [*EPIZOO, "evaluate", "--sites", str(motifs), "--top", str(number), "--distance-bp", str(DISTANCE_BP)]
    command += [part for name, file in files.items() for part in ("--peaks", f"{name}={file}")]
    run([*command, "--metrics", str(folder / "metrics.json")])
    callers = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["callers"]
    return {name: callers[name]["sites"]["share_of_summits"] for name in files}


def block_sums(file: Path, motifs: pd.DataFrame, number: int) -> pd.DataFrame:
    """Hits and peaks of each block, of the surest peaks of a file."""
    peaks = read_peaks(file)
    rank = peak_rank(peaks)
    assert rank is not None
    best = peaks.iloc[np.argsort(-rank, kind="stable")[:number]]
    places = pd.DataFrame({"chrom": best["chrom"], "start": summit_places(best), "end": summit_places(best) + 1})
    middle = (motifs["start"] + motifs["end"]) // 2
    wide = pd.DataFrame({"chrom": motifs["chrom"], "start": middle - DISTANCE_BP + 1, "end": middle + DISTANCE_BP})
    rows = pd.DataFrame({"hits": overlaps_any(places, wide).astype(float), "all": 1.0})
    return rows.groupby((places["start"] // BLOCK_BP).to_numpy()).sum()


def difference(first: Path, second: Path, motifs: pd.DataFrame, number: int) -> tuple[float, float, float]:
    """How much larger the share of the first is, with its 95% interval over blocks, both drawn together."""
    sums = block_sums(first, motifs, number).join(block_sums(second, motifs, number).add_suffix("_2"), how="outer")
    blocks = sums.fillna(0.0).to_numpy()
    draws = draw_sums(blocks, N_DRAWS, 0)
    drawn = draws[:, 0] / draws[:, 1] - draws[:, 2] / draws[:, 3]
    total = blocks.sum(axis=0)
    return (total[0] / total[1] - total[2] / total[3], *np.quantile(drawn, (0.025, 0.975)))


def title(kind: str, pair: tuple[str, str | None]) -> str:
    treatment, control = pair
    about = "without control" if control is None else f"with {control} as control"
    options = " ".join(LIBRARIES[kind].macs3_options)
    return f"CTCF, GM12878, chr22, {kind} (MACS3 {options}), {treatment} {about}"


def motif_rows(own: dict[str, Path], macs3: Path, on: str, motifs_file: Path, folder: Path) -> dict[int, dict]:
    """A metric for each number of peaks; `own` are the entry's files by rule, the shipped one first."""
    motifs = read_bed(motifs_file)
    n_macs3 = len(read_peaks(macs3))
    rows = {}
    for number in NUMBERS:
        enough = [rule for rule, file in own.items() if len(read_peaks(file)) >= number]
        if not enough or n_macs3 < number:
            continue
        file = own[enough[0]]
        shares = evaluated({"entry": file, "macs3": macs3}, motifs_file, number, folder)
        found, low, high = difference(file, macs3, motifs, number)
        assert abs(found - (shares["entry"] - shares["macs3"])) < 1e-6
        rows[number] = {
            "name": f"summits within {DISTANCE_BP} bp of a motif, best {number} peaks",
            "value": round(shares["entry"], 4),
            "on": f"{on}{enough[0]}; difference to MACS3 "
            f"{100 * found:+.1f} points (95% {100 * low:+.1f} to {100 * high:+.1f}, paired over blocks of 2 Mb)",
            "compared_with": {MACS3: round(shares["macs3"], 4)},
        }
        print(rows[number], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/ctcf_chr22")
    parser.add_argument("--macs3", default="macs3", help="MACS3's command")
    parser.add_argument("--entry", default="peak_caller/tf", help="entry or folder")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    data = arguments.data / FOLDER
    found: dict[tuple[str, tuple[str, str | None]], dict[int | None, dict]] = {}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for number, (kind, pair) in enumerate(itertools.product(LIBRARIES, PAIRS)):
            own = call(arguments.entry, data, kind, pair, folder / f"{number}.narrowPeak", [])
            macs3 = call_macs3(arguments.macs3, data, kind, pair, folder / str(number))
            on, other = title(kind, pair), {MACS3: len(read_peaks(macs3))}
            rows = {None: {"name": "peaks called", "value": len(read_peaks(own)), "on": on, "compared_with": other}}
            print(rows[None], flush=True)
            if pair in RANKED:
                lenient = call(arguments.entry, data, kind, pair, folder / f"{number}-all.narrowPeak", LENIENT)
                files = {"": own, f", {' '.join(LENIENT)}": lenient}
                rows |= motif_rows(files, macs3, on, data / MOTIFS, folder)
            found[kind, pair] = rows
    results = [row for rows in found.values() for row in rows.values()]
    content = {"results": results, "metrics": [found[kind, pair][number] for kind, pair, number in ON_CARD]}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
