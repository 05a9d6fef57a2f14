"""`epizoo annotate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from epizoo.cli.app import (
    SIGNAL_KINDS,
    Entry,
    Output,
    TrackLine,
    app,
    named_files,
    option,
    out,
    progress_bar,
    say,
)

if TYPE_CHECKING:
    import pandas as pd


@app.command()
def annotate(
    entry: Entry,
    output: Output,
    more_marks: Annotated[list[str] | None, typer.Argument(metavar="[MARK=FILE …]", hidden=True)] = None,
    marks: Annotated[
        list[str] | None,
        option(
            "MARK=FILE",
            "A file for each mark, as MARK=FILE MARK=FILE …: bigWigs (state --signal-kind), or BED or tagAlign files "
            "of reads (give --chrom-sizes).",
        ),
    ] = None,
    binarized: Annotated[
        Path | None, option("FOLDER", "Folder of marks binarised by ChromHMM, instead of --marks.")
    ] = None,
    regions: Annotated[
        Path | None, option("FILE", "Report on these intervals (BED) alone, not on the whole genome.")
    ] = None,
    cell: Annotated[str | None, option("CELL", "Which cell type, where that folder holds several.")] = None,
    signal_kind: Annotated[str | None, option("KIND", f"Kind of signal in the marks' bigWigs: {SIGNAL_KINDS}.")] = None,
    read_length_bp: Annotated[
        int | None, option("BP", "Length of the reads or fragments that make up coverage.")
    ] = None,
    threshold: Annotated[
        float | None,
        option("NUMBER", "A mark is present where its bigWig's mean reaches this, instead of ChromHMM's Poisson rule."),
    ] = None,
    chrom_sizes: Annotated[
        str | None, option("FILE", "Lengths of the chromosomes, or an assembly such as hg38, for marks given as reads.")
    ] = None,
    controls: Annotated[
        list[str] | None, option("MARK=FILE", "Control reads of a mark, as MARK=FILE; repeat for each mark.")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Go on without the marks that are not given.")
    ] = False,
    viterbi: Annotated[
        bool, typer.Option("--viterbi", help="Most probable path instead of each bin's most probable state.")
    ] = False,
    posteriors: Annotated[
        Path | None, option("FOLDER", "Also write each state's posterior probability, as bigWigs in this folder.")
    ] = None,
    hdf5: Annotated[Path | None, option("FILE", "Also write states and posteriors of every bin, as HDF5.")] = None,
    chromhmm: Annotated[
        Path | None,
        option("FOLDER", "Also write ChromHMM's own files here: CELL_N_segments.bed, _dense.bed and _expanded.bed."),
    ] = None,
    state_by_line: Annotated[
        bool, typer.Option("--state-by-line", help="With --chromhmm: STATEBYLINE/ too, a state for each bin.")
    ] = False,
    text_posteriors: Annotated[
        bool, typer.Option("--text-posteriors", help="With --chromhmm: POSTERIOR/ too, the posteriors as text.")
    ] = False,
    backend: Annotated[
        str | None,
        option(
            "NAME",
            "Compute window by window in jax, onnx or torch; by default whole chromosomes are decoded by compiled "
            "kernels, which is many times faster and gives the same states.",
        ),
    ] = None,
    track_line: TrackLine = None,
) -> None:
    """Annotate a genome with chromatin states and write them as BED with names and colours."""
    from epizoo.zoo import load_annotator

    loaded = load_annotator(entry)
    paths = named_files([*(marks or []), *(more_marks or [])], "--marks")
    with progress_bar("Annotating") as progress:
        annotation = loaded.annotate(
            binarized,
            marks=paths or None,
            controls=named_files(controls or [], "--controls") or None,
            chrom_sizes=chrom_sizes,
            signal_kind=signal_kind,
            read_length_bp=read_length_bp,
            threshold=threshold,
            regions=regions,
            cell=cell,
            allow_missing=allow_missing,
            viterbi=viterbi,
            backend=backend,
            output=output,
            posteriors=posteriors,
            hdf5=hdf5,
            chromhmm=chromhmm,
            state_by_line=state_by_line,
            text_posteriors=text_posteriors,
            track_line=track_line,
            progress=progress,
        )
    per_bin = annotation.log_likelihood / max(annotation.n_bins, 1)
    say(
        f"Wrote {output}: {len(annotation.segments):,} segments over {annotation.n_bins:,} bins, by {loaded.name} "
        f"{loaded.version}; log-likelihood {per_bin:.4f} per bin."
    )
    for path, what in (
        (posteriors, "the posterior probability of each state, state_*.bw"),
        (hdf5, "states and posteriors of every bin"),
        (chromhmm, "ChromHMM's own files"),
    ):
        if path is not None:
            say(f"Wrote {path}: {what}.")
    _say_missing(annotation.missing_marks)
    out.print(_shares(annotation.segments, "REGIONS" if regions is not None else "GENOME"))


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
