"""Comparison of two segmentations base by base, and of two models state by state."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64

from epizoo.errors import InputError
from epizoo.metrics.segmentations import Segmentation, bp_of_pairs


class SegmentationComparison(NamedTuple):
    """Agreement of two segmentations over the positions that both cover.

    Attributes:
        confusion: bp with each pair of states; a row for each state of the first, a column for each of the second.
        agreement: share of these positions whose states have one label; NaN where no label is in both.
        adjusted_rand: adjusted Rand index over bins: 1 for equal partitions, 0 on average for unrelated ones. A bin
            that a border cuts counts for each side by its share.
        states: for each state of the first, ``share`` of the positions in per cent, the state of the second that it
            overlaps best (``best_match``), the Jaccard index with it (``best_jaccard``) and with the state of the same
            label (``jaccard``, NaN where there is none).
    """

    confusion: pd.DataFrame
    agreement: float
    adjusted_rand: float
    states: pd.DataFrame


def compare_segmentations(first: Segmentation, second: Segmentation, *, bin_bp: int = 200) -> SegmentationComparison:
    """Compare two segmentations of one assembly.

    Args:
        first: states along the genome.
        second: the other ones.
        bin_bp: width of a bin, the unit that the adjusted Rand index counts.

    Raises:
        InputError: they have no position in common.
    """
    shape = (len(first.labels), len(second.labels))
    counts = bp_of_pairs(first.segments, second.segments, shape)
    if not counts.any():
        raise InputError(
            f"{second.name}: has no position in common with {first.name}; are their chromosomes named alike, and are "
            "they of the same assembly?"
        )
    confusion = pd.DataFrame(
        counts.astype(np.int64), index=pd.Index(first.labels, name=first.heading), columns=list(second.labels)
    )
    same = [(row, second.labels.index(label)) for row, label in enumerate(first.labels) if label in second.labels]
    agreement = float(sum(counts[pair] for pair in same) / counts.sum()) if same else float("nan")
    return SegmentationComparison(
        confusion, agreement, adjusted_rand(counts / bin_bp), _of_states(confusion, jaccard(counts))
    )


def adjusted_rand(counts: Float64[np.ndarray, "first second"]) -> float:
    """Adjusted Rand index of a confusion table (Hubert and Arabie, Journal of Classification 2, 1985).

    >>> round(adjusted_rand(np.array([[2.0, 0.0], [1.0, 3.0]])), 6), adjusted_rand(np.eye(3))
    (0.324324, 1.0)
    """

    def pairs(values: Float64[np.ndarray, "*shape"]) -> float:
        return float((values * (values - 1)).sum() / 2)

    together, rows, columns = pairs(counts), pairs(counts.sum(axis=1)), pairs(counts.sum(axis=0))
    everything = pairs(counts.sum(keepdims=True))
    expected = rows * columns / everything if everything else 0.0
    highest = (rows + columns) / 2
    # Two partitions of one part each, or of single members each, are equal.
    return (together - expected) / (highest - expected) if highest != expected else 1.0


def jaccard(counts: Float64[np.ndarray, "first second"]) -> Float64[np.ndarray, "first second"]:
    """Overlap over union of each pair of states; 0 where neither occurs.

    >>> jaccard(np.array([[2.0, 0.0], [1.0, 1.0]])).round(3).tolist()
    [[0.667, 0.0], [0.25, 0.5]]
    """
    union = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0) - counts
    return np.divide(counts, union, out=np.zeros_like(counts), where=union > 0)


class Emissions(NamedTuple):
    """Emission probabilities of a model, with the names of its states and marks."""

    name: str
    states: tuple[str, ...]
    marks: tuple[str, ...]
    probabilities: Float64[np.ndarray, "state mark"]
    heading: str = "State"


def compare_models(reference: Emissions, others: Sequence[Emissions]) -> pd.DataFrame:
    """Best correlation of each state's emissions with a state of other models, as ChromHMM computes it.

    The correlation is Pearson's over marks, 0 for a state with one probability for all marks. Marks of the reference
    that one of the others lacks are left out for all.

    Returns:
        A row for each state of the reference, a column for each other model.

    Raises:
        InputError: fewer than two marks are in all of them.
    """
    marks = common_marks([reference, *others])
    ours = _columns(reference, marks)
    columns = {other.name: correlations(ours, _columns(other, marks)).max(axis=1) for other in others}
    return pd.DataFrame(columns, index=pd.Index(reference.states, name="State"))


def common_marks(models: Sequence[Emissions]) -> tuple[str, ...]:
    """The marks of the first model that all have.

    Raises:
        InputError: they are fewer than two, so that there is nothing to correlate.
    """
    marks = tuple(mark for mark in models[0].marks if all(mark in model.marks for model in models))
    if len(marks) < 2:
        names = "; ".join(f"{model.name} has {', '.join(model.marks)}" for model in models)
        raise InputError(f"models: {len(marks)} marks are common to all, two or more are needed to compare ({names})")
    return marks


def correlations(
    first: Float64[np.ndarray, "first mark"], second: Float64[np.ndarray, "second mark"]
) -> Float64[np.ndarray, "first second"]:
    """Pearson's correlation of each pair of rows; 0 where a row has one value only.

    >>> rows = np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 0.5], [1.0, 1.0, 1.0]])
    >>> correlations(rows[:1], rows).round(9).tolist()
    [[1.0, -1.0, 0.0]]
    """
    centred = [rows - rows.mean(axis=1, keepdims=True) for rows in (first, second)]
    # What rounding leaves of a row of equal values is no variance.
    norms = [np.where(np.ptp(rows, axis=1) > 0, np.linalg.norm(rows, axis=1), 0.0) for rows in centred]
    scale = np.outer(*norms)
    return np.divide(centred[0] @ centred[1].T, scale, out=np.zeros_like(scale), where=scale > 0)


def _columns(model: Emissions, marks: tuple[str, ...]) -> Float64[np.ndarray, "state mark"]:
    return model.probabilities[:, [model.marks.index(mark) for mark in marks]]


def _of_states(confusion: pd.DataFrame, overlaps: Float64[np.ndarray, "first second"]) -> pd.DataFrame:
    columns = list(confusion.columns)
    counts = confusion.to_numpy()
    return pd.DataFrame(
        {
            "share": 100 * counts.sum(axis=1) / counts.sum(),
            "best_match": [columns[column] for column in overlaps.argmax(axis=1)],
            "best_jaccard": overlaps.max(axis=1),
            "jaccard": [
                overlaps[row, columns.index(label)] if label in columns else np.nan
                for row, label in enumerate(confusion.index)
            ],
        },
        index=confusion.index,
    )
