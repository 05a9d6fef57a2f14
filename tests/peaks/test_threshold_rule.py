"""Threshold rules: their calls are those of brute force, and the one chosen lies amid its like."""

import numpy as np
import pandas as pd
import pytest
from made_stretches import BIN_BP, make_stretch

from epizoo.calling.peaks import call_peaks
from epizoo.peaks.threshold_rule import (
    ThresholdRule,
    choose_rule,
    rule_candidates,
    rule_errors,
    smooth,
    soft_calls,
)

RULE = ThresholdRule(4.0, 2.8, 0, 0)


def brute_force(level, rule):
    """Bins of runs of at least `extend` that reach `enter`, bin by bin."""
    inside = np.zeros(len(level), bool)
    for i in range(len(level)):
        low = i
        while low >= 0 and level[low] >= rule.extend:
            low -= 1
        high = i
        while high < len(level) and level[high] >= rule.extend:
            high += 1
        inside[i] = low < i < high and level[low + 1 : high].max() >= rule.enter
    return inside


@pytest.mark.parametrize("seed", range(5))
def test_bins_called_at_one_half_are_those_of_the_rule(seed):
    level = np.random.default_rng(seed).gamma(2.0, 1.5, 400)
    calls = soft_calls(level, RULE, 8.0)
    np.testing.assert_array_equal(calls >= 0.5, brute_force(level, RULE))
    peaks = call_peaks("chr1", 0, level / (1 + level), level, RULE.calling(), bin_bp=BIN_BP, chrom_size=400 * BIN_BP)
    covered = np.zeros(400, bool)
    for start, end in zip(peaks["start"], peaks["end"], strict=True):
        covered[start // BIN_BP : end // BIN_BP] = True
    np.testing.assert_array_equal(covered, brute_force(level, RULE))


def test_calls_are_as_sure_as_the_smaller_margin():
    # One bin of a lone run: its height over `enter` is the smaller margin; below `extend` the other one is.
    high, low = soft_calls(np.array([0.0, 6.0, 0.0, 1.4, 0.0]), RULE, 2.0)[[1, 3]]
    assert high == pytest.approx(1.5**2 / (1 + 1.5**2))
    assert low == pytest.approx(0.5**2 / (1 + 0.5**2))


def test_smoothing_keeps_the_sum_and_its_middle():
    impulse = np.zeros(21)
    impulse[10] = 1
    assert np.flatnonzero(smooth(impulse, 250, 50)).tolist() == [8, 9, 10, 11, 12]
    assert smooth(impulse, 250, 50).sum() == pytest.approx(1)
    np.testing.assert_array_equal(smooth(impulse, 50, 50), impulse)


def test_a_rule_between_background_and_peaks_satisfies_labels_and_others_do_not():
    # Background at 0.5 scales, peaks at 50.
    errors = rule_errors([make_stretch()], [ThresholdRule(t, t, 0, 0) for t in (0.3, 5.0, 90.0)], BIN_BP, BIN_BP)
    wrong = {rule.enter: int(table["wrong"].sum()) for rule, table in errors.items()}
    assert wrong[5.0] == 0
    assert wrong[0.3] > 0
    assert wrong[90.0] > 0


def test_the_middle_of_a_plain_is_chosen_and_left_out_labels_have_no_say():
    rules = rule_candidates(2.0 * 1.2 ** np.arange(9), (0.8,), (100,), 100)

    def table(wrong_here, wrong_there):
        rows = [("chr1", 0, 1, "peaks", wrong_here), ("chr2", 0, 1, "peaks", wrong_there)]
        return pd.DataFrame(rows, columns=["chrom", "start", "end", "annotation", "wrong"])

    # A lone good rule at one end, a plain of five at the other; chr2 would have it the other way round.
    good = {0, 4, 5, 6, 7, 8}
    errors = {rule: table(number not in good, number in good) for number, rule in enumerate(rules)}
    assert choose_rule(errors, {"chr2"}) in rules[5:]
    assert choose_rule(errors, {"chr1"}) in rules[1:4]
