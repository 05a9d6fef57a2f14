"""The command line: parses, calls, prints. Everything it does can be done from Python."""

import contextlib
import importlib.metadata
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from typer.core import TyperGroup

from epizoo.errors import EpizooError, InputError

if TYPE_CHECKING:
    import pandas as pd

    from epizoo.calling.plot import Panel

SIGNAL_KINDS = "counts, coverage, cpm, fold_change or log10_p"
ENTRY_HELP = "An entry's name, as `epizoo list` shows it, or the folder of an entry."
TRACK_HELP = "Begin the file with a track line of this name, for upload to UCSC. Other tools want files without one."

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class _Commands(TyperGroup):
    """Commands whose errors are one sentence and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (EpizooError, OSError) as error:
            err.print(f"epizoo: {_sentence(error)}", markup=False)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=_Commands,
    name="epizoo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Entry = Annotated[str, typer.Argument(metavar="ENTRY", help=ENTRY_HELP, show_default=False)]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.", show_default=False)]
TrackLine = Annotated[str | None, typer.Option("--track-line", metavar="NAME", help=TRACK_HELP)]


def _option(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, help=text, show_default=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"epizoo {importlib.metadata.version('epizoo')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Call peaks and annotate chromatin states with trained models."""


@app.command("list")
def list_entries() -> None:
    """List the trained models of the zoo."""
    from epizoo.model_zoo import list_entries as names
    from epizoo.model_zoo import load

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ENTRY", "VERSION", "WHAT IT IS"):
        table.add_column(column, no_wrap=column != "WHAT IT IS")
    for name in names():
        entry = load(name)
        table.add_row(name, entry.version, " ".join(entry.kipoi["info"]["doc"].split()).split(". ")[0])
    if not table.row_count:
        raise InputError("the zoo holds no entry; was epizoo installed with its model_zoo folder?")
    out.print(table)


@app.command()
def show(entry: Entry) -> None:
    """Show everything about a model: what it is, what it saw, how good it is, its limits and licence."""
    from rich.markdown import Markdown

    from epizoo.model_zoo import load
    from epizoo.model_zoo.card import render_card

    loaded = load(entry)
    _, _, card = render_card(loaded).split("---\n", 2)
    if out.is_terminal:
        out.print(Markdown(card))
    else:
        out.print(card.strip(), markup=False)
    out.print(f"\nFolder {loaded.folder}\nWeights sha256 {loaded.sha256}", markup=False)


