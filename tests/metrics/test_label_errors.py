"""PeakError's rules, by its own published examples, and bootstraps against exact counts."""

import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.metrics.label_errors import assign_loci, compare, label_errors, region_rates, summarise

# github.com/tdhock/PeakError, tests/testthat/test-examples.R: one region [10, 20), the peaks, then true positives and
# false positives for peakStart, peakEnd, noPeaks and peaks.
EXAMPLES = [
    ([(15, 25)], (1, 0), (0, 0), (0, 1), (1, 0)),
    ([], (0, 0), (0, 0), (0, 0), (0, 0)),
    ([(20, 30)], (0, 0), (0, 0), (0, 0), (0, 0)),
    ([(12, 15)], (1, 0), (1, 0), (0, 1), (1, 0)),
    ([(12, 15), (18, 25)], (1, 1), (1, 0), (0, 1), (1, 0)),
    ([(5, 12), (15, 18)], (1, 0), (1, 1), (0, 1), (1, 0)),
    ([(5, 12)], (0, 0), (1, 0), (0, 1), (1, 0)),
    ([(5, 25)], (0, 0), (0, 0), (0, 1), (1, 0)),
]
# Region [4, 8) of the same file's "boundaries are correct", in the same order.
BOUNDARIES = [
    ([(1, 4), (8, 10)], (0, 0), (0, 0), (0, 0), (0, 0)),
    ([(1, 5), (8, 10)], (0, 0), (1, 0), (0, 1), (1, 0)),
    ([(1, 4), (7, 10)], (1, 0), (0, 0), (0, 1), (1, 0)),
]
# What src/PeakError.c says of equal coordinates: a start on the region's start and an end on its end are inside.
EQUAL = [
    ([(10, 20)], (1, 0), (1, 0), (0, 1), (1, 0)),
    ([(9, 20), (20, 21)], (0, 0), (1, 0), (0, 1), (1, 0)),
    ([(9, 10), (10, 21)], (1, 0), (0, 0), (0, 1), (1, 0)),
]
ORDER = ("peakStart", "peakEnd", "noPeaks", "peaks")


def table(rows, chrom="chr1"):
    return pd.DataFrame(rows, columns=["start", "end"], dtype="int64").assign(chrom=chrom)


@pytest.mark.parametrize("column", range(4), ids=ORDER)
@pytest.mark.parametrize("offset", [0, 249_250_000])
def test_peakerrors_own_examples(column, offset):
    for region, examples in (((10, 20), EXAMPLES + EQUAL), ((4, 8), BOUNDARIES)):
        for peaks, *expected in examples:
            label = table([region]).assign(annotation=ORDER[column])
            label[["start", "end"]] += offset
            called = table(peaks)
            called[["start", "end"]] += offset
            found = label_errors(label, called).iloc[0]
            true_positive, false_positive = expected[column]
            assert found["false_positive"] == false_positive
            assert found["false_negative"] == (ORDER[column] != "noPeaks" and not true_positive)
            assert found["wrong"] == (found["false_positive"] or found["false_negative"])


def test_peaks_of_another_chromosome_do_not_count():
    label = table([(10, 20)]).assign(annotation="noPeaks")
    assert not label_errors(label, table([(12, 15)], "chr12"))["wrong"].any()


def test_bad_labels_and_peaks_are_refused():
    label = table([(10, 20)]).assign(annotation="maybe")
    with pytest.raises(InputError, match="'maybe'"):
        label_errors(label, table([]))
    with pytest.raises(InputError, match=r"chr1:5-9.* overlap"):
        label_errors(label.assign(annotation="peaks"), table([(8, 12), (1, 3), (5, 9)]))


def made_up(rates, far=1_000_000):
    """One region of 10 labels in each of as many far loci, so many of them wrong."""
    rows = [
        {"chrom": "chr1", "start": i * far, "end": i * far + 100, "annotation": "peaks", "wrong": j < wrong}
        for i, wrong in enumerate(rates)
        for j in range(10)
    ]
    return pd.DataFrame(rows)


def test_loci_are_regions_near_each_other():
    labels = table([(0, 10), (20_000, 30_000), (80_000, 90_000), (80_001, 200_000), (249_999, 250_100)])
    labels.loc[4, "chrom"] = "chr1"
    assert assign_loci(labels).tolist() == [1, 1, 1, 1, 1]
    assert assign_loci(labels, gap_bp=49_998).tolist() == [1, 1, 2, 2, 3]


def test_summary_counts_labels_and_regions():
    errors = pd.concat([made_up([0, 10, 5]), made_up([0, 10, 5])[:20]])
    summary = summarise(errors, n_draws=200)
    assert (summary.n_labels, summary.n_wrong, summary.n_regions, summary.n_loci) == (50, 25, 3, 3)
    assert summary.wrong_labels.value == 0.5
    assert summary.mean_over_regions.value == 0.5
    assert region_rates(errors)["wrong_rate"].tolist() == [0.0, 1.0, 0.5]


def test_bootstrap_has_the_width_of_the_exact_resampling_distribution():
    # Of n loci half are wrong: the resampled mean is Binomial(n, 1/2) / n.
    summary = summarise(made_up([0, 10] * 8), n_draws=20_000)
    assert summary.mean_over_regions.low == pytest.approx(4 / 16)
    assert summary.mean_over_regions.high == pytest.approx(12 / 16)


def test_paired_bootstrap_removes_what_both_callers_share():
    random = np.random.default_rng(0)
    rates = random.integers(2, 9, size=30)
    worse, better = made_up(rates), made_up(rates - 1)
    comparison = compare(better, worse)
    assert comparison.difference == pytest.approx((-0.1, -0.1, -0.1))
    assert comparison.share_better == 1
    with pytest.raises(InputError, match="different labels"):
        compare(better, worse[:-1])


def test_few_loci_have_no_interval_and_no_share_of_draws():
    few, enough = (made_up([10] * n_loci) for n_loci in (4, 5))
    assert np.isnan(summarise(few).wrong_labels[1:]).all()
    assert np.isnan(summarise(few).mean_over_regions[1:]).all()
    assert np.isnan(compare(few, few.assign(wrong=False)).share_better)
    assert compare(few, few.assign(wrong=False)).in_words() == "no interval of fewer than 5 loci"
    assert summarise(enough).wrong_labels == (1, 1, 1)
    assert compare(enough, enough.assign(wrong=False)).share_better == 0


def test_a_caller_is_not_better_than_itself():
    errors = made_up([0, 10, 5, 5, 5, 2])
    comparison = compare(errors, errors)
    assert comparison.difference == (0, 0, 0)
    assert comparison.share_better == 0


def test_a_long_region_reaches_beyond_those_inside_it():
    assert assign_loci(table([(0, 100_000), (10, 20), (120_000, 130_000)])).tolist() == [1, 1, 1]
