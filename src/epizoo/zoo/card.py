"""The model card of an entry, rendered from its ``model.yaml``: Hugging Face front matter and Markdown."""

from collections.abc import Sequence
from typing import Any

import yaml

from epizoo.zoo.card_evaluation import evaluation_table
from epizoo.zoo.catalogue import ZOO_FOLDER
from epizoo.zoo.description import Metric, State
from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry

_EXAMPLES_OF_OURS = "The code is MIT; the example files and their sources stand in DATA_LICENSES.md."
_EXAMPLES_OF_USERS = (
    "The code is MIT. The example files are excerpts of the data that this entry, or the one that it was made from, "
    "came with: see whether you may share them before you publish it."
)


def render_card(entry: Entry, reference: str | None = None) -> str:
    """The whole text of an entry's ``README.md``.

    Args:
        entry: the entry.
        reference: what a user gives to load it; its name where it is one of the zoo's, else ``FOLDER/NAME``.
    """
    info = entry.kipoi["info"]
    parts = [
        f"---\n{_front_matter(entry)}---",
        f"# {entry.name}",
        _paragraph(info["doc"]),
        f"Version {entry.version}, made by {_listed([author['name'] for author in info['authors']])}.",
        "## Use",
        _use(entry, reference or (entry.name if _is_ours(entry) else f"FOLDER/{entry.name}")),
        "## What goes in and what comes out",
        _interface(entry),
        "## What it saw",
        _training(entry),
        _metrics_heading(entry),
        _metrics(entry.zoo.metrics),
        *_evaluation(entry),
        "## Limits",
        "\n".join(f"- {_paragraph(limit)}" for limit in entry.zoo.limits),
        "## Licence",
        _licence(entry),
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


def _use(entry: Entry, reference: str) -> str:
    example = "regions.bed"
    if isinstance(entry, PeakCallerEntry):
        control = " --control control.bw" if len(entry.channels) == 2 else ""
        job = f"epizoo call-peaks {reference} --bigwig signal.bw{control} -o peaks.narrowPeak"
        arguments = f'{{"intervals_file": "{example}", "bigwig_file": "signal.bw"}}'
        python = 'peaks = entry.call_peaks("signal.bw")  # a DataFrame with narrowPeak\'s columns'
    else:
        job = f"epizoo annotate {reference} --binarized folder -o states.bed"
        arguments = f'{{"intervals_file": "{example}", "binarized": "folder"}}'
        python = 'segments = entry.annotate("folder").segments  # a DataFrame: chrom, start, end, state, name'
    source = "epizoo" if _is_ours(entry) else "dir"
    once = "epizoo kipoi-source  # once\n" if _is_ours(entry) else ""
    kipoi = f"{once}kipoi predict {reference} --source={source} --dataloader_args='{arguments}' -o predictions.h5"
    return (
        f"```sh\n{job}\n\n{kipoi if '://' not in reference else ''}".rstrip() + "\n```\n\n"
        f'```python\nimport epizoo\n\nentry = epizoo.load("{reference}")\n{python}\n'
        "model = entry.model()  # a flax nnx module\n```"
    )


def _interface(entry: Entry) -> str:
    window = entry.window
    schema = entry.kipoi["schema"]
    lines = [
        f"One row is a window of {window.window_bins:,} bins of {window.bin_bp} bp "
        f"({window.window_bins * window.bin_bp:,} bp), seen with {window.flank_bins:,} more bins on both sides.\n",
        "| array | shape | what it is |",
        "| --- | --- | --- |",
    ]
    for side in ("inputs", "targets"):
        lines += [f"| `{name}` | {array['shape']} | {_cell(array['doc'])} |" for name, array in schema[side].items()]
    text = "\n".join(lines)
    if isinstance(entry, ChromatinStateEntry):
        text += "\n\n" + _states(entry.config.states)
    return text


def _states(states: Sequence[State]) -> str:
    rows = [
        f"| {number} | {_cell(state.name)} | {_cell(state.description)} | {state.color} |"
        for number, state in enumerate(states, start=1)
    ]
    return "\n".join(["| state | name | description | colour |", "| --- | --- | --- | --- |", *rows])


def _training(entry: Entry) -> str:
    trained, training = entry.zoo.trained_on, entry.zoo.training
    lines = [f"- Data: {source.name} ({source.source}; {source.license})" for source in trained.data]
    lines += [
        f"- Assembly: {trained.assembly}",
        f"- Cell types: {_listed(trained.cell_types)}",
        f"- Chromosomes: {_listed(trained.chromosomes)}",
        f"- Held out: chromosomes {_listed(trained.held_out_chromosomes)}; "
        f"cell types {_listed(trained.held_out_cell_types)}",
    ]
    if entry.zoo.base_model:
        versions = [f"{one.name} {one.version} (weights {one.sha256[:12]})" for one in entry.zoo.lineage]
        lines.append(f"- Fine-tuned from: {', from '.join(reversed(versions)) or entry.zoo.base_model}")
    if "procedure" in training:
        lines.append(f"- Training: {_paragraph(training['procedure'])}")
    if "command" in training:
        lines.append(f"- Again: `{training['command']}`")
    return "\n".join(lines)


def _metrics_heading(entry: Entry) -> str:
    trained = entry.zoo.trained_on
    held_out = trained.held_out_chromosomes or trained.held_out_cell_types
    return "## How good it is on what was held out" if held_out else "## How good it is"


def _metrics(metrics: list[Metric]) -> str:
    if not metrics:
        return "It was not measured."
    tools = list(dict.fromkeys(tool for metric in metrics for tool in metric.compared_with))
    columns = ["metric", "on", "this entry", *tools]
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for metric in metrics:
        values = [metric.value, *(metric.compared_with.get(tool, "") for tool in tools)]
        lines.append(f"| {_cell(metric.name)} | {_cell(metric.on)} | {' | '.join(map(_number, values))} |")
    return "\n".join(lines)


def _evaluation(entry: Entry) -> list[str]:
    table = evaluation_table(entry)
    return [] if table is None else ["The weights as they are shipped, measured by `epizoo evaluate`:", table]


def _licence(entry: Entry) -> str:
    return (
        f"Weights: {entry.kipoi['info']['license']}. {_paragraph(entry.zoo.weights_license)}\n\n"
        f"{_EXAMPLES_OF_OURS if _is_ours(entry) else _EXAMPLES_OF_USERS}"
    )


def _paragraph(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _paragraph(text).replace("|", "\\|")


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "none"


def _number(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1e4 else str(value)