@app.command()
def call_peaks(
    entry: Entry,
    bigwig: Annotated[Path, _option("FILE", "Signal of the experiment, a bigWig.")],
    output: Output,
    control: Annotated[
        Path | None, _option("FILE", "Signal of the control (input), for a model that takes one.")
    ] = None,
    regions: Annotated[
        Path | None, _option("FILE", "Call in these intervals (BED) alone, not in the whole genome.")
    ] = None,
    blacklist: Annotated[Path | None, _option("FILE", "Leave out peaks that overlap these intervals (BED).")] = None,
    signal_kind: Annotated[
        str | None, _option("KIND", f"What the bigWig holds: {SIGNAL_KINDS}. Detected where it can be.")
    ] = None,
    control_signal_kind: Annotated[str | None, _option("KIND", "The same for the control, where it differs.")] = None,
    known_regions: Annotated[
        Path | None, _option("FILE", "For a bigWig of a part of the genome: where no value means no signal (BED).")
    ] = None,
    probabilities: Annotated[
        Path | None, _option("FILE", "Also write the probability of a peak, as this bigWig.")
    ] = None,
    enter_probability: Annotated[float | None, _option("NUMBER", "A peak must reach this probability.")] = None,
    extend_probability: Annotated[float | None, _option("NUMBER", "A peak extends as far as this probability.")] = None,
    min_width_bp: Annotated[int | None, _option("BP", "Leave out narrower peaks.")] = None,
    merge_gap_bp: Annotated[int | None, _option("BP", "Join peaks with at most this between them.")] = None,
    backend: Annotated[
        str | None, _option("NAME", "What computes: jax, onnx or torch. By default the fastest that is installed.")
    ] = None,
    track_line: TrackLine = None,
) -> None:
    """Call peaks in a bigWig and write them as narrowPeak.

    Thresholds that are not given are the model's own. The file's seventh column is the fold over the local background,
    the fifth 1000 times the highest probability, and the tenth the summit's distance from the start; p and q values
    are -1, because the model defines none.
    """
    from epizoo.calling.formats import track_line as make_track_line
    from epizoo.calling.peaks import PeakCallingConfig
    from epizoo.conversion import with_backend

    loaded = with_backend(_load("peak_caller", entry), backend)
    given = {
        "enter_probability": enter_probability,
        "extend_probability": extend_probability,
        "min_width_bp": min_width_bp,
        "merge_gap_bp": merge_gap_bp,
    }
    rule = loaded.config.get("calling", {}) | {key: value for key, value in given.items() if value is not None}
    with _progress("Calling peaks") as progress:
        peaks = loaded.call_peaks(
            bigwig,
            control,
            regions=regions,
            output=output,
            probabilities_bigwig=probabilities,
            blacklist=blacklist,
            signal_kind=signal_kind,
            control_signal_kind=control_signal_kind,
            known_regions=known_regions,
            config=PeakCallingConfig.from_dict(rule),
            track=make_track_line("narrowPeak", track_line) if track_line else None,
            progress=progress,
        )
    covered = int((peaks["end"] - peaks["start"]).sum())
    _say(f"Wrote {output}: {len(peaks):,} peaks over {covered:,} bp, by {loaded.name} {loaded.version}.")
    if probabilities is not None:
        _say(f"Wrote {probabilities}: probability of a peak in bins of {loaded.window.bin_bp} bp.")


@app.command()
def annotate(
    entry: Entry,
    output: Output,
    more_marks: Annotated[list[str] | None, typer.Argument(metavar="[MARK=FILE …]", hidden=True)] = None,
    marks: Annotated[
        list[str] | None,
        _option(
            "MARK=FILE",
            "A file for each mark, as MARK=FILE MARK=FILE …: bigWigs (state --signal-kind), or BED or tagAlign files "
            "of reads (give --chrom-sizes).",
        ),
    ] = None,
    binarized: Annotated[Path | None, _option("FOLDER", "Or a folder of marks binarised by ChromHMM.")] = None,
    regions: Annotated[
        Path | None, _option("FILE", "Report on these intervals (BED) alone, not on the whole genome.")
    ] = None,
    cell: Annotated[str | None, _option("CELL", "Which cell type, where that folder holds several.")] = None,
    signal_kind: Annotated[str | None, _option("KIND", f"What the marks' bigWigs hold: {SIGNAL_KINDS}.")] = None,
    read_length_bp: Annotated[
        int | None, _option("BP", "Length of the reads or fragments that make up coverage.")
    ] = None,
    threshold: Annotated[
        float | None,
        _option(
            "NUMBER", "A mark is present where its bigWig's mean reaches this, instead of ChromHMM's Poisson rule."
        ),
    ] = None,
    chrom_sizes: Annotated[
        Path | None, _option("FILE", "Lengths of the chromosomes, for marks given as reads.")
    ] = None,
    controls: Annotated[
        list[str] | None, _option("MARK=FILE", "Control reads of a mark, as MARK=FILE; repeat for each mark.")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Go on without the marks that are not given.")
    ] = False,
    viterbi: Annotated[
        bool, typer.Option("--viterbi", help="Most probable path instead of each bin's most probable state.")
    ] = False,
    posteriors: Annotated[
        Path | None, _option("FOLDER", "Also write each state's posterior probability, as bigWigs in this folder.")
    ] = None,
    track_line: TrackLine = None,
) -> None:
    """Annotate a genome with chromatin states and write them as BED with names and colours."""
    from epizoo.calling.formats import track_line as make_track_line
    from epizoo.model_zoo.state_annotation import MarkFiles

    loaded = _load("chromatin_states", entry)
    paths = _named_files([*(marks or []), *(more_marks or [])], "--marks")
    if not paths:
        of_marks = {
            "--controls": controls,
            "--chrom-sizes": chrom_sizes,
            "--signal-kind": signal_kind,
            "--read-length-bp": read_length_bp,
            "--threshold": threshold,
        }
        for option, value in of_marks.items():
            if value is not None:
                raise InputError(f"{option}: given, but it belongs to --marks, which is not given; leave it out")
    files = MarkFiles(
        paths, _named_files(controls or [], "--controls") or None, chrom_sizes, signal_kind, read_length_bp, threshold
    )
    with _progress("Annotating") as progress:
        annotation = loaded.annotate(
            binarized,
            marks=files if paths else None,
            regions=regions,
            cell=cell,
            allow_missing=allow_missing,
            viterbi=viterbi,
            output=output,
            posteriors_folder=posteriors,
            track=make_track_line("bed9", track_line) if track_line else None,
            progress=progress,
        )
    per_bin = annotation.log_likelihood / max(annotation.n_bins, 1)
    _say(
        f"Wrote {output}: {len(annotation.segments):,} segments over {annotation.n_bins:,} bins, by {loaded.name} "
        f"{loaded.version}; log-likelihood {per_bin:.4f} per bin."
    )
    if posteriors is not None:
        _say(f"Wrote {posteriors}/state_*.bw: the posterior probability of each state.")
    out.print(_shares(annotation.segments))


