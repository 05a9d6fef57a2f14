"""Differential peaks against PyDESeq2 used directly, and on counts whose differences are known."""

import warnings

import numpy as np
import pandas as pd
import pytest

import epizoo
from epizoo.errors import InputError
from epizoo.jobs.count_tables import PLACE

GROUPS = {"a1": "a", "a2": "a", "a3": "a", "b1": "b", "b2": "b", "b3": "b"}


def simulated(seed, n_peaks=500, share=0.1, fold=4.0, dispersion=0.05):
    """Counts of two groups of three; a tenth of the peaks differ fourfold, either way. Depths differ too."""
    random = np.random.default_rng(seed)
    mean = random.lognormal(4, 1, n_peaks)
    differs = random.random(n_peaks) < share
    factor = np.where(differs, np.where(random.random(n_peaks) < 0.5, fold, 1 / fold), 1.0)
    table = pd.DataFrame({"chrom": "chr1", "start": 1000 * np.arange(n_peaks)})
    table["end"], table["name"] = table["start"] + 500, [f"p{i}" for i in range(n_peaks)]
    for sample, depth in zip(GROUPS, (1.0, 0.7, 1.4, 0.5, 1.0, 2.0), strict=True):
        expected = mean * depth * (factor if GROUPS[sample] == "b" else 1)
        table[sample] = random.poisson(random.gamma(1 / dispersion, expected * dispersion))
    return table, differs, factor


def test_figures_are_those_of_pydeseq2():
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    table, _, _ = simulated(1, 60)
    table.loc[5, list(GROUPS)] = 0
    found = epizoo.differential(table, GROUPS).set_index("name")
    counts = table.set_index("name")[list(GROUPS)].drop("p5").T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = DeseqDataSet(
            counts=counts,
            metadata=pd.DataFrame({"group": list(GROUPS.values())}, index=list(GROUPS)),
            design="~group",
            quiet=True,
        )
        data.deseq2()
        stats = DeseqStats(data, contrast=["group", "b", "a"], quiet=True)
        stats.summary()
    expected = stats.results_df
    ours = found.loc[expected.index]
    for own, theirs in (("log2_fold", "log2FoldChange"), ("p_value", "pvalue"), ("q_value", "padj")):
        np.testing.assert_allclose(ours[own], expected[theirs], rtol=1e-6)
    assert found.loc["p5", "mean_count"] == 0
    assert np.isnan(found.loc["p5", "p_value"])


def test_false_discoveries_stay_below_the_q_value_and_folds_are_right():
    table, differs, factor = simulated(0)
    found = epizoo.differential(table, GROUPS).set_index("name").loc[table["name"]]
    is_called = (found["q_value"] <= 0.05).to_numpy()
    false, true = (is_called & ~differs).sum(), (is_called & differs).sum()
    # 5% are expected; three standard deviations above it.
    assert false / (false + true) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / (false + true))
    assert true / differs.sum() > 0.9
    # The standard error of a fold is sqrt(2 * dispersion / 3) / ln 2 = 0.26, and fifty of them have a median.
    assert abs(np.median(found["log2_fold"].to_numpy()[differs] - np.log2(factor[differs]))) < 0.15


def test_swapped_groups_swap_the_sign():
    table, _, _ = simulated(4, 60)
    one = epizoo.differential(table, GROUPS, reference="a").set_index("name")
    other = epizoo.differential(table, GROUPS, reference="b", compared="a").set_index("name").loc[one.index]
    np.testing.assert_allclose(one["log2_fold"], -other["log2_fold"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one["p_value"], other["p_value"], rtol=1e-3)


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        (dict.fromkeys(GROUPS, "a"), {}, "expected two groups to compare"),
        ({**dict.fromkeys(GROUPS, "a"), "b1": "b"}, {}, "b has one sample, and without replicates"),
        ({**GROUPS, "a1": "c", "a2": "c"}, {}, "say which two to compare"),
        (GROUPS, {"reference": "z"}, "no group z, but a \\(3\\), b \\(3\\)"),
        (GROUPS, {"reference": "a", "compared": "a"}, "expected two groups"),
        ({name: group for name, group in GROUPS.items() if name != "b2"}, {}, "no group is stated for the sample b2"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(groups, options, message):
    with pytest.raises(InputError, match=message):
        epizoo.differential(simulated(1, 20)[0], groups, **options)


def test_counts_that_are_none_are_refused(tmp_path):
    table, _, _ = simulated(1, 20)
    path = tmp_path / "counts.tsv"
    table.assign(a1=0.5).to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match="a1 holds what is no whole number"):
        epizoo.differential(path, GROUPS)
    table[PLACE].to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match="and one for each sample"):
        epizoo.differential(path, GROUPS)
    with pytest.raises(InputError, match="no peak has a fragment in every sample"):
        epizoo.differential(table.assign(a1=0), GROUPS)
