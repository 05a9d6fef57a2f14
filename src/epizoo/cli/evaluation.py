"""`epizoo evaluate`."""

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from epizoo.cli.app import SIGNAL_KINDS, app, named_files, option, out, progress_bar, say
from epizoo.errors import InputError

if TYPE_CHECKING:
    from epizoo.metrics.caller_evaluation import Caller, Truth
    from epizoo.zoo.entry import PeakCallerEntry

TRUTH_COLUMNS = (
    "peaks",
    "bp: precision, recall, F1",
    "peaks: precision, recall, F1",
    "AP of bins",
    "AP of ranked peaks",
)
SAMPLES = "Columns of the labels may stand in braces: {sample}."


@app.command()
def evaluate(
    peaks: Annotated[
        list[str] | None, option("NAME=FILE", f"Peaks of a caller (narrowPeak, BED); repeat for others. {SAMPLES}")
    ] = None,
    probabilities: Annotated[
        list[str] | None, option("NAME=FILE", "Its probabilities (bigWig), for calibration and the curve of bins.")
    ] = None,
    entry: Annotated[list[str] | None, option("ENTRY", "Call peaks by this entry too, in --bigwig.")] = None,
    bigwig: Annotated[str | None, option("FILE", f"Signal for the entries. {SAMPLES}")] = None,
    control: Annotated[str | None, option("FILE", "Signal of the control, for entries that take one.")] = None,
    known_regions: Annotated[
        str | None, option("FILE", "For bigWigs of a part of the genome: where no value means no signal (BED).")
    ] = None,
    signal_kind: Annotated[str | None, option("KIND", f"What the bigWigs hold: {SIGNAL_KINDS}.")] = None,
    labels: Annotated[
        Path | None,
        option("FILE", "Labelled regions: chrom, start, end and noPeaks, peaks, peakStart or peakEnd."),
    ] = None,
    truth: Annotated[Path | None, option("FILE", "True peaks (BED).")] = None,
    regions: Annotated[Path | None, option("FILE", "Where those are all there is (BED); else everywhere.")] = None,
    sites: Annotated[Path | None, option("FILE", "Sites near which summits should lie, such as motifs (BED).")] = None,
    distance_bp: Annotated[int, typer.Option(metavar="BP", help="How near.")] = 100,
    top: Annotated[int | None, option("NUMBER", "Hold only this many of each caller's surest peaks to these.")] = None,
    metrics: Annotated[Path | None, option("FILE", "Write all figures as JSON.")] = None,
    about: Annotated[str | None, option("TEXT", "What the peaks are held to, in words, kept in --metrics.")] = None,
    picture: Annotated[
        Path | None, option("FILE", "Draw curves, calibration and example loci: .png, .svg or .pdf.")
    ] = None,
) -> None:
    """Hold peaks to human labels, true intervals or motif sites, several callers side by side.

    Labels are judged by PeakError's rules, with 95% bootstrap intervals over loci and a paired comparison of the first
    caller with each other one. Peaks and true intervals agree by bp, and by overlap.
    """
    from epizoo.figures.regions import require_picture
    from epizoo.files import check_outputs
    from epizoo.genome.intervals import read_bed
    from epizoo.jobs.evaluate import provenance
    from epizoo.metrics.caller_evaluation import Truth, caller_of_files, files_of_samples, read_labels, write_figures
    from epizoo.metrics.caller_evaluation import evaluate as evaluate_callers

    given = [path for path in (labels, truth, regions, sites) if path is not None]
    files = {
        option: named_files(texts or [], option)
        for option, texts in (("--peaks", peaks), ("--probabilities", probabilities))
    }
    rows = None if labels is None else read_labels(labels)
    patterns = [*(path for named in files.values() for path in named.values()), bigwig, control, known_regions]
    inputs = [file for pattern in patterns if pattern is not None for file in files_of_samples(pattern, rows)]
    entries = [name for name in entry or [] if Path(name).is_dir()]
    check_outputs([path for path in (metrics, picture) if path is not None], [*given, *inputs, *entries])
    if picture is not None:
        require_picture(picture)
    if regions is not None and truth is None:
        raise InputError("--regions: given without --truth; they say where the true peaks are all there is")
    if about is not None and metrics is None:
        raise InputError("--about: given without --metrics, which keeps it; name a file there, or leave it out")
    lost = sorted(set(files["--probabilities"]) - set(files["--peaks"]))
    if lost:
        raise InputError(f"--probabilities: {lost[0]} has no --peaks; give both under one name")
    held_to = Truth(
        labels=rows,
        intervals=None if truth is None else read_bed(truth),
        regions=None if regions is None else read_bed(regions),
        sites=None if sites is None else read_bed(sites),
        distance_bp=distance_bp,
        n_peaks=top,
    )
    with tempfile.TemporaryDirectory() as folder, progress_bar("Calling peaks") as progress:
        options: dict[str, Any] = {"control": control, "known_regions": known_regions, "signal_kind": signal_kind}
        loaded = _entries(entry, bigwig)
        callers = _callers(loaded, str(bigwig), Path(folder), held_to, options | {"progress": progress})
        callers += [
            caller_of_files(name, path, files["--probabilities"].get(name)) for name, path in files["--peaks"].items()
        ]
        found = evaluate_callers(callers, held_to)
        # Wide enough for the intervals, also where the output is no terminal.
        wide = Console(width=max(out.width, 120), highlight=False)
        for table in tables(found.figures):
            wide.print(table)
        for note in notes(found.figures):
            wide.print(note)
        if metrics is not None:
            write_figures(metrics, found, provenance(loaded, [*given, *inputs], about))
            say(f"Wrote {metrics}.")
        if picture is not None:
            from epizoo.figures.evaluation import draw_evaluation

            draw_evaluation(picture, found, callers, held_to, bigwig)
            say(f"Wrote {picture}.")


