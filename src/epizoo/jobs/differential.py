"""Peaks that differ between two groups of samples, by PyDESeq2 on their counts."""

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from epizoo.errors import InputError
from epizoo.files import check_outputs
from epizoo.genome.table_files import check_tables, write_table
from epizoo.jobs.count_tables import PLACE, read_counts
from epizoo.jobs.peak_inputs import File
from epizoo.jobs.sample_groups import sample_groups
from epizoo.optional import require

_MANY_PEAKS = 2_000
_OF_DESEQ = {
    "baseMean": "mean_count",
    "log2FoldChange": "log2_fold",
    "lfcSE": "log2_fold_se",
    "pvalue": "p_value",
    "padj": "q_value",
}


def differential(
    counts: File | pd.DataFrame,
    groups: File | Mapping[str, str],
    *,
    reference: str | None = None,
    compared: str | None = None,
    output: File | None = None,
) -> pd.DataFrame:
    """Find the peaks that differ between two groups of samples, by PyDESeq2.

    Counts are divided by the median of ratios of each sample, dispersions shrunken over all peaks, and the groups
    compared by Wald's test; q-values are Benjamini and Hochberg's, over the peaks that PyDESeq2's independent filter
    leaves. Both groups need two samples or more: without replicates nothing tells a difference from the noise between
    samples.

    Args:
        counts: Table of counts of `epizoo count`: TSV, Parquet or AnnData (h5ad).
        groups: Group of each sample: a tab-separated file with the columns sample and group, or SAMPLE=GROUP for each.
        reference: Group that folds are over (default: that of the first sample).
        compared: Group that is compared with it (default: the other one, where there are two).
        output: Table to write, as TSV or Parquet, the most significant peaks first.

    Returns:
        Chrom, start, end and name of each peak, `mean_count` (normalised), `log2_fold` (compared over reference),
        `log2_fold_se`, `p_value` and `q_value`; NaN where PyDESeq2 gives none (no counts, an outlier, or, of q-values,
        too few counts to be significant), most significant first.

    Raises:
        InputError: the counts cannot be used, a sample has no group, there are not two groups to compare, or one of
            them has no replicates.
        MissingDependencyError: PyDESeq2 is not installed.
    """
    inputs = [path for path in (counts, groups) if isinstance(path, str | os.PathLike)]
    check_outputs([] if output is None else [output], inputs)
    check_tables([output])
    require("pydeseq2", "study")
    table = counts if isinstance(counts, pd.DataFrame) else read_counts(counts)
    of_sample = sample_groups(groups, [name for name in table.columns if name not in PLACE])
    base, other = _compared(of_sample, reference, compared)
    chosen = [sample for sample, group in of_sample.items() if group in (base, other)]
    found = _deseq(table[chosen], [of_sample[sample] for sample in chosen], base, other)
    result = pd.concat([table[PLACE].reset_index(drop=True), found], axis=1)
    result = result.sort_values(["p_value", "name"], kind="stable", na_position="last", ignore_index=True)
    if output is not None:
        write_table(output, result, float_format="%.6g", na_rep="NA")
    result.attrs["groups"] = (other, base)
    return result


def _compared(of_sample: dict[str, str], reference: str | None, compared: str | None) -> tuple[str, str]:
    """The reference group and the one that is compared with it."""
    sizes = pd.Series(list(of_sample.values())).value_counts(sort=False)
    names = list(sizes.index)
    text = ", ".join(f"{name} ({number})" for name, number in sizes.items())
    for option, name in (("--reference", reference), ("--compared", compared)):
        if name is not None and name not in names:
            raise InputError(f"{option}: there is no group {name}, but {text}; name one of these")
    base = reference or next(name for name in names if name != compared)
    others = [name for name in names if name != base]
    if not others or base == compared:
        raise InputError(f"groups: found {text} (samples), expected two groups to compare; correct the groups")
    if compared is None and len(others) > 1:
        raise InputError(f"groups: found {text} (samples); say which two to compare with --reference and --compared")
    other = compared or others[0]
    for name in (base, other):
        if sizes[name] < 2:
            raise InputError(
                f"groups: {name} has one sample, and without replicates nothing tells a difference from the noise "
                "between samples; add a second sample to each group"
            )
    return base, other


def _deseq(counts: pd.DataFrame, groups: list[str], base: str, other: str) -> pd.DataFrame:
    """PyDESeq2's figures of each peak."""
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    has_any = counts.to_numpy().sum(axis=1) > 0
    if not (counts.to_numpy()[has_any] > 0).all(axis=1).any():
        raise InputError("counts: no peak has a fragment in every sample, so that depths cannot be compared; add peaks")
    # The first level in alphabetical order is the one that the model's intercept stands for; any text may be a group.
    labels = ["b" if group == other else "a" for group in groups]
    metadata = pd.DataFrame({"group": labels}, index=list(counts.columns))
    # A peak takes about 18 ms of processor time, which pays for starting processes from some thousand peaks on.
    settings: dict[str, Any] = {"quiet": True, "n_cpus": 1 if len(counts) < _MANY_PEAKS else None}
    with warnings.catch_warnings():
        # Of peaks for which a trend of dispersions is not found, PyDESeq2 takes their mean, as DESeq2 does.
        warnings.simplefilter("ignore")
        data = DeseqDataSet(counts=counts[has_any].T, metadata=metadata, design="~group", **settings)
        data.deseq2()
        stats = DeseqStats(data, contrast=["group", "b", "a"], **settings)
        stats.summary()
    found = stats.results_df.rename(columns=_OF_DESEQ)[list(_OF_DESEQ.values())]
    whole = pd.DataFrame(np.nan, index=range(len(counts)), columns=list(found.columns))
    whole.loc[np.flatnonzero(has_any)] = found.to_numpy()
    return whole.assign(mean_count=whole["mean_count"].fillna(0.0))
