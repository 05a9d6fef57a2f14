"""The model card of an entry, rendered from its ``model.yaml``: Hugging Face front matter and Markdown.

The headings are those of Hugging Face's and bioimage.io's cards. A section that an entry has no words for is left out.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from epizoo.calling.rule_text import rule_in_words, scoring_in_words
from epizoo.zoo.card_evaluation import EntryEvaluation, evaluation_table, read_evaluation
from epizoo.zoo.card_figures import MOST_HEADLINES, cell, headline_figures, headline_table, metrics_table
from epizoo.zoo.card_use import how_to_use
from epizoo.zoo.catalogue import ZOO_FOLDER
from epizoo.zoo.description import Metric, State
from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry, PeakScorerEntry

PICTURE_FILE = "card.png"
P_VALUES_FILE = "p_values.png"
"""Of the p-values of a peak caller's rule in negative controls."""
_COLUMNS_7_TO_9 = (
    "- Signal value (column 7): fold change of the signal at the summit over the local background. Columns 8 and "
    "9 are -log10 of the p-value and the q-value of the peak's reads, -1 where reads cannot be told from the signal."
)
_COLUMNS_OF_SCORERS = (
    "- Signal value (column 7): the highest signal of the peak over the mean of its chromosome, taken over the bp that "
    "have a value. Columns 8 and 9 are -1: the model's Poisson probabilities are of normalised coverage, not of reads. "
    "The table that Python gives, and Parquet, also hold the scores by shape and by enrichment alone."
)
_CITE_US = "Cite epizoo as CITATION.cff says, with the entry's name and version."
_EXAMPLES_OF_OURS = "The code is MIT. DATA_LICENSES.md lists the example files, their sources and their licences."
_EXAMPLES_OF_USERS = (
    "The code is MIT. The example files are excerpts of the data that this entry, or the one that it was made from, "
    "came with: check that you may share them before you publish it."
)


