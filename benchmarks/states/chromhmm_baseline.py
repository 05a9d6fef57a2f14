"""Learn states with ChromHMM itself on the chromosomes that the entries learn from, for comparison.

    python -m benchmarks.states.chromhmm_baseline --data DIR --cell GM12878 --states 10 -o runs/chromhmm-10

It writes the marks as ChromHMM's binarised text and runs ``java -jar JAR LearnModel -p 2`` (batch EM) on them. The
recipe then measures its model beside ours: ``python -m epizoo.recipes.encode_states … --compare
ChromHMM=runs/chromhmm-10/model_10.txt``.
"""

import argparse
import subprocess
import time
from pathlib import Path

from epizoo.genome.marks import BinarizedChromosome, decode, write_binarized
from epizoo.recipes.state_data import HELD_OUT, read_codes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cell", default="GM12878")
    parser.add_argument("--states", type=int, default=10)
    parser.add_argument("--jar", default="/usr/share/java/chromhmm.jar")
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    marks, chromosomes = read_codes(arguments.data, arguments.cell)
    folder = arguments.output / "binarized"
    folder.mkdir(parents=True, exist_ok=True)
    for chrom, codes in chromosomes.items():
        if chrom not in HELD_OUT:
            chromosome = BinarizedChromosome(arguments.cell, chrom, marks, decode(codes, len(marks)))
            write_binarized(folder / f"{arguments.cell}_{chrom}_binary.txt", chromosome)
    options = [
        "-p",
        "2",
        "-r",
        str(arguments.iterations),
        "-noautoopen",
        "-nobed",
        "-nobrowser",
        "-noenrich",
        "-noimage",
    ]
    began = time.perf_counter()
    command = ["java", "-mx8000M", "-jar", arguments.jar, "LearnModel", *options]
    subprocess.run([*command, folder, arguments.output, str(arguments.states), "hg19"], check=True)
    print(f"ChromHMM took {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
