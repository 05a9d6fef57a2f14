"""Peaks against a per-bin brute force, and in pieces against the whole."""

import itertools

import numpy as np
import pandas as pd
import pytest

from epizoo.calling.peaks import NARROWPEAK_COLUMNS, PeakCallingConfig, PeakCollector, call_peaks
from epizoo.errors import InputError

BIN_BP = 10
CONFIGS = [
    PeakCallingConfig(),
    PeakCallingConfig(enter_probability=0.8, extend_probability=0.3),
    PeakCallingConfig(enter_probability=0.7, extend_probability=0.4, merge_gap_bp=30, min_width_bp=40),
    PeakCallingConfig(enter_probability=0.9, extend_probability=0.2, merge_gap_bp=35, background_bp=300),
    PeakCallingConfig(enter_probability=1.0, extend_probability=1.0, background_bp=0),
]


def brute_force(start_bin, probabilities, summits, signal, config, chrom_size):
    """(start, end, score, summit position, fold) of every peak, one bin at a time."""
    spans, current = [], None
    for i, probability in enumerate([*probabilities, -1.0]):
        if probability >= config.extend_probability:
            current = [i, i + 1] if current is None else [current[0], i + 1]
        elif current is not None:
            if any(p >= config.enter_probability for p in probabilities[current[0] : current[1]]):
                spans.append(current)
            current = None
    merged = []
    for span in spans:
        if merged and (span[0] - merged[-1][1]) * BIN_BP <= config.merge_gap_bp:
            merged[-1][1] = span[1]
        else:
            merged.append(list(span))
    found = []
    for low, high in merged:
        start, end = (start_bin + low) * BIN_BP, min((start_bin + high) * BIN_BP, chrom_size)
        if end - start < max(1, config.min_width_bp):
            continue
        inside = [i for i in range(low, high) if probabilities[i] >= config.extend_probability]
        # Bins in a merged gap are no candidates: they are below the threshold, or in a run that never entered.
        inside = [i for i in inside if run_enters(i, probabilities, config)]
        best = max(inside, key=lambda i: (np.float32(summits[i] * signal[i]), -i))
        summit = min((start_bin + best) * BIN_BP + BIN_BP // 2, end - 1)
        background = brute_force_background(best, probabilities, signal, config)
        score = round(1000 * float(max(probabilities[low:high])))
        found.append((start, end, score, summit - start, float(signal[best]) / max(background, 2.0)))
    return found


def run_enters(i, probabilities, config):
    left = right = i
    while left > 0 and probabilities[left - 1] >= config.extend_probability:
        left -= 1
    while right + 1 < len(probabilities) and probabilities[right + 1] >= config.extend_probability:
        right += 1
    return max(probabilities[left : right + 1]) >= config.enter_probability


def brute_force_background(best, probabilities, signal, config):
    block = max(1, config.background_bp // (10 * BIN_BP))
    reach = round(config.background_bp / (block * BIN_BP))
    below = [i for i, p in enumerate(probabilities) if p < config.extend_probability]
    near = [i for i in below if abs(i // block - best // block) <= reach] or below
    return sum(float(signal[i]) for i in near) / max(len(near), 1)


def stretch(seed, n_bins=400):
    """Smooth random probabilities that cross every threshold often, with plateaus, ties and stretches of zero."""
    rng = np.random.default_rng(seed)
    noise = np.convolve(rng.normal(size=n_bins + 8), np.ones(9) / 3, mode="valid")
    probabilities = np.round(1 / (1 + np.exp(-3 * noise)), 1).astype(np.float32)
    summits = np.round(rng.uniform(size=n_bins), 1).astype(np.float32)
    signal = rng.poisson(3, size=n_bins).astype(np.float32) * (rng.uniform(size=n_bins) < 0.7)
    return probabilities, summits, signal.astype(np.float32)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("seed", range(8))
def test_peaks_match_brute_force(config, seed):
    arrays = stretch(seed)
    start_bin, chrom_size = 7, (7 + 400) * BIN_BP - 4
    peaks = call_peaks("chr1", start_bin, *arrays, config, bin_bp=BIN_BP, chrom_size=chrom_size, least_background=2.0)
    expected = brute_force(start_bin, *arrays, config, chrom_size)
    found = list(peaks[["start", "end", "score", "peak"]].itertuples(index=False, name=None))
    assert found == [row[:4] for row in expected]
    np.testing.assert_allclose(peaks["signalValue"], [row[4] for row in expected], rtol=1e-12)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("cuts", [[1], [200], [3, 4, 5, 6], list(range(1, 400)), list(range(0, 400, 37))])
def test_pieces_give_the_peaks_of_the_whole(config, cuts):
    arrays = stretch(seed=11)
    options = {"bin_bp": BIN_BP, "chrom_size": 10_000, "least_background": 0.5}
    collector = PeakCollector("chr2", 5, config, **options)
    for low, high in itertools.pairwise([0, *cuts, 400]):
        collector.add(*(array[low:high] for array in arrays))
    pd.testing.assert_frame_equal(collector.finish(), call_peaks("chr2", 5, *arrays, config, **options))


def test_a_peak_may_cover_the_whole_chromosome():
    ones = np.ones(12, dtype=np.float32)
    config = PeakCallingConfig(merge_gap_bp=100)
    peaks = call_peaks("chrM", 0, ones, ones, ones, config, bin_bp=BIN_BP, chrom_size=113)
    assert peaks.to_dict("records") == [
        dict(zip(NARROWPEAK_COLUMNS, ("chrM", 0, 113, "chrM_peak_1", 1000, ".", 1.0, -1.0, -1.0, 5), strict=True))
    ]


@pytest.mark.parametrize("n_bins", [0, 50])
def test_no_peaks_give_an_empty_table_of_the_same_types(n_bins):
    none = np.zeros(n_bins, dtype=np.float32)
    config = PeakCallingConfig()
    empty = call_peaks("chr1", 0, none, none, none, config, bin_bp=BIN_BP, chrom_size=500)
    some = call_peaks("chr1", 0, *stretch(0), config, bin_bp=BIN_BP, chrom_size=5000)
    assert len(empty) == 0
    assert len(some) > 0
    assert list(empty.columns) == list(NARROWPEAK_COLUMNS)
    assert dict(empty.dtypes) == dict(some.dtypes)


def test_bins_past_the_chromosome_never_make_a_peak():
    ones = np.ones(20, dtype=np.float32)
    peaks = call_peaks("chr1", 90, ones, ones, ones, PeakCallingConfig(), bin_bp=BIN_BP, chrom_size=900)
    assert peaks.empty


def test_config_survives_a_round_trip():
    for config in CONFIGS:
        assert PeakCallingConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"enter_probability": 0.3, "extend_probability": 0.5}, "extend_probability is 0.5"),
        ({"extend_probability": 0.0}, "extend_probability is 0.0"),
        ({"min_width_bp": -1}, "min_width_bp is -1"),
        ({"min_width": 100}, "unknown key 'min_width'"),
    ],
)
def test_impossible_configs_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        PeakCallingConfig.from_dict(values)
