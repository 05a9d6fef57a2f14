"""`epizoo evaluate`."""

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from epizoo.cli.app import app, out, progress_bar, say
from epizoo.cli.file_roles import OUTPUT, PICTURE
from epizoo.cli.option_groups import options_of

TRUTH_COLUMNS = (
    "peaks",
    "bp: precision, recall, F1",
    "peaks: precision, recall, F1",
    "AP of bins",
    "AP of ranked peaks",
)


@app.command()
@options_of(
    "epizoo.jobs.evaluate.evaluate",
    {
        "Callers to compare": "peaks probabilities entry bigwig control",
        "Meaning of the signal": "signal_kind control_signal_kind known_regions",
        "What peaks are evaluated on": "labels truth regions sites distance_bp top",
        "Output": "metrics about picture",
        "Computation": "backend",
    },
    files={"metrics": OUTPUT, "picture": PICTURE},
)
def evaluate(**given: Any) -> None:
    """Evaluate peaks on human labels, true peaks or motif sites, several callers side by side.

    Labels are judged by PeakError's rules, with 95% bootstrap intervals over loci and a paired comparison of the first
    caller with each other one. Peaks and true peaks are compared by bp, and by overlap.
    """
    from epizoo.jobs.evaluate import evaluate as run

    with progress_bar("Calling peaks") as progress:
        found = run(**given, progress=progress)
    # Wide enough for the intervals, also where the output is no terminal.
    wide = Console(width=max(out.width, 120), highlight=False)
    for table in tables(found.figures):
        wide.print(table)
    for note in notes(found.figures):
        wide.print(note)
    for path in (given.get("metrics"), given.get("picture")):
        if path is not None:
            say(f"Wrote {path}.")


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
    """Reasons for figures without an interval, and callers whose peaks lie elsewhere."""
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