def _entries(names: list[str] | None, bigwig: str | None) -> "list[PeakCallerEntry]":
    from epizoo.zoo import load_peak_caller

    if names and bigwig is None:
        raise InputError("--entry: given without --bigwig; name the signal that it should call peaks in")
    return [load_peak_caller(name) for name in names or []]


def _callers(
    entries: "list[PeakCallerEntry]", bigwig: str, folder: Path, truth: "Truth", options: dict[str, Any]
) -> "list[Caller]":
    from epizoo.jobs.evaluate import caller_of_entry

    callers = []
    for number, entry in enumerate(entries):
        own = folder / str(number)
        own.mkdir()
        callers.append(caller_of_entry(entry, bigwig, own, truth, **options))
    return callers


def tables(figures: dict[str, Any]) -> list[Table]:
    """A table for each kind of truth, a row for each caller."""
    callers = figures["callers"]
    found = []
    for title, key, columns in (
        ("Labels", "labels", ("wrong", "false +", "false -", "wrong labels (95%)", "mean over regions (95%)")),
        (
            "True intervals",
            "truth",
            TRUTH_COLUMNS,
        ),
        ("Sites", "sites", ("peaks", "summits near a site (95%)", "sites near a summit (95%)")),
        ("Calibration", "calibration", ("expected calibration error", "Brier score")),
    ):
        rows = {name: _cells(key, of[key]) for name, of in callers.items() if key in of}
        if rows:
            table = Table(title=title, box=None, title_justify="left")
            for column in ("caller", *columns):
                table.add_column(column, justify="left" if column == "caller" else "right")
            for name, cells in rows.items():
                table.add_row(name, *cells)
            found.append(table)
    if figures.get("comparisons"):
        table = Table(title="Mean over regions, paired over loci", box=None, title_justify="left")
        for column in ("first", "second", "difference (95%)", "first is better in"):
            table.add_column(column)
        for pair in figures["comparisons"]:
            share = f"{_percent(pair['share_of_draws_first_is_better'])} of draws"
            table.add_row(pair["first"], pair["second"], _interval(pair["mean_over_regions_difference"]), share)
        found.append(table)
    return found


def notes(figures: dict[str, Any]) -> list[str]:
    """Why figures have no interval, where they have none, and which callers' peaks lie elsewhere."""
    from epizoo.metrics.label_errors import FEWEST_LOCI

    found = []
    for key, of, what in (("labels", "wrong_labels", "loci"), ("sites", "share_of_summits_interval", "blocks of 2 Mb")):
        bounds = [caller[key][of]["low"] for caller in figures["callers"].values() if key in caller]
        if any(math.isnan(low) for low in bounds):
            found.append(f"No interval, –: fewer than {FEWEST_LOCI} {what} are too few to draw from.")
    for name, of in figures["callers"].items():
        if "labels" in of and not of["labels"]["peaks_on_labelled_chromosomes"]:
            found.append(f"{name}: no peak on a chromosome that has labels; are they of the same data?")
    return found


def _cells(key: str, of: dict[str, Any]) -> list[str]:
    if key == "labels":
        counts = [f"{of['wrong']}/{of['labels']}", str(of["false_positives"]), str(of["false_negatives"])]
        return [*counts, _interval(of["wrong_labels"]), _interval(of["mean_over_regions"])]
    if key == "truth":
        shares = [", ".join(map(_three_digits, of[key].values())) for key in ("by_bp", "by_peak")]
        areas = [of.get(f"average_precision_of_{what}") for what in ("bins", "ranked_peaks")]
        return [f"{of['peaks']:,}", *shares, *("" if area is None else f"{area:.3f}" for area in areas)]
    if key == "sites":
        shares = [_interval(of[f"share_of_{what}_interval"]) for what in ("summits", "sites")]
        return [f"{of['peaks']:,}", *shares]
    return [f"{of['expected_calibration_error']:.4f}", f"{of['brier']:.4f}"]


def _interval(of: dict[str, float]) -> str:
    if math.isnan(of["value"]):
        return "–"
    bounds = "–" if math.isnan(of["low"]) else f"{of['low']:.1%} to {of['high']:.1%}"
    return f"{_percent(of['value'])} ({bounds})"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.1%}"


def _three_digits(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.3f}"