@app.command()
def plot(
    region: Annotated[str, _option("REGION", "Where, as in a genome browser: chr1:1,000,000-1,050,000.")],
    output: Output,
    bigwig: Annotated[
        list[str] | None, _option("[NAME=]FILE", "Signal, as FILE or NAME=FILE; may be given more than once.")
    ] = None,
    control: Annotated[Path | None, _option("FILE", "Signal of the control.")] = None,
    probabilities: Annotated[Path | None, _option("FILE", "Probability of a peak, a bigWig.")] = None,
    threshold: Annotated[
        float, typer.Option(metavar="NUMBER", help="Where to draw the dashed line on the probability.")
    ] = 0.5,
    peaks: Annotated[
        list[str] | None, _option("[NAME=]FILE", "Peaks, as FILE or NAME=FILE; may be given more than once.")
    ] = None,
    marks: Annotated[
        list[str] | None, _option("MARK=FILE", "A mark's bigWig, as MARK=FILE; repeat for each mark.")
    ] = None,
    binarized: Annotated[Path | None, _option("FOLDER", "A folder of marks binarised by ChromHMM.")] = None,
    cell: Annotated[str | None, _option("CELL", "Which cell type, where that folder holds several.")] = None,
    states: Annotated[
        list[str] | None, _option("[NAME=]FILE", "States, as FILE or NAME=FILE; may be given more than once.")
    ] = None,
    title: Annotated[str | None, _option("TEXT", "A title; the region where none is given.")] = None,
) -> None:
    """Draw a region: signal, probability, peaks, marks and states, as PNG, SVG or PDF."""
    from epizoo.calling import panels as make
    from epizoo.calling.plot import draw
    from epizoo.files import check_outputs

    where = make.parse_region(region)
    labelled = [path for texts in (bigwig, peaks, states) for _, path in _labelled(texts, "")]
    others = [path for path in (control, probabilities, binarized) if path is not None]
    check_outputs([output], [*labelled, *others, *_named_files(marks or [], "--marks").values()])
    panels: list[Panel] = [make.signal_panel(path, where, label) for label, path in _labelled(bigwig, "signal")]
    if control is not None:
        panels.append(make.control_panel(control, where, "control"))
    if probabilities is not None:
        panels.append(make.probability_panel(probabilities, where, "P(peak)", threshold))
    panels += [make.peaks_panel(path, where, label) for label, path in _labelled(peaks, "peaks")]
    panels += [make.mark_signal_panel(path, where, mark) for mark, path in _named_files(marks or [], "--marks").items()]
    if binarized is not None:
        panels += make.binarized_panels(binarized, where, cell)
    panels += [make.states_panel(path, where, label) for label, path in _labelled(states, "states")]
    draw(output, where, panels, title)
    _say(f"Wrote {output}.")


