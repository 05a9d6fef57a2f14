"""Label errors of other callers: peaks of another tool, and the mean over known cell types."""

import numpy as np
import pandas as pd

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.errors import InputError
from epizoo.finetuning.labelled_samples import linear
from epizoo.finetuning.new_cell_type import PeakData
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.intervals import read_bed
from epizoo.genome.overlaps import merged
from epizoo.genome.signal import BigWig
from epizoo.metrics.label_errors import label_errors
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.labelled_calls import Prediction, call_errors, predict_stretches
from epizoo.peaks.labelled_stretches import LabelledStretch, read_stretch

_PAD_BP = 20_000


def errors_of_calls(data: PeakData, labels: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Label errors of the peaks that the data name, by tool; only tools with peaks of every labelled sample.

    Raises:
        InputError: a file of peaks cannot be read.
    """
    tools: dict[str, list[pd.DataFrame]] = {}
    numbers = sorted(labels["sample"].unique())
    for number in numbers:
        for tool, path in data.samples[int(number)].calls.items():
            own = labels[labels["sample"] == number].drop(columns="sample")
            tools.setdefault(tool, []).append(label_errors(own, merged(read_bed(path), gap_bp=-1)))
    return {tool: pd.concat(tables) for tool, tables in tools.items() if len(tables) == len(numbers)}


def errors_of_mean(
    model: PeakCaller,
    data: PeakData,
    labels: pd.DataFrame,
    transform: CoverageTransform,
    calling: PeakCallingConfig,
    name: str,
) -> dict[str, pd.DataFrame]:
    """Label errors of the mean peak probability of other cell types, at the loci where one of them has signal."""
    tables = []
    for _, rows in labels.groupby(["sample", "locus"]):
        own = rows.drop(columns="sample").reset_index(drop=True)
        stretches = [
            stretch for path in data.other_cell_types if (stretch := _stretch(str(path), own, transform, model))
        ]
        if stretches:
            mean = _mean(predict_stretches(model, stretches))
            tables.append(call_errors([mean], stretches[:1], calling, model.config.bin_bp))
    return {name: pd.concat(tables)} if tables else {}


def _stretch(
    path: str, labels: pd.DataFrame, transform: CoverageTransform, model: PeakCaller
) -> LabelledStretch | None:
    """The signal of another cell type around these labels; None where it has none."""
    chrom, end = str(labels["chrom"].iloc[0]), int(labels["end"].max())
    with BigWig(path) as bigwig:
        if bigwig.chrom_sizes.get(chrom, 0) < end:
            return None
        fitted = transform.fit(bigwig)
        try:
            stretch = read_stretch(bigwig, fitted.scale, labels, model.config.bin_bp, _PAD_BP)
        except InputError:
            return None
        return stretch._replace(signal=linear(stretch.signal, fitted)) if stretch.signal.any() else None


def _mean(predictions: list[Prediction]) -> Prediction:
    first = predictions[0]
    columns = zip(*(prediction[1:] for prediction in predictions), strict=True)
    arrays = (np.mean(np.stack(column), axis=0) for column in columns)
    return Prediction(first.start_bin, *arrays)
