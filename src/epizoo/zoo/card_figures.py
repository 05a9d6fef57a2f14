"""The figures of an entry's card: at most eight headline figures beside the best other method, and all others."""

import re
from typing import NamedTuple

from epizoo.errors import EntryError
from epizoo.zoo.card_evaluation import Better, EntryEvaluation, evaluated_figures
from epizoo.zoo.description import HeadlineMetric, Metric
from epizoo.zoo.entry import Entry

MOST_HEADLINES = 8
# As `epizoo.metrics.label_errors.Interval` writes it into what a metric was measured on.
_BOUNDS = re.compile(r"; 95% bootstrap interval over loci (-?[\d.]+) to (-?[\d.]+)")
_BETTER = {"lower": min, "higher": max}


class HeadlineFigure(NamedTuple):
    """One figure at the top of a card, as text.

    Attributes:
        title: what was measured, and whether lower or higher is better.
        data: what it was measured on.
        value: the entry's, with its 95% bootstrap interval where there is one.
        other: the best other method's and the method's name; empty where no other was measured.
    """

    title: str
    data: str
    value: str
    other: str


def headline_figures(entry: Entry, evaluation: EntryEvaluation | None) -> list[HeadlineFigure]:
    """The figures that an entry's description names, then those of `epizoo evaluate`; eight at most.

    Raises:
        EntryError: the description names a figure that is none of the entry's metrics, or of several.
    """
    chosen = [_of_metric(entry, headline) for headline in entry.zoo.card.headline]
    return (chosen + ([] if evaluation is None else _of_evaluation(evaluation)))[:MOST_HEADLINES]


def headline_table(figures: list[HeadlineFigure]) -> str:
    """A Markdown table of headline figures, and how to read it."""
    rows = [f"| {cell(one.title)} | {cell(one.data)} | {one.value} | {cell(one.other)} |" for one in figures]
    columns = ("figure", "measured on", "this entry", "best other method")
    notes = ["In parentheses: 95% bootstrap interval."] if any(" to " in one.value for one in figures) else []
    if any(one.other for one in figures):
        notes.append("The last column is the best of the other methods measured on the same data, figure by figure.")
    notes.append("All figures are under [Evaluation](#evaluation).")
    return "\n".join([f"| {' | '.join(columns)} |", "| --- | --- | --- | --- |", *rows, "", " ".join(notes)])


def metrics_table(metrics: list[Metric]) -> str:
    """A Markdown table of metrics, with a column for each method that was compared."""
    tools = list(dict.fromkeys(tool for metric in metrics for tool in metric.compared_with))
    columns = ["metric", "measured on", "this entry", *tools]
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for metric in metrics:
        values = [metric.value, *(metric.compared_with.get(tool, "") for tool in tools)]
        lines.append(f"| {cell(metric.name)} | {cell(metric.on)} | {' | '.join(map(_number, values))} |")
    return "\n".join(lines)


def cell(text: str) -> str:
    r"""Text of any layout as a cell of a Markdown table.

    >>> print(cell("p(bin | bins    before it)"))
    p(bin \| bins before it)
    """
    return " ".join(text.split()).replace("|", "\\|")


def _of_metric(entry: Entry, headline: HeadlineMetric) -> HeadlineFigure:
    found = [one for one in entry.zoo.metrics if one.name == headline.metric and one.on.startswith(headline.on)]
    if len(found) != 1:
        raise EntryError(
            f"{entry.folder / 'model.yaml'}: zoo.card.headline names {headline.metric!r} on {headline.on!r}, which "
            f"{len(found)} metrics fit; give the name of one metric and what its `on` begins with"
        )
    metric = found[0]
    bounds = _BOUNDS.search(metric.on)
    value = f"{_number(metric.value)} ({bounds[1]} to {bounds[2]})" if bounds else _number(metric.value)
    others = {tool: _number(other) for tool, other in metric.compared_with.items() if not isinstance(other, str)}
    return HeadlineFigure(
        _titled(headline.title, headline.better), _BOUNDS.sub("", metric.on), value, _best(others, headline.better)
    )


def _of_evaluation(evaluation: EntryEvaluation) -> list[HeadlineFigure]:
    figures = []
    data = evaluation.data.split("; intervals:")[0]
    for title, better, by_caller in evaluated_figures(evaluation):
        texts = {
            name: f"{value:.4g}" + ("" if low is None else f" ({low:.3f} to {high:.3f})")
            for name, (value, low, high) in by_caller.items()
        }
        own = texts.pop(evaluation.name)
        figures.append(HeadlineFigure(_titled(f"{title}, shipped weights", better), data, own, _best(texts, better)))
    return figures


def _titled(title: str, better: Better) -> str:
    return f"{title} ({better} is better)"


def _best(texts: dict[str, str], better: Better) -> str:
    """The best value and the name of its method; the first of equals.

    >>> _best({"A": "0.31 (0.2 to 0.4)", "B": "0.3", "C": "0.3"}, "lower"), _best({}, "higher")
    ('0.3, B', '')
    """
    if not texts:
        return ""
    tool = _BETTER[better](texts, key=lambda name: float(texts[name].split(" ")[0]))
    return f"{texts[tool]}, {tool}"


def _number(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1e4 else str(value)