@app.command()
def export(
    entry: Entry,
    output: Output,
    to: Annotated[str, _option("FORMAT", "onnx, torch, pt2 (a program for torch alone) or safetensors.")],
    opset: Annotated[int | None, _option("NUMBER", "Of ONNX's operators.")] = None,
    raw_coverage: Annotated[
        bool, typer.Option("--raw-coverage", help="ONNX of a peak caller: normalise in the graph, by a second input.")
    ] = False,
    layers: Annotated[bool, typer.Option("--layers", help="ONNX and pt2: hidden layers as outputs too.")] = False,
    crop: Annotated[bool, typer.Option("--crop/--no-crop", help="ONNX and pt2: leave out the flanks.")] = True,
) -> None:
    """Write a model for ONNX Runtime or torch, after proof that it is still the same model.

    The proof, how far every output is from JAX's, is printed and stored beside the file.
    """
    from epizoo.conversion import export as export_entry

    with err.status("Exporting, and comparing with JAX"):
        report = export_entry(entry, to, output, opset=opset, raw_coverage=raw_coverage, layers=layers, crop=crop)
    out.print(str(report), markup=False)
    _say(f"Wrote {output} and {output}.parity.json.")


@app.command()
def kipoi_source() -> None:
    """Let Kipoi find the zoo: register it as the source `epizoo` in Kipoi's own config file.

    Then `kipoi predict peak_caller/h3k4me3 --source=epizoo` works in any folder.
    """
    from epizoo.plugins.kipoi_source import SOURCE_NAME, register_source

    path = register_source()
    _say(f"Wrote {path}: Kipoi now knows the source {SOURCE_NAME}.")


def main() -> None:
    """Run the command line."""
    # Turned into an exception, so that temporary files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    app()


def _sentence(error: EpizooError | OSError) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _load(family: str, name: str) -> Any:
    from epizoo.model_zoo import list_entries as names
    from epizoo.model_zoo import load

    loaded = load(name)
    if loaded.family != family:
        others = ", ".join(entry for entry in names() if entry.startswith(f"{family}/"))
        job = {"peak_caller": "does not call peaks", "chromatin_states": "does not annotate states"}[family]
        raise InputError(f"{loaded.name}: this entry {job}; use {others or 'an entry that does'}")
    return loaded


@contextlib.contextmanager
def _progress(text: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal."""
    columns = (TextColumn(text), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _named_files(texts: list[str], option: str) -> dict[str, Path]:
    """`NAME=FILE` texts as a dict.

    Raises:
        InputError: a text is not of this form, or a name stands there twice.
    """
    files: dict[str, Path] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not (name and separator and path):
            raise InputError(f"{option}: {text!r} is not of the form MARK=FILE, such as H3K4me3=h3k4me3.bw")
        if name in files:
            raise InputError(f"{option}: {name} is given twice, {files[name]} and {path}; give one file for each mark")
        files[name] = Path(path)
    return files


def _labelled(texts: list[str] | None, default: str) -> list[tuple[str, str]]:
    """`FILE` or `NAME=FILE` texts as pairs of label and file; several files without names are called by their own."""
    from epizoo.calling.panels import label_of

    pairs = []
    for text in texts or []:
        name, separator, path = text.partition("=")
        if separator and not Path(text).exists():
            pairs.append((name, path))
        else:
            pairs.append((default if len(texts or []) == 1 else label_of(text), text))
    return pairs


def _shares(segments: "pd.DataFrame") -> Table:
    """The share of the genome in each state."""
    lengths = (segments["end"] - segments["start"]).groupby(segments["name"], observed=False).sum()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("STATE")
    table.add_column("GENOME", justify="right")
    for name, length in lengths.items():
        table.add_row(str(name), f"{length / max(lengths.sum(), 1):.2%}")
    return table


def _say(text: str) -> None:
    out.print(text, markup=False)
