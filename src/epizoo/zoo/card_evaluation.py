"""What `epizoo evaluate` measured of an entry's shipped weights, as its card shows it.

Beside ``model.yaml`` may lie ``metrics.json``, which ``epizoo evaluate --entry ENTRY … --metrics metrics.json`` wrote.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from epizoo.errors import EntryError
from epizoo.zoo.entry import Entry

METRICS_FILE = "metrics.json"
_Figures = Mapping[str, Any]


def evaluation_table(entry: Entry) -> str | None:
    """What callers were held to, and a Markdown table with a row for each; None where there is no file.

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
        measured = [one for one in about["entries"].values() if one["name"] == entry.name]
        found = [(key, one[key]) for one in measured for key in ("sha256", "calling")]
        held_to = about["held_to"] or ", ".join(file["name"] for file in about["files"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EntryError(f"{path}: not what `epizoo evaluate --metrics` writes ({error!r}); {again}") from error
    expected = {"sha256": entry.sha256, "calling": entry.zoo.config.get("calling", {})}
    for key, value in found:
        if value != expected[key]:
            raise EntryError(f"{path}: measured with {key} {value}, expected the entry's {expected[key]}; {again}")
    if not measured:
        raise EntryError(f"{path}: holds nothing of {entry.name}, but {', '.join(callers)}; {again}")
    columns = [(title, cell) for key, group in _COLUMNS.items() for title, cell in group if _some_have(callers, key)]
    lines = [f"| caller | {' | '.join(title for title, _ in columns)} |", f"|{' --- |' * (len(columns) + 1)}"]
    for name, figures in callers.items():
        lines.append(f"| {name} | {' | '.join(cell(figures) for _, cell in columns)} |")
    return "\n".join([f"- Held to: {held_to}", "", *lines])


def _some_have(callers: Mapping[str, _Figures], key: str) -> bool:
    return any(key in figures for figures in callers.values())


def _interval(key: str, of: str) -> Callable[[_Figures], str]:
    def cell(figures: _Figures) -> str:
        value, low, high = (figures[key][of][part] for part in ("value", "low", "high"))
        return f"{value:.1%}" if low is None else f"{value:.1%} ({low:.1%} to {high:.1%})"

    return cell


def _agreement(kind: str) -> Callable[[_Figures], str]:
    return lambda figures: ", ".join(f"{figures['truth'][kind][of]:.3f}" for of in ("precision", "recall", "f1"))


_COLUMNS: dict[str, tuple[tuple[str, Callable[[_Figures], str]], ...]] = {
    "labels": (
        ("wrong", lambda figures: "{wrong}/{labels}".format(**figures["labels"])),
        ("wrong labels (95%)", _interval("labels", "wrong_labels")),
        ("mean over regions (95%)", _interval("labels", "mean_over_regions")),
    ),
    "truth": (
        ("peaks", lambda figures: f"{figures['truth']['peaks']:,}"),
        ("bp: precision, recall, F1", _agreement("by_bp")),
        ("peaks: precision, recall, F1", _agreement("by_peak")),
    ),
    "sites": (
        ("peaks", lambda figures: f"{figures['sites']['peaks']:,}"),
        ("summits near a site (95%)", _interval("sites", "share_of_summits_interval")),
    ),
}
"""By the kind of truth that callers were held to: titles, and what stands below them."""
