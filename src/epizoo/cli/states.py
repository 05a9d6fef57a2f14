"""`epizoo annotate`."""

from typing import TYPE_CHECKING, Any

from rich.table import Table

from epizoo.cli.app import Entry, Output, app, out, progress_bar, say
from epizoo.cli.option_groups import options_of

if TYPE_CHECKING:
    import pandas as pd


@app.command()
@options_of(
    "epizoo.jobs.annotate.annotate",
    {
        "": "marks binarized regions cell signal_kind read_length_bp threshold chrom_sizes controls allow_missing "
        "viterbi posteriors hdf5 chromhmm state_by_line text_posteriors backend track_line"
    },
    metavars={"posteriors": "FOLDER", "chromhmm": "FOLDER"},
    trailing="marks",
)
def annotate(entry: Entry, output: Output, **given: Any) -> None:
    """Annotate a genome with chromatin states and write them as BED with names and colours."""
    from epizoo.zoo import load_annotator

    loaded = load_annotator(entry)
    with progress_bar("Annotating") as progress:
        annotation = loaded.annotate(output=output, **given, progress=progress)
    per_bin = annotation.log_likelihood / max(annotation.n_bins, 1)
    say(
        f"Wrote {output}: {len(annotation.segments):,} segments over {annotation.n_bins:,} bins, by {loaded.name} "
        f"{loaded.version}; log-likelihood {per_bin:.4f} per bin."
    )
    for name, what in (
        ("posteriors", "the posterior probability of each state, state_*.bw"),
        ("hdf5", "states and posteriors of every bin"),
        ("chromhmm", "ChromHMM's own files"),
    ):
        if name in given:
            say(f"Wrote {given[name]}: {what}.")
    _say_missing(annotation.missing_marks)
    out.print(_shares(annotation.segments, "REGIONS" if "regions" in given else "GENOME"))


def _say_missing(shares: dict[str, float]) -> None:
    """Name the marks that said nothing about the states."""
    wholly = [mark for mark, share in shares.items() if share == 1]
    partly = [f"{mark} in {share:.2%} of the bins" for mark, share in shares.items() if share < 1]
    if wholly:
        say(f"Marks missing everywhere, left out of the likelihood: {', '.join(wholly)}.")
    if partly:
        say(f"Marks missing in places: {', '.join(partly)}.")


def _shares(segments: "pd.DataFrame", of_what: str) -> Table:
    """The share of the genome, or of the regions, in each state."""
    lengths = (segments["end"] - segments["start"]).groupby(segments["name"], observed=False).sum()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("STATE")
    table.add_column(of_what, justify="right")
    for name, length in lengths.items():
        table.add_row(str(name), f"{length / max(lengths.sum(), 1):.2%}")
    return table
