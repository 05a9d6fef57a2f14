"""Figures of the benchmark as rows: who, on what, which figure, with its interval."""

from typing import NamedTuple

import pandas as pd

from epizoo.metrics.label_errors import Interval


class Figure(NamedTuple):
    """One figure of one caller.

    Attributes:
        caller: who.
        truth: one of `epizoo.bench.experiments.TRUTHS`.
        data: on which experiments.
        metric: what was measured.
        value: the figure; NaN where it is not defined.
        low, high: its 95% bootstrap interval over loci; NaN where there are too few loci, or where it has none.
        better: whether ``higher`` or ``lower`` values are better; empty where neither is.
        counted: what the figure is about, such as how many peaks.
    """

    caller: str
    truth: str
    data: str
    metric: str
    value: float
    low: float
    high: float
    better: str
    counted: str


class Metric(NamedTuple):
    """A figure's name, and which values are better: higher, lower, or neither (empty)."""

    name: str
    better: str


COLUMNS = list(Figure._fields)


def figure(caller: str, truth: str, data: str, metric: Metric, found: Interval | float, count: str = "") -> Figure:
    """A row of a value, with its interval if it has one."""
    interval = found if isinstance(found, Interval) else Interval(float(found), float("nan"), float("nan"))
    return Figure(caller, truth, data, metric.name, *interval, metric.better, count)


def figure_table(figures: list[Figure]) -> pd.DataFrame:
    """Figures as a table."""
    return pd.DataFrame(figures, columns=COLUMNS)
