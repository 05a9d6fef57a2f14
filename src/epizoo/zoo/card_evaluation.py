"""Figures of `epizoo evaluate` for an entry's shipped weights, as its card shows them.

Beside ``model.yaml`` may lie ``metrics.json``, which ``epizoo evaluate --entry ENTRY … --metrics metrics.json`` wrote.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from epizoo.errors import EntryError
from epizoo.zoo.entry import Entry

METRICS_FILE = "metrics.json"
Better = Literal["lower", "higher"]
_Figures = Mapping[str, Any]


class EntryEvaluation(NamedTuple):
    """The content of ``metrics.json``.

    Attributes:
        name: of the entry among the callers.
        data: what the callers were evaluated on.
        callers: figures by caller.
    """

    name: str
    data: str
    callers: Mapping[str, _Figures]


class EvaluatedFigure(NamedTuple):
    """One figure of an `EntryEvaluation` by caller, with its 95% bootstrap interval or None."""

    title: str
    better: Better
    by_caller: dict[str, tuple[float, float | None, float | None]]


def read_evaluation(entry: Entry) -> EntryEvaluation | None:
    """The content of an entry's ``metrics.json``; None where there is no file.

    Raises:
        EntryError: the file is not what `epizoo evaluate` writes, or measured other weights or another rule of calling.
    """
    path = entry.folder / METRICS_FILE
    if not path.is_file():
        return None
    again = "write it again with `epizoo evaluate --entry … --metrics`"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        about, callers = content["about"], content["callers"]
        measured = {title: one for title, one in about["entries"].items() if one["name"] == entry.name}
        found = [(key, one[key]) for one in measured.values() for key in ("sha256", "calling")]
        data = about["held_to"] or ", ".join(file["name"] for file in about["files"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EntryError(f"{path}: not what `epizoo evaluate --metrics` writes ({error!r}); {again}") from error
    expected = {"sha256": entry.sha256, "calling": entry.zoo.config.get("calling", {})}
    for key, value in found:
        if value != expected[key]:
            raise EntryError(f"{path}: measured with {key} {value}, expected the entry's {expected[key]}; {again}")
    name = next((title for title in measured if title in callers), None)
    if name is None:
        raise EntryError(f"{path}: holds nothing of {entry.name}, but {', '.join(callers)}; {again}")
    return EntryEvaluation(name, data, callers)


def evaluation_table(evaluation: EntryEvaluation) -> str:
    """A Markdown table with a row for each caller."""
    callers = evaluation.callers
    columns = [(title, cell) for key, group in _COLUMNS.items() for title, cell in group if _some_have(callers, key)]
    lines = [f"| caller | {' | '.join(title for title, _ in columns)} |", f"|{' --- |' * (len(columns) + 1)}"]
    for name, figures in callers.items():
        lines.append(f"| {name} | {' | '.join(cell(figures) for _, cell in columns)} |")
    return "\n".join(lines)


def evaluated_figures(evaluation: EntryEvaluation) -> list[EvaluatedFigure]:
    """The first figure of each kind of truth that the callers were evaluated on."""
    found = []
    for kind, (title, better, figure) in _HEADLINES.items():
        if _some_have(evaluation.callers, kind):
            by_caller = {name: figure(figures[kind]) for name, figures in evaluation.callers.items()}
            found.append(EvaluatedFigure(title, better, by_caller))
    return found


def _some_have(callers: Mapping[str, _Figures], key: str) -> bool:
    return any(key in figures for figures in callers.values())


def _bounds(figures: _Figures) -> tuple[float, float | None, float | None]:
    return figures["value"], figures["low"], figures["high"]


def _interval(key: str, of: str) -> Callable[[_Figures], str]:
    def cell(figures: _Figures) -> str:
        value, low, high = _bounds(figures[key][of])
        return f"{value:.1%}" if low is None else f"{value:.1%} ({low:.1%} to {high:.1%})"

    return cell


def _agreement(kind: str) -> Callable[[_Figures], str]:
    return lambda figures: ", ".join(f"{figures['truth'][kind][of]:.3f}" for of in ("precision", "recall", "f1"))


_COLUMNS: dict[str, tuple[tuple[str, Callable[[_Figures], str]], ...]] = {
    "labels": (
        ("wrong / labels", lambda figures: "{wrong}/{labels}".format(**figures["labels"])),
        ("label error, all labels (95% interval)", _interval("labels", "wrong_labels")),
        ("label error, mean over regions (95% interval)", _interval("labels", "mean_over_regions")),
    ),
    "truth": (
        ("peaks", lambda figures: f"{figures['truth']['peaks']:,}"),
        ("bp: precision, recall, F1", _agreement("by_bp")),
        ("peaks: precision, recall, F1", _agreement("by_peak")),
    ),
    "sites": (
        ("peaks", lambda figures: f"{figures['sites']['peaks']:,}"),
        ("summits near a site (95% interval)", _interval("sites", "share_of_summits_interval")),
    ),
}
"""By kind of truth: the titles of columns, and what stands below them."""
_HEADLINES: dict[str, tuple[str, Better, Callable[[_Figures], tuple[float, float | None, float | None]]]] = {
    "labels": ("label error, mean over regions", "lower", lambda figures: _bounds(figures["mean_over_regions"])),
    "truth": ("peaks, F1", "higher", lambda figures: (figures["by_peak"]["f1"], None, None)),
    "sites": ("summits near a site", "higher", lambda figures: _bounds(figures["share_of_summits_interval"])),
}
