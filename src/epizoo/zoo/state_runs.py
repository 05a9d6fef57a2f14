"""Run folders of chromatin-state models, learned or imported: their windows, ``config.yaml`` and example files."""

from pathlib import Path
from typing import Any

from epizoo.files import atomic_path
from epizoo.genome.marks import BinarizedChromosome, write_binarized
from epizoo.models.hmm.annotator import ChromatinStateConfig
from epizoo.states.names import NamedState

WINDOW_BINS, FLANK_BINS, BIN_BP = 2048, 512, 200
# Two windows, the second one reaching past the interval's end, with room for the flanks.
FIRST_BIN = 1000
INTERVAL_BINS = WINDOW_BINS + WINDOW_BINS // 2
EXCERPT_BINS = FIRST_BIN + 2 * WINDOW_BINS + FLANK_BINS


def describe_config(config: ChromatinStateConfig, states: list[NamedState]) -> dict[str, Any]:
    """The content of ``config.yaml``."""
    return {
        "family": "chromatin_states",
        "window": {"window_bins": WINDOW_BINS, "flank_bins": FLANK_BINS},
        "model": {
            "marks": list(config.marks),
            "n_states": config.n_states,
            "bin_bp": config.bin_bp,
            "start": config.start,
        },
        "states": [{"name": s.name, "description": s.description, "color": s.color} for s in states],
    }


def write_excerpt(chromosome: BinarizedChromosome, output: Path, first_bin: int, bin_bp: int) -> None:
    """Write ``marks/CELL_CHROM_binary.txt.gz``, and ``regions.bed`` with an interval of it from some bin on.

    Raises:
        InputError: the folder cannot be written to.
    """
    folder = output / "marks"
    folder.mkdir(parents=True, exist_ok=True)
    write_binarized(folder / f"{chromosome.cell}_{chromosome.chrom}_binary.txt.gz", chromosome)
    end_bin = min(first_bin + INTERVAL_BINS, len(chromosome.values))
    with atomic_path(output / "regions.bed") as path:
        path.write_text(f"{chromosome.chrom}\t{first_bin * bin_bp}\t{end_bin * bin_bp}\n", encoding="utf-8")
