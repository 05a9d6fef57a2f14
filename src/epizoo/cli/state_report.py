"""The report of `epizoo annotate --report`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epizoo.cli.reporting import command_line
from epizoo.cli.streams import piped
from epizoo.files import check_outputs
from epizoo.genome.mark_sources import READS_SUFFIXES

if TYPE_CHECKING:
    from epizoo.jobs.annotate import Annotation
    from epizoo.zoo.entry import ChromatinStateEntry

_OF_REGIONS = "States are those of the regions; likelihoods and shares of marks are of their whole chromosomes."


def check_report(report: Path, output: Path, sources: Sequence[Path], given: Mapping[str, Any]) -> None:
    """Check, before any work is done, that a report can be written.

    Raises:
        InputError: it cannot be written, or would overwrite an input or another output.
        MissingDependencyError: jinja2 or igv-notebook is not installed.
    """
    from epizoo.reports.page import require_page

    require_page()
    files = [path for name in ("marks", "controls") for path in given.get(name, {}).values()]
    files += [given[name] for name in ("regions", "chrom_sizes") if name in given]
    others = [output, *(given[name] for name in ("hdf5", "regulatory_activity") if name in given)]
    others = [path for path in others if not Path(path).is_dir()]
    check_outputs([report], [*sources, *files, *others])


def write_report(
    report: Path,
    output: Path,
    entry: "ChromatinStateEntry",
    annotations: Mapping[str, "Annotation"],
    given: Mapping[str, Any],
) -> None:
    """Write the report of a run.

    Args:
        report: file to write.
        output: the states' file, or the folder for those of several cell types.
        entry: the model.
        annotations: the annotation of each cell type.
        given: options of the command. Marks that are bigWigs are shown in the loci.
    """
    from epizoo.jobs.annotate_cells import states_file
    from epizoo.reports.inputs import named
    from epizoo.reports.report import report as write

    is_unnamed = "marks" in given and "cell" in annotations
    names = {cell: next(iter(named(output))) if is_unnamed else cell for cell in annotations}
    files = {cell: output if len(annotations) == 1 else states_file(output, cell) for cell in annotations}
    bigwigs = {
        mark: path for mark, path in given.get("marks", {}).items() if not str(path).lower().endswith(READS_SUFFIXES)
    }
    write(
        report,
        states={names[cell]: path for cell, path in files.items()},
        bigwigs=bigwigs,
        entry=entry,
        annotated={names[cell]: one for cell, one in annotations.items()},
        settings={"": _settings(entry, viterbi=bool(given.get("viterbi")))},
        notes=[_OF_REGIONS] if "regions" in given else [],
        command=command_line(),
        file_names=piped(),
    )


def _settings(entry: "ChromatinStateEntry", *, viterbi: bool) -> list[str]:
    model = entry.config.model
    return [
        f"Model: {entry.name} {entry.version}, {model.n_states} states, bins of {entry.window.bin_bp} bp, weights "
        f"SHA-256 {entry.sha256}.",
        f"Marks: {', '.join(entry.channels)}.",
        f"State of a bin: {'that of the most probable path' if viterbi else 'the one with the highest posterior'}.",
    ]
