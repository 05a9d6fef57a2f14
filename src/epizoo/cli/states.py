"""`epizoo annotate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from epizoo.cli.app import Entry, app, option, out, progress_bar, say, wrote
from epizoo.cli.file_roles import BIGWIG, FOLDER, HDF5, LISTING, OUTPUT
from epizoo.cli.option_groups import options_of
from epizoo.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from epizoo.jobs.annotate import Annotation

Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="File to write (-: standard output), or a folder for several cell types.",
        show_default=False,
    ),
    OUTPUT,
]
Binarized = Annotated[
    list[Path] | None,
    option("FOLDER", "Folder of marks from ChromHMM or `epizoo binarize`, instead of --marks. May be repeated."),
    FOLDER,
]
ReportFile = Annotated[
    Path | None,
    option("FILE", "Also write a report (HTML) with the states' shares, marks, likelihood and example loci."),
    OUTPUT,
]
Cell = Annotated[
    list[str] | None, option("CELL", "Cell type to annotate (default: all that are there). May be repeated.")
]
Table_ = Annotated[
    Path | None,
    option("FILE", "ChromHMM's cell-mark table of reads or peaks, instead of --marks; its files lie beside it."),
    LISTING,
]


@app.command()
@options_of(
    "epizoo.jobs.annotate.annotate",
    {
        "": "marks binarized table regions cell stack signal_kind read_length_bp threshold chrom_sizes controls peaks "
        "pairs allow_missing viterbi report posteriors hdf5 chromhmm state_by_line text_posteriors "
        "regulatory_activity backend track_line"
    },
    metavars={"posteriors": "FOLDER", "chromhmm": "FOLDER", "pairs": "HANDLING"},
    files={"hdf5": HDF5, "regulatory_activity": BIGWIG},
    trailing="marks",
)
def annotate(
    entry: Entry,
    output: Output,
    binarized: Binarized = None,
    table: Table_ = None,
    cell: Cell = None,
    report: ReportFile = None,
    **given: Any,
) -> None:
    """Annotate genomes with chromatin states and write them as BED with names and colours.

    Of several cell types (--cell, --binarized or --table), each has a file CELL.bed in the folder --output; --hdf5,
    --posteriors and --regulatory-activity are folders then too.
    """
    from epizoo.cli.state_report import check_report, write_report
    from epizoo.jobs.annotate_cells import annotate_cells
    from epizoo.zoo import load_annotator

    loaded = load_annotator(entry)
    if report is not None:
        check_report(report, output, [*(binarized or ()), *([] if table is None else [table])], given)

    def tell(name: str, annotation: "Annotation") -> None:
        per_bin = annotation.log_likelihood / max(annotation.n_bins, 1)
        path = output / f"{name}.bed" if output.is_dir() else output
        segments, bins = counted(len(annotation.segments), "segment"), counted(annotation.n_bins, "bin")
        by = f"{loaded.name} {loaded.version}"
        wrote(path, f"{segments} over {bins}, by {by}; log-likelihood {per_bin:.4f} per bin.")
        _say_missing(annotation.missing_marks)

    with progress_bar("Annotating") as progress:
        annotations = annotate_cells(
            loaded, output, binarized or (), table=table, cells=cell or (), said=tell, progress=progress, **given
        )
    for name, what in (
        ("posteriors", "the posterior probability of each state, state_*.bw"),
        ("hdf5", "states and posteriors of every bin"),
        ("chromhmm", "ChromHMM's own files"),
        ("regulatory_activity", "probability that an open element in a bin regulates a gene"),
    ):
        if name in given:
            say(f"Wrote {given[name]}: {what}.")
    if report is not None:
        write_report(report, output, loaded, annotations, given)
        wrote(report, "a report.")
    out.print(_shares(annotations, "REGIONS" if "regions" in given else "GENOME"))


def _say_missing(shares: dict[str, float]) -> None:
    """Name the marks that said nothing about the states."""
    wholly = [mark for mark, share in shares.items() if share == 1]
    partly = [f"{mark} in {share:.2%} of the bins" for mark, share in shares.items() if share < 1]
    if wholly:
        say(f"Marks missing everywhere, left out of the likelihood: {', '.join(wholly)}.")
    if partly:
        say(f"Marks missing in places: {', '.join(partly)}.")


def _shares(annotations: "dict[str, Annotation]", of_what: str) -> Table:
    """The share of the genome, or of the regions, in each state, a column for each cell type."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("STATE")
    columns = []
    for cell, annotation in annotations.items():
        table.add_column(cell if len(annotations) > 1 else of_what, justify="right")
        columns.append(_lengths(annotation.segments))
    for name in columns[0].index:
        table.add_row(str(name), *(f"{lengths[name] / max(lengths.sum(), 1):.2%}" for lengths in columns))
    return table


def _lengths(segments: "pd.DataFrame") -> "pd.Series":
    return (segments["end"] - segments["start"]).groupby(segments["name"], observed=False).sum()
