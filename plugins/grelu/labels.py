"""Labels of bins for gReLU's datasets, from peaks, segments and bigWigs; NaN where a bin has none."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from epizoo.errors import InputError
from epizoo.genome.signal import BigWig
from epizoo.genome.windows import Intervals, interval_table

_BIGWIG_SUFFIXES = (".bw", ".bigwig")


class Span(NamedTuple):
    """Consecutive bins of a chromosome, some of them perhaps outside of it."""

    chrom: str
    first_bin: int
    end_bin: int


def peak_labels(
    sources: Mapping[str, Intervals], spans: Sequence[Span], bin_bp: int, labelled: Intervals | None
) -> Float[np.ndarray, "span task bin"]:
    """Labels of kinds of peaks.

    Args:
        sources: task to its peaks (a table or BED: a bin whose centre lies in a peak is 1, any other 0), or to a bigWig
            of labels from 0 to 1 (their mean over the bin, 0 where it has no value).
        spans: which bins, all equally many.
        bin_bp: width of a bin.
        labelled: where labels are known, NaN elsewhere; everywhere where None.

    Raises:
        InputError: a file cannot be read, or a bigWig holds other values.
    """
    values = np.stack([_track(source, spans, bin_bp, task) for task, source in sources.items()], axis=1)
    if labelled is not None:
        known = _covered(interval_table(labelled, "the labelled regions"), spans, bin_bp)
        values[np.broadcast_to(~known[:, None], values.shape)] = np.nan
    return values


def state_labels(
    segments: Intervals, states: Sequence[str], spans: Sequence[Span], bin_bp: int
) -> Float[np.ndarray, "span state bin"]:
    """Labels of states, 1 for the state of the segment that a bin's centre lies in; NaN where there is no segment.

    Raises:
        InputError: the segments have no names, or names that are no states.
    """
    table = interval_table(segments, "the segments")
    name = table.attrs["name"]
    if "name" not in table.columns:
        raise InputError(
            f"{name}: has no column of names; give segments with the names of their states, as BED4 or more"
        )
    unknown = sorted(set(table["name"].astype(str)) - set(states))
    if unknown:
        raise InputError(
            f"{name}: holds the state {unknown[0]!r}, which is none of the tasks {', '.join(states)}; rename the "
            "states, or give all of their names as tasks"
        )
    numbers = table["name"].astype(str).map({state: number for number, state in enumerate(states)})
    labels = np.full((len(spans), len(states), spans[0].end_bin - spans[0].first_bin), np.nan, np.float32)
    for number, span in enumerate(spans):
        for start, end, state in _inside(table.assign(state=numbers), span, bin_bp, "state"):
            labels[number, :, start:end] = 0
            labels[number, int(state), start:end] = 1
    return labels


def _track(source: Intervals, spans: Sequence[Span], bin_bp: int, task: str) -> Float[np.ndarray, "span bin"]:
    if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() in _BIGWIG_SUFFIXES:
        with BigWig(source) as bigwig:
            rows = [bigwig.binned(span.chrom, span.first_bin, span.end_bin, bin_bp) for span in spans]
        values = np.stack(rows)
        if values.min() < 0 or values.max() > 1:
            raise InputError(f"{source}: holds {values.max():g}, labels of {task} must be 0 to 1; give such a bigWig")
        return values
    return _covered(interval_table(source, f"the peaks of {task}"), spans, bin_bp).astype(np.float32)


def _covered(table: pd.DataFrame, spans: Sequence[Span], bin_bp: int) -> Bool[np.ndarray, "span bin"]:
    """Mask of the bins whose centre lies in an interval."""
    covered = np.zeros((len(spans), spans[0].end_bin - spans[0].first_bin), bool)
    for number, span in enumerate(spans):
        for start, end, _ in _inside(table, span, bin_bp, "start"):
            covered[number, start:end] = True
    return covered


def _inside(table: pd.DataFrame, span: Span, bin_bp: int, column: str) -> list[tuple[int, int, int]]:
    """Bins of a span, counted from its first, whose centres lie in each interval, and a value of the interval."""
    own = table[table["chrom"].to_numpy(object) == span.chrom]
    # The centre of bin b is (b + 1/2) bin_bp: it lies in [start, end) where start <= centre < end.
    first = -(-(2 * own["start"].to_numpy(np.int64) - bin_bp) // (2 * bin_bp))
    end = -(-(2 * own["end"].to_numpy(np.int64) - bin_bp) // (2 * bin_bp))
    n_bins = span.end_bin - span.first_bin
    first, end = np.maximum(first - span.first_bin, 0), np.minimum(end - span.first_bin, n_bins)
    kept = np.flatnonzero(first < end)
    return [(int(first[i]), int(end[i]), own[column].iloc[i]) for i in kept]