def render_card(entry: Entry, reference: str | None = None) -> str:
    """The whole text of an entry's ``README.md``.

    Args:
        entry: the entry.
        reference: what a user gives to load it; its name where it is one of the zoo's, else ``FOLDER/NAME``.

    Raises:
        EntryError: the entry's ``metrics.json`` or ``dataloader.yaml`` is not what it must be, or its description
            names a headline figure that it does not have.
    """
    info, zoo = entry.kipoi["info"], entry.zoo
    ours = _is_ours(entry)
    reference = reference or (entry.name if ours else f"FOLDER/{entry.name}")
    authors = ", ".join(author["name"] for author in info["authors"])
    evaluation = read_evaluation(entry)
    headline = headline_figures(entry, evaluation) if zoo.card.headline else []
    sections = {
        "Description": f"{_paragraph(info['doc'])}\n\nVersion {entry.version}. Authors: {authors}.",
        "Intended use": _bullets(zoo.card.intended_use),
        "Out-of-scope use": _bullets(zoo.card.out_of_scope),
        "How to use": how_to_use(entry, reference, is_shipped=ours),
        "Inputs and outputs": _interface(entry),
        "Training data": _training(entry),
        "Evaluation": "\n\n".join(
            [
                *_evaluation(entry.zoo.metrics, evaluation, bool(headline)),
                *_picture(entry, P_VALUES_FILE, zoo.card.p_values_caption),
            ]
        ),
        "Limitations": _bullets(zoo.limits),
        "Licence": _licence(entry),
        "Citation": _bullets([text for text in (info.get("cite_as"), _CITE_US if ours else None) if text]),
        "How to reproduce": _reproduction(zoo.training),
    }
    parts = [
        f"---\n{_front_matter(entry)}---",
        f"# {entry.name}",
        *_picture(entry, PICTURE_FILE, zoo.card.caption),
        *([headline_table(headline)] if headline else []),
        *(f"## {heading}\n\n{text}" for heading, text in sections.items() if text),
        "_This card is rendered from `model.yaml` by `python -m epizoo.zoo.build --render`._",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(entry: Entry) -> str:
    """YAML that Hugging Face and gReLU read: license, tags, datasets, base_model."""
    info = entry.kipoi["info"]
    fields: dict[str, Any] = {
        "license": info["license"].lower(),
        "library_name": "epizoo",
        "tags": info.get("tags", []),
        "datasets": entry.zoo.datasets,
        "base_model": entry.zoo.base_model,
    }
    return yaml.safe_dump({key: value for key, value in fields.items() if value}, sort_keys=False, allow_unicode=True)


def _is_ours(entry: Entry) -> bool:
    return entry.folder.parents[1] == ZOO_FOLDER.resolve()


def _picture(entry: Entry, file: str, caption: str) -> list[str]:
    """A picture and its caption, where the entry has one."""
    if not (entry.folder / file).is_file():
        return []
    text = _paragraph(caption)
    return [f"![{text}]({file})", *([f"_{text}_"] if text else [])]


def _interface(entry: Entry) -> str:
    window, schema = entry.window, entry.kipoi["schema"]
    row = (
        f"a window of {window.window_bins:,} bins of {window.bin_bp} bp ({window.window_bins * window.bin_bp:,} bp); "
        f"the model sees {window.flank_bins:,} more bins on both sides"
    )
    lines = [
        f"One row is {'a candidate peak' if isinstance(entry, PeakScorerEntry) else row}.\n",
        "| | array | shape | description |",
        "| --- | --- | --- | --- |",
    ]
    for side, title in (("inputs", "input"), ("targets", "output")):
        lines += [
            f"| {title} | `{name}` | {array['shape']} | {cell(array['doc'])} |" for name, array in schema[side].items()
        ]
    if isinstance(entry, ChromatinStateEntry):
        note = ["", _paragraph(entry.config.measured_on)] if entry.config.measured_on else []
        return "\n".join([*lines, "", *_states(entry.config.states), *note])
    if isinstance(entry, PeakScorerEntry):
        sentences = scoring_in_words(entry.config.candidates, entry.config.least_score)
        return "\n".join([*lines, "", *(f"- {sentence}" for sentence in sentences), _COLUMNS_OF_SCORERS])
    assert isinstance(entry, PeakCallerEntry)
    return "\n".join(
        [*lines, "", *(f"- {sentence}" for sentence in rule_in_words(entry.config.calling)), _COLUMNS_7_TO_9]
    )


def _states(states: Sequence[State]) -> list[str]:
    titles = ["state", "name", "description", "colour"]
    rows = [[str(number), state.name, state.description, state.color] for number, state in enumerate(states, start=1)]
    if any(state.confidence is not None for state in states):
        titles.append("confidence")
        rows = [[*row, _number(state.confidence)] for row, state in zip(rows, states, strict=True)]
    for key in dict.fromkeys(key for state in states for key in state.enrichment):
        titles.append(key)
        rows = [[*row, _number(state.enrichment.get(key))] for row, state in zip(rows, states, strict=True)]
    lines = ["| " + " | ".join(map(cell, row)) + " |" for row in (titles, *rows)]
    return [lines[0], "| --- " * len(titles) + "|", *lines[1:]]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _training(entry: Entry) -> str:
    trained, training = entry.zoo.trained_on, entry.zoo.training
    kept = {"chromosomes": trained.held_out_chromosomes, "cell types": trained.held_out_cell_types}
    held_out = [f"{kind} {', '.join(names)}" for kind, names in kept.items() if names]
    lines = [f"- Data: {source.name} ({source.source}; {source.license})" for source in trained.data]
    lines += [
        f"- Assembly: {trained.assembly}",
        *([f"- Cell types: {', '.join(trained.cell_types)}"] if trained.cell_types else []),
        *([f"- Chromosomes: {', '.join(trained.chromosomes)}"] if trained.chromosomes else []),
        f"- Held out: {'; '.join(held_out) or 'nothing'}",
    ]
    if entry.zoo.base_model:
        versions = [f"{one.name} {one.version} (weights {one.sha256[:12]})" for one in entry.zoo.lineage]
        lines.append(f"- Fine-tuned from: {', from '.join(reversed(versions)) or entry.zoo.base_model}")
    if "procedure" in training:
        lines.append(f"- Procedure: {_paragraph(training['procedure'])}")
    return "\n".join(lines)


def _evaluation(metrics: list[Metric], evaluation: EntryEvaluation | None, has_headline: bool) -> list[str]:
    """All figures; behind a fold where others stand at the top of the card, or where they are many."""
    shown = [] if has_headline else metrics[:MOST_HEADLINES]
    parts = [metrics_table(shown)] if shown else []
    if rest := metrics[len(shown) :]:
        parts.append(_folded(f"{len(rest)} {'more ' if shown else ''}figures", metrics_table(rest)))
    if evaluation is not None:
        table = f"Evaluated on {evaluation.data}.\n\n{evaluation_table(evaluation)}"
        summary = "The shipped weights, measured by <code>epizoo evaluate</code> (<code>metrics.json</code>)"
        parts.append(_folded(summary, table))
    return parts or ["This entry was not evaluated."]


def _folded(summary: str, text: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def _licence(entry: Entry) -> str:
    return (
        f"Weights: {entry.kipoi['info']['license']}. {_paragraph(entry.zoo.weights_license)}\n\n"
        f"{_EXAMPLES_OF_OURS if _is_ours(entry) else _EXAMPLES_OF_USERS}"
    )


def _reproduction(training: dict[str, Any]) -> str:
    """The commands that made the weights, in their order."""
    denoising = training.get("denoising") or {}
    commands = [part["command"] for part in (training, denoising) if part.get("command")]
    if not commands:
        return ""
    text = "```sh\n" + "\n".join(commands) + "\n```"
    if any(" DIR" in command for command in commands):
        text += "\n\nDIR is the folder of the training data; `docs/data.md` says where its files come from."
    return text


def _bullets(sentences: list[str]) -> str:
    return "\n".join(f"- {_paragraph(sentence)}" for sentence in sentences)


def _paragraph(text: str) -> str:
    return " ".join(text.split())
