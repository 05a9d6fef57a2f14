"""Write the blacklists of the package from the files that the Boyle lab publishes.

    pip download --no-deps gReLU==1.1.0 && unzip grelu-1.1.0-py3-none-any.whl 'grelu/resources/blacklists/encode/*'
    python -m epizoo.genome.build_blacklists grelu/resources/blacklists/encode

The folder holds ``hg19-blacklist.v2.bed`` and so on, as github.com/Boyle-Lab/Blacklist has them in ``lists``.
"""

import gzip
import sys
from pathlib import Path

from epizoo.files import atomic_path
from epizoo.genome.assemblies import BLACKLISTS
from epizoo.genome.intervals import read_bed


def main(source: Path, target: Path) -> None:
    """Write chrom, start, end and the reason of each list, sorted, so that the same lists give the same bytes."""
    target.mkdir(exist_ok=True)
    for name in BLACKLISTS:
        table = read_bed(source / f"{name}-blacklist.v2.bed").sort_values(["chrom", "start"])
        text = table.to_csv(sep="\t", header=False, index=False, lineterminator="\n")
        with atomic_path(target / f"{name}.bed.gz") as temporary:
            temporary.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent / "blacklists")
