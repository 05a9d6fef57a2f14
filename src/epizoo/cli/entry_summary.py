"""An entry on one screen: what it is, what decides its results, how good it is, its terms, how to use it."""

import textwrap
from collections.abc import Iterator
from typing import Any

from epizoo.calling.rule_text import rule_in_words, scoring_in_words
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.zoo.card_evaluation import read_evaluation
from epizoo.zoo.card_figures import MOST_HEADLINES, headline_figures
from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry, PeakScorerEntry

_LABEL_WIDTH = 13


def first_sentence(entry: Entry) -> str:
    """The first sentence of an entry's description."""
    return " ".join(entry.kipoi["info"]["doc"].split()).split(". ")[0].rstrip(".")


def as_data(entry: Entry) -> dict[str, Any]:
    """Everything that is known of an entry, as plain values for JSON."""
    zoo = entry.zoo.model_dump(mode="json")
    info, schema = entry.kipoi["info"], entry.kipoi["schema"]
    return {
        "name": entry.name,
        "version": entry.version,
        "family": entry.family,
        "description": " ".join(info["doc"].split()),
        "license": info["license"],
        "authors": [author["name"] for author in info["authors"]],
        "cite_as": info.get("cite_as"),
        "folder": str(entry.folder),
        "inputs": schema["inputs"],
        "outputs": schema["targets"],
        "channels": list(entry.channels),
        **{key: value for key, value in zoo.items() if key not in ("name", "version", "family")},
    }


def as_text(entry: Entry, width: int) -> str:
    """The summary, in lines of at most ``width`` columns, but for paths and commands, which are never broken."""
    info, trained = entry.kipoi["info"], entry.zoo.trained_on
    lines = [f"{entry.name} {entry.version}", *_wrapped(" ".join(info["doc"].split()), width), ""]

    def row(label: str, *texts: str) -> None:
        for text in texts:
            indent = " " * _LABEL_WIDTH
            first, *others = _wrapped(text, width - _LABEL_WIDTH) or [""]
            lines.append(f"{label:<{_LABEL_WIDTH}}{first}".rstrip())
            lines.extend(indent + other for other in others)
            label = ""

    if entry.zoo.card.intended_use:
        row("Intended use", *entry.zoo.card.intended_use)
    row("Inputs", *_inputs(entry))
    row("Settings", *settings(entry))
    row("Trained on", *(f"{one.name}; assembly: {trained.assembly}" for one in trained.data))
    held_out = [*trained.held_out_chromosomes, *trained.held_out_cell_types]
    row("Held out", ", ".join(held_out) or "nothing")
    row("Evaluation", *figures(entry))
    row("Limitations", *(f"- {' '.join(limit.split())}" for limit in entry.zoo.limits))
    row("Licence", f"Weights: {info['license']}. {' '.join(entry.zoo.weights_license.split())}")
    if entry.zoo.lineage:
        lines.append(f"{'Lineage':<{_LABEL_WIDTH}}{entry.zoo.lineage[0].name} {entry.zoo.lineage[0].version}")
        steps = [*((one.name, one.version) for one in entry.zoo.lineage[1:]), (entry.name, entry.version)]
        lines += [f"{' ' * _LABEL_WIDTH}{'   ' * n}└─ {name} {version}" for n, (name, version) in enumerate(steps)]
    lines.append(f"{'Folder':<{_LABEL_WIDTH}}{entry.folder}")
    lines.append(f"{'SHA-256':<{_LABEL_WIDTH}}{entry.sha256}")
    return "\n".join(lines)


def settings(entry: Entry) -> Iterator[str]:
    """The settings that decide what comes out, a sentence each."""
    if isinstance(entry, ChromatinStateEntry):
        yield f"The state of a bin of {entry.window.bin_bp} bp is the one with the highest posterior probability."
        yield f"States: {', '.join(state.name for state in entry.config.states)}."
    elif isinstance(entry, PeakScorerEntry):
        yield from scoring_in_words(entry.config.candidates, entry.config.least_score)
    elif isinstance(entry, PeakCallerEntry):
        yield from rule_in_words(entry.config.calling)
        yield f"Scale of a file: {_scale(entry.config.transform)}."


def figures(entry: Entry) -> list[str]:
    """The headline figures of the card, a text each; the first of all figures where it names none."""
    shown = [
        f"{one.title}: {one.value}{f'; best other method: {one.other}' if one.other else ''} ({one.data})"
        for one in headline_figures(entry, read_evaluation(entry))
    ] or [f"{one.name}: {one.value} ({' '.join(one.on.split())})" for one in entry.zoo.metrics[:MOST_HEADLINES]]
    if not shown:
        return ["not measured"]
    return [*shown, "All figures are in the card: --card."]


def _inputs(entry: Entry) -> Iterator[str]:
    window = entry.window
    for name, array in entry.kipoi["schema"]["inputs"].items():
        yield f"{name}: {' '.join(array['doc'].split())}"
    if isinstance(entry, PeakScorerEntry):
        yield "A bigWig of coverage or reads (BAM, BED, BEDPE)."
        return
    if entry.family == "peak_caller":
        control = ", and one of the control" if len(entry.channels) == 2 else ""
        yield f"A bigWig of coverage or reads (BAM, BED, BEDPE){control}."
    else:
        yield "Marks binarised by ChromHMM, or a bigWig or BED file of reads for each mark."
    width_bp, flank_bp = window.window_bins * window.bin_bp, window.flank_bins * window.bin_bp
    yield f"A window is {width_bp:,} bp, seen with {flank_bp:,} bp more on both sides."


def _scale(transform: CoverageTransform) -> str:
    weight, text = (
        transform.peak_weight,
        f"its background, the median over stretches of {transform.background_bin_bp:,} bp",
    )
    if weight:
        text = (
            f"the geometric mean of {text} (weight {1 - weight:.4g}), and of the level of its peaks divided by "
            f"{transform.peak_fold:g} (weight {weight:g})"
        )
        if transform.broad_fold is not None:
            text += f", or by {transform.broad_fold:g} the more of the signal lies in broad domains"
    return text if transform.scale_factor == 1 else f"{text}; times {transform.scale_factor:.3g}"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False)
