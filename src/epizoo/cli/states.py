"""`epizoo annotate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from epizoo.cli.app import (
    SIGNAL_KINDS,
    Entry,
    Output,
    TrackLine,
    app,
    load_of_family,
    named_files,
    option,
    out,
    progress_bar,
    say,
)
from epizoo.errors import InputError

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
    binarized: Annotated[Path | None, option("FOLDER", "Or a folder of marks binarised by ChromHMM.")] = None,
    regions: Annotated[
        Path | None, option("FILE", "Report on these intervals (BED) alone, not on the whole genome.")
    ] = None,
    cell: Annotated[str | None, option("CELL", "Which cell type, where that folder holds several.")] = None,
    signal_kind: Annotated[str | None, option("KIND", f"What the marks' bigWigs hold: {SIGNAL_KINDS}.")] = None,
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
    from epizoo.calling.bed9 import track_line as make_track_line
    from epizoo.conversion import with_backend
    from epizoo.jobs.annotate import ChromHMMFolder, MarkFiles

    loaded = load_of_family("chromatin_states", entry)
    if backend is not None:
        loaded = with_backend(loaded, backend)
    paths = named_files([*(marks or []), *(more_marks or [])], "--marks")
    of_marks = {
        "--controls": controls,
        "--chrom-sizes": chrom_sizes,
        "--signal-kind": signal_kind,
        "--read-length-bp": read_length_bp,
        "--threshold": threshold,
    }
    _require("--marks", bool(paths), of_marks)
    _require(
        "--chromhmm",
        chromhmm is not None,
        {"--state-by-line": state_by_line or None, "--text-posteriors": text_posteriors or None},
    )
    files = MarkFiles(
        paths, named_files(controls or [], "--controls") or None, chrom_sizes, signal_kind, read_length_bp, threshold
    )
    with progress_bar("Annotating") as progress:
        annotation = loaded.annotate(
            binarized,
            marks=files if paths else None,
            regions=regions,
            cell=cell,
            allow_missing=allow_missing,
            viterbi=viterbi,
            by_windows=backend is not None,
            output=output,
            posteriors_folder=posteriors,
            hdf5=hdf5,
            chromhmm=None if chromhmm is None else ChromHMMFolder(chromhmm, state_by_line, text_posteriors),
            track=make_track_line("bed9", track_line) if track_line else None,
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


def _require(option: str, is_given: bool, dependents: dict[str, Any]) -> None:
    """Refuse options that would be ignored without another one.

    Raises:
        InputError: one of ``dependents`` has a value and the option that it belongs to is not given.
    """
    for name, value in dependents.items():
        if value is not None and not is_given:
            raise InputError(f"{name}: given, but it belongs to {option}, which is not given; leave it out")


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
