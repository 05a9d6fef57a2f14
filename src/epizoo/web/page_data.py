"""The data of the page: entries, constants of the rules, assemblies and examples.

``python -m epizoo.web.page_data FOLDER`` writes them; `make web` does so before it builds the page. What entries and
rules decide is exported here; what remains in TypeScript are tolerances of arithmetic.
"""

import dataclasses
import inspect
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from epizoo.calling import peaks, summits
from epizoo.conversion.onnx.engine import OnnxEngine
from epizoo.files import write_json
from epizoo.genome import assemblies, binarize, binarize_bigwigs, coverage_transform, read_depth, signal_kinds
from epizoo.genome.intervals import read_bed
from epizoo.jobs import call_peaks, genome_peaks
from epizoo.models.hmm import floors
from epizoo.version import __version__
from epizoo.web.annotator_data import write_annotators, write_state_example
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.entry import PeakCallerEntry
from epizoo.zoo.examples import example_arguments
from epizoo.zoo.loading import load, load_peak_caller

SETTINGS_FILE = "settings.json"
FIRST_ENTRY = "peak_caller/universal"
_EXAMPLE_ENTRY = "peak_caller/h3k4me3"
_EXAMPLE = "H3K4me3 ChIP-seq of a T cell, two regions of chr17 (hg19)"


def write_page_data(folder: Path) -> None:
    """Write ``settings.json``, each peak caller's graph, each annotator's probabilities and the examples' bigWigs.

    The folder is made if absent.

    Raises:
        EntryError: a graph or weights do not match their hash.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(_entries_of("peak_caller"), key=lambda name: name != FIRST_ENTRY)
    callers = [load_peak_caller(name) for name in names]
    for caller in callers:
        # Only the probabilities: what other outputs need is not computed.
        OnnxEngine(caller).save((genome_peaks.PROBABILITIES,), folder / _graph_name(caller))
    write_json(
        folder / SETTINGS_FILE,
        {
            "version": __version__,
            "entries": [describe_entry(caller) for caller in callers],
            "annotators": write_annotators(folder, _entries_of("chromatin_states")),
            "constants": constants(),
            "assemblies": known_assemblies(),
            "example": _copy_example(folder),
            "state_example": write_state_example(folder),
        },
    )


def describe_entry(caller: PeakCallerEntry) -> dict[str, Any]:
    """Description and settings of a peak caller, as its ``model.yaml`` states them, defaults included."""
    info = caller.kipoi["info"]
    return {
        "name": caller.name,
        "version": caller.version,
        "about": info["doc"],
        "license": info["license"],
        "graph": _graph_name(caller),
        "input": caller.input_name,
        "output": genome_peaks.PROBABILITIES,
        "n_tracks": len(caller.channels),
        "window": {"flank_bins": caller.window.flank_bins, "bin_bp": caller.window.bin_bp},
        "transform": dataclasses.asdict(caller.config.transform),
        "calling": dataclasses.asdict(caller.config.calling),
    }


def constants() -> dict[str, dict[str, Any]]:
    """Constants of the modules that the page mirrors, by module and name."""
    return {
        "signal_kinds": {
            "kinds": signal_kinds.SIGNAL_KINDS,
            "sampled_blocks": inspect.signature(signal_kinds.sample_values).parameters["n_blocks"].default,
            **_named(signal_kinds, "block_bp most_blocks highest_logarithm telling_count least_telling name_hints"),
        },
        "coverage_transform": _named(
            coverage_transform, "known_stretch_bp block_bp most_even_shares fewest_blocks domain_bp"
        ),
        "read_depth": _named(
            read_depth, "n_blocks max_blocks piece_bp tile_bp least_clean tolerance most_ramps most_signal"
        ),
        "summits": _named(summits, "equal"),
        "peaks": _named(peaks, "longest_odds score_per_decade"),
        "call_peaks": _named(call_peaks, "long_enough_bp telling_share"),
        "genome_peaks": {"chunk_bins": genome_peaks.CHUNK_BINS, "row_bins": genome_peaks.ROW_BINS},
        "assemblies": {"unusual_sequences": assemblies.UNUSUAL_SEQUENCES},
        "binarize": {"p_value": binarize.P_VALUE},
        "binarize_bigwigs": _named(binarize_bigwigs, "tolerance count_parts"),
        "floors": {"floor": floors.FLOOR},
    }


def known_assemblies() -> dict[str, dict[str, int]]:
    """Chromosome lengths in bp of UCSC's assemblies that bioframe knows, by name."""
    import bioframe

    known = bioframe.assemblies_available()
    names = known.loc[known["provider"] == "ucsc", "provider_build"]
    return {name: assemblies.chrom_sizes(name) for name in names}


def _entries_of(family: str) -> list[str]:
    return [name for name in list_entries() if load(name).family == family]


def _named(module: ModuleType, names: str) -> dict[str, Any]:
    return {name: getattr(module, f"_{name.upper()}") for name in names.split()}


def _graph_name(caller: PeakCallerEntry) -> str:
    return f"{caller.name.split('/')[-1]}.onnx"


def _copy_example(folder: Path) -> dict[str, str]:
    entry = load_peak_caller(_EXAMPLE_ENTRY)
    arguments = example_arguments(entry)
    bigwig = entry.folder / arguments["bigwig_file"]
    shutil.copyfile(bigwig, folder / bigwig.name)
    table = read_bed(entry.folder / arguments["intervals_file"])
    # As genome browsers write them: from 1, both ends included.
    columns = (table[name].tolist() for name in ("chrom", "start", "end"))
    loci = [f"{chrom}:{start + 1}-{end}" for chrom, start, end in zip(*columns, strict=True)]
    return {"file": bigwig.name, "about": _EXAMPLE, "regions": " ".join(loci)}


if __name__ == "__main__":
    write_page_data(Path(sys.argv[1]))
