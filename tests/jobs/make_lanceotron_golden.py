"""Write data/lanceotron_*.tsv: LanceOtron's own peaks and scores of a made experiment, made by lanceotron 1.2.7 itself.

It brings TensorFlow, so it has an environment of its own: ``pip install lanceotron==1.2.7 tensorflow-cpu==2.15.1
"setuptools<70"``, then run this file with it.
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd
from lanceotron.modules import find_and_score_peaks, score_bed

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from lanceotron_experiment import DEPTH, SHALLOW_DEPTH, write_experiment, write_regions  # noqa: E402


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        regions = write_regions(folder / "regions.bed")
        for name, depth in (("called", DEPTH), ("called_shallow", SHALLOW_DEPTH), ("scored", DEPTH)):
            signal = write_experiment(folder / "made.bw", depth)
            if name == "scored":
                score_bed(str(signal), str(regions), folder=scratch)
            else:
                find_and_score_peaks(str(signal), folder=scratch)
            table = pd.read_csv(folder / "made_L-tron.bed", sep="\t").drop(columns="region_id")
            table.to_csv(HERE / "data" / f"lanceotron_{name}.tsv", sep="\t", index=False)


if __name__ == "__main__":
    main()
