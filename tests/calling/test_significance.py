"""q-values against SciPy's, and cut-offs counted by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from epizoo.calling.significance import cutoff_table, significant, with_q_values


def candidates(log10_p, width_bp=100):
    return pd.DataFrame({"start": 0, "end": width_bp, "pValue": np.asarray(log10_p, float)})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_bp", [5_000, 100_000])
def test_q_values_are_those_of_benjamini_and_hochberg_over_all_places(seed, n_bp):
    log10_p = np.random.default_rng(seed).exponential(2.0, 30)
    log10_p[3] = log10_p[7]
    others = np.ones(n_bp // 100 - 30)
    expected = false_discovery_control(np.concatenate([10**-log10_p, others]))[:30]
    found = with_q_values(candidates(log10_p), n_bp)["qValue"]
    np.testing.assert_allclose(10.0**-found, expected, rtol=1e-9)


def test_a_wider_peak_was_looked_for_in_fewer_places():
    peaks = pd.concat([candidates([6.0], 100), candidates([6.0], 1_000)])
    assert with_q_values(peaks, 1_000_000)["qValue"].tolist() == pytest.approx([2 + np.log10(2), 3])


def test_no_q_value_is_better_than_that_of_a_better_p_value():
    found = with_q_values(candidates(np.random.default_rng(0).exponential(3.0, 200)), 10_000)
    ordered = found.sort_values("pValue")["qValue"].to_numpy()
    assert (np.diff(ordered) >= 0).all()


def test_candidates_of_a_file_of_noise_are_seldom_significant():
    # 1,000 places of 50 bp with 5 reads each: the most extreme of each file, called as a peak, is a discovery in at
    # most one file of twenty.
    random = np.random.default_rng(1)
    found = 0
    for _ in range(400):
        highest = random.poisson(5.0, 1_000).max()
        tail = 1 - sum(np.exp(-5.0) * 5.0**k / np.prod(np.arange(1.0, k + 1)) for k in range(highest))
        found += len(significant(with_q_values(candidates([-np.log10(tail)], 50), 50_000), 0.05))
    assert found <= 0.05 * 400 + 2 * np.sqrt(0.05 * 400)


def test_unknown_p_values_have_no_q_value_and_are_kept():
    found = with_q_values(candidates([-1.0, -1.0]), 1_000)
    assert found["qValue"].tolist() == [-1, -1]
    assert len(significant(found, 1e-9)) == 2


def test_cutoffs_count_what_they_leave():
    peaks = pd.DataFrame(
        {"start": [0, 0, 0], "end": [100, 200, 300], "pValue": [9.0, 5.0, 4.0], "qValue": [6.0, 2.0, 1.2]}
    )
    table = cutoff_table(peaks).set_index("qscore")
    assert table.loc[[5.0, 2.0, 1.3, 1.0, 0.0], "npeaks"].tolist() == [1, 2, 2, 3, 3]
    assert table.loc[2.0].tolist() == [5.0, 2, 300, 150]
    assert table.index.max() == 5.0
