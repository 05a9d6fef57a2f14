"""Peaks against a per-bin brute force, and in pieces against the whole."""

import dataclasses
import itertools
import math

import numpy as np
import pandas as pd
import pytest

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.peaks import PEAK_COLUMNS, PeakCollector, call_peaks, candidate_table, name_peaks
from epizoo.calling.significance import with_q_values
from epizoo.calling.stretches import Stretch
from epizoo.calling.summits import smoothing_bins
from epizoo.errors import InputError

BIN_BP = 10
CONFIGS = [
    PeakCallingConfig(),
    PeakCallingConfig(enter_probability=0.8, extend_probability=0.3),
    PeakCallingConfig(enter_probability=0.7, extend_probability=0.4, merge_gap_bp=30, min_width_bp=40),
    PeakCallingConfig(
        enter_probability=0.9, extend_probability=0.2, merge_gap_bp=35, background_bp=300, summit_smoothing_bp=50
    ),
    PeakCallingConfig(0.6, 0.1, merge_gap_bp=60, summit_smoothing_bp=30, summit_valley=0.9),
    PeakCallingConfig(enter_probability=1.0, extend_probability=1.0, background_bp=0),
]


def brute_force(start_bin, probabilities, signal, config, bounds):
    """(start, end, score, summit offset, blocks, summit offsets, fold) of every peak, one bin at a time."""
    runs, current = [], None
    for i, probability in enumerate([*probabilities, -1.0]):
        if probability >= config.extend_probability:
            current = [i, i + 1] if current is None else [current[0], i + 1]
        elif current is not None:
            if any(p >= config.enter_probability for p in probabilities[current[0] : current[1]]):
                runs.append(current)
            current = None
    merged = []
    for run in runs:
        if merged and (run[0] - merged[-1][-1][1]) * BIN_BP <= config.merge_gap_bp:
            merged[-1].append(run)
        else:
            merged.append([run])
    found = []
    for peak in merged:
        spans = [(max((start_bin + i) * BIN_BP, bounds[0]), min((start_bin + j) * BIN_BP, bounds[1])) for i, j in peak]
        start, end = spans[0][0], spans[-1][1]
        if end - start < max(1, config.min_width_bp):
            continue
        summits = []
        for (low, high), (left, right) in zip(peak, spans, strict=True):
            for i, offset, height in brute_force_summits(signal[low:high], config):
                place = min(max(math.floor(round((start_bin + low + i + 0.5 + offset) * BIN_BP, 3)), left), right - 1)
                summits.append((height, low + i, place))
        best = max(summits, key=lambda summit: summit[0])
        background = brute_force_background(best[1], probabilities, signal, config)
        score = round(1000 * float(max(p for low, high in peak for p in probabilities[low:high])))
        blocks = [(left - start, right - left) for left, right in spans]
        fold = float(signal[best[1]]) / max(background, 2.0)
        places = [place - start for _, _, place in summits]
        found.append((start, end, score, best[2] - start, blocks, places, fold))
    return found


def brute_force_summits(signal, config):
    """(bin, offset, height) of each summit of a run: every pair of maxima is looked at."""
    width = smoothing_bins(config.summit_smoothing_bp, BIN_BP)
    weights = [width - abs(k) for k in range(-width + 1, width)]
    smooth = [
        sum(w * signal[i + k] for k, w in enumerate(weights, start=-width + 1) if 0 <= i + k < len(signal)) / width**2
        for i in range(len(signal))
    ]
    if max(smooth) == 0:
        return [((len(signal) - 1) // 2, 0.0, 0.0)]
    kept = []
    # From the highest on, a maximum counts where a valley parts it from each higher one that counts.
    for i in sorted(range(len(smooth)), key=lambda i: (-smooth[i], i)):
        between = [min(smooth[min(i, j) : max(i, j) + 1]) for j in kept]
        if smooth[i] > 0 and all(low <= config.summit_valley * smooth[i] for low in between):
            kept.append(i)
    found = []
    for i in sorted(kept):
        offset = 0.0
        if 0 < i < len(smooth) - 1:
            before, here, after = smooth[i - 1 : i + 2]
            curvature = before - 2 * here + after
            offset = min(max(0.5 * (before - after) / curvature, -0.5), 0.5) if curvature < -1e-12 else 0.0
        found.append((i, offset, smooth[i]))
    return found


def brute_force_background(best, probabilities, signal, config):
    block = max(1, config.background_bp // (10 * BIN_BP))
    reach = round(config.background_bp / (block * BIN_BP))
    below = [i for i, p in enumerate(probabilities) if p < config.extend_probability]
    near = [i for i in below if abs(i // block - best // block) <= reach]
    return sum(float(signal[i]) for i in near) / max(len(near), 1)


def stretch(seed, n_bins=400):
    """Smooth random probabilities that cross every threshold often, with plateaus, ties and stretches of zero."""
    rng = np.random.default_rng(seed)
    noise = np.convolve(rng.normal(size=n_bins + 8), np.ones(9) / 3, mode="valid")
    probabilities = np.round(1 / (1 + np.exp(-3 * noise)), 1).astype(np.float32)
    # Irregular numbers, so that no two sums are equal but for rounding.
    signal = rng.gamma(1.0, 3.0, size=n_bins) * (rng.uniform(size=n_bins) < 0.7)
    return probabilities, signal.astype(np.float32)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("seed", range(8))
def test_peaks_match_brute_force(config, seed):
    arrays = stretch(seed)
    start_bin, bounds = 7, (7 * BIN_BP + 3, (7 + 400) * BIN_BP - 4)
    collector = PeakCollector(
        [Stretch("chr1", start_bin, start_bin + 400, [bounds])], config, bin_bp=BIN_BP, least_background=2.0
    )
    collector.add(*arrays)
    peaks = candidate_table([collector.finish()])
    expected = brute_force(start_bin, *arrays, config, bounds)
    assert len(expected) > 3
    found = list(peaks[["start", "end", "score"]].itertuples(index=False, name=None))
    assert found == [row[:3] for row in expected]
    for peak, row in zip(peaks.itertuples(), expected, strict=True):
        blocks = zip(numbers(peak.blockStarts), numbers(peak.blockSizes), strict=True)
        assert list(blocks) == row[4]
        # Sums in another order may round a place to the next bp.
        np.testing.assert_allclose([peak.peak, *numbers(peak.summits)], [row[3], *row[5]], atol=1)
    np.testing.assert_allclose(peaks["signalValue"], [row[6] for row in expected], rtol=1e-6)


def numbers(text):
    return [int(part) for part in text.split(",")]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("cuts", [[1], [200], [3, 4, 5, 6], list(range(1, 400)), list(range(0, 400, 37))])
def test_pieces_give_the_peaks_of_the_whole(config, cuts):
    arrays = stretch(seed=11)
    options = {"bin_bp": BIN_BP, "least_background": 0.5}
    collector = PeakCollector([Stretch("chr2", 5, 405, [(0, 10_000)])], config, **options)
    for low, high in itertools.pairwise([0, *cuts, 400]):
        collector.add(*(array[low:high] for array in arrays))
    pd.testing.assert_frame_equal(
        name_peaks(candidate_table([collector.finish()])),
        call_peaks("chr2", 5, *arrays, config, chrom_size=10_000, **options),
    )


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("has_control", [False, True])
def test_stretches_side_by_side_have_the_peaks_that_each_has_alone(config, has_control):
    rng = np.random.default_rng(4)
    options = {"bin_bp": BIN_BP, "least_background": 0.5, "reads_per_unit": 2.0, "reads_per_area": 0.1}
    given, parts, alone = [], [], []
    for number, n_bins in enumerate([400, 1, 7, 90, 401]):
        start_bin = int(rng.integers(0, 50))
        low, high = start_bin * BIN_BP, (start_bin + n_bins) * BIN_BP
        # Peaks at the ends, and what was asked for in one part or in two.
        asked = [(low, high - 3)] if n_bins < 90 else [(low, low + 355), (low + 380, high)]
        given.append(Stretch(f"chr{number}", start_bin, start_bin + n_bins, asked))
        arrays = list(stretch(number, n_bins))
        arrays[0][[0, -1]] = 1.0
        if has_control:
            arrays.append(rng.gamma(1.0, 2.0, n_bins).astype(np.float32))
        parts.append(arrays)
        collector = PeakCollector(given[-1:], config, **options)
        collector.add(*arrays)
        alone.append(collector.finish())
    collector = PeakCollector(given, config, **options)
    collector.add(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    expected = candidate_table(alone)
    pd.testing.assert_frame_equal(candidate_table([collector.finish()]), expected, rtol=1e-9)
    assert expected["chrom"].nunique() >= 3


@pytest.mark.parametrize("seed", range(4))
def test_weak_peaks_are_those_of_their_own_rule_that_overlap_no_other(seed):
    arrays = stretch(seed, 1_200)
    place = {"bin_bp": BIN_BP, "chrom_size": 12_000, "reads_per_area": 0.5}
    config = PeakCallingConfig(
        0.9, 0.8, merge_gap_bp=20, background_bp=300, most_q=0.5, weak_probability=0.3, weak_q=0.2
    )
    peaks, weak = (call_peaks("chr1", 0, *arrays, tier, **place) for tier in config.tiers)
    assert [tier.enter_probability for tier in config.tiers] == [0.9, 0.3]
    assert [tier.most_q for tier in config.tiers] == [0.5, 0.2]
    alone = [
        row for row in weak.itertuples() if not any(row.start < end and start < row.end for start, end in spans(peaks))
    ]
    expected = sorted([*spans(peaks), *((row.start, row.end) for row in alone)])
    found = call_peaks("chr1", 0, *arrays, config, **place)
    assert spans(found) == expected
    assert found["name"].tolist() == [f"chr1_peak_{number}" for number in range(1, len(found) + 1)]
    assert 0 < len(alone) < len(weak)
    # Nothing tells weak peaks from noise where reads are not known.
    pd.testing.assert_frame_equal(
        call_peaks("chr1", 0, *arrays, config, **place | {"reads_per_area": None}),
        call_peaks("chr1", 0, *arrays, config.tiers[0], **place | {"reads_per_area": None}),
    )


def spans(peaks):
    return list(zip(peaks["start"].tolist(), peaks["end"].tolist(), strict=True))


@pytest.mark.parametrize(("probability", "most_q"), [(0.5, 0.01), (0.0, 0.01), (0.1, 0.0), (0.1, 0.06)])
def test_weak_peaks_must_be_weaker_and_more_significant(probability, most_q):
    with pytest.raises(InputError, match="weak peaks"):
        PeakCallingConfig(0.5, 0.4, most_q=0.05, weak_probability=probability, weak_q=most_q)
    rule = PeakCallingConfig(0.5, 0.4, most_q=0.05, weak_probability=0.1, weak_q=0.01)
    assert PeakCallingConfig.from_dict(rule.to_dict()) == rule


def test_a_peak_may_cover_the_whole_chromosome():
    ones = np.ones(12, dtype=np.float32)
    config = PeakCallingConfig(merge_gap_bp=100)
    peaks = call_peaks("chrM", 0, ones, ones, config, bin_bp=BIN_BP, chrom_size=113)
    row = ("chrM", 0, 113, "chrM_peak_1", 1000, ".", 1.0, -1.0, -1.0, 60, "0", "113", "60")
    assert peaks.to_dict("records") == [dict(zip(PEAK_COLUMNS, row, strict=True))]


@pytest.mark.parametrize("n_bins", [0, 50])
def test_no_peaks_give_an_empty_table_of_the_same_types(n_bins):
    none = np.zeros(n_bins, dtype=np.float32)
    config = PeakCallingConfig()
    empty = call_peaks("chr1", 0, none, none, config, bin_bp=BIN_BP, chrom_size=500)
    some = call_peaks("chr1", 0, *stretch(0), config, bin_bp=BIN_BP, chrom_size=5000)
    assert len(empty) == 0
    assert len(some) > 0
    assert list(empty.columns) == list(PEAK_COLUMNS)
    assert dict(empty.dtypes) == dict(some.dtypes)


def test_bins_past_the_chromosome_never_make_a_peak():
    ones = np.ones(20, dtype=np.float32)
    peaks = call_peaks("chr1", 90, ones, ones, PeakCallingConfig(), bin_bp=BIN_BP, chrom_size=900)
    assert peaks.empty


def test_config_survives_a_round_trip():
    for config in [*CONFIGS, PeakCallingConfig(calibration=((0.5, 0.3), (1.0, 0.9)))]:
        assert PeakCallingConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"enter_probability": 0.3, "extend_probability": 0.5}, r"extend_probability\b.*0\.5\b.*0\.3\b"),
        ({"extend_probability": 0.0}, r"extend_probability\b.*0\.0\b"),
        ({"min_width_bp": -1}, r"min_width_bp\b.*-1\b"),
        ({"min_width": 100}, r"\bmin_width\b"),
        ({"summit_valley": 1.0}, r"summit_valley\b.*1\.0\b"),
        ({"calibration": [[0.5, 0.4], [0.5, 0.9]]}, r"\bcalibration\b"),
        ({"calibration": [[0.5, 0.4], [0.7, 0.3]]}, r"\bcalibration\b"),
        ({"calibration": [[0.5, 0.4], [0.7, 1.3]]}, r"\bcalibration\b"),
    ],
)
def test_impossible_configs_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        PeakCallingConfig.from_dict(values)


def test_scores_are_calibrated_probabilities():
    probabilities = np.array([0.6, 0.0, 0.8, 0.9, 0.0], np.float32)
    config = PeakCallingConfig(calibration=((0.5, 0.1), (0.7, 0.3), (0.9, 0.9)))
    ones = np.ones(5, np.float32)
    peaks = call_peaks("chr1", 0, probabilities, ones, config, bin_bp=BIN_BP, chrom_size=100)
    assert peaks["score"].tolist() == [200, 900]


def test_a_summit_lies_in_the_middle_of_a_plateau_and_not_on_its_noise():
    signal = np.array([1, 1, 1, 9, 1, 1, 1, 1, 6, 7, 7, 7, 7, 7, 6, 1, 1, 1, 1, 1], np.float32)
    config = PeakCallingConfig(summit_smoothing_bp=50)
    peaks = call_peaks("chr1", 0, np.ones(20, np.float32), signal, config, bin_bp=BIN_BP, chrom_size=200)
    assert peaks["peak"].tolist() == [115]


CONTROLLED = PeakCallingConfig(0.5, 0.5, summit_smoothing_bp=0)


def controlled(signal, control, config=CONTROLLED, **options):
    """Two peaks of five bins, at bins 20 and 60 of 100, on a signal that is 1 elsewhere."""
    probabilities, heights, beside = np.zeros(100), np.ones(100), np.ones(100)
    for first, height, other in zip((20, 60), signal, control, strict=True):
        probabilities[first : first + 5], heights[first : first + 5] = 0.9, height
        beside[first : first + 5] = other
    return call_peaks(
        "chr1", 0, probabilities, heights, config, bin_bp=BIN_BP, chrom_size=1_000, control=beside, **options
    )


def test_the_fold_is_over_the_larger_of_local_background_and_control():
    peaks = controlled((12.0, 12.0), (4.0, 0.5))
    assert peaks["signalValue"].tolist() == [3.0, 12.0]
    assert peaks["name"].tolist() == ["chr1_peak_1", "chr1_peak_2"]


def test_what_does_not_rise_above_its_control_is_dropped():
    assert controlled((12.0, 12.0), (12.0, 11.0))["start"].tolist() == [600]
    assert controlled((12.0, 30.0), (40.0, 30.0)).empty


def test_an_artefact_of_the_control_takes_no_peak_beside_it_along():
    joined = dataclasses.replace(CONTROLLED, merge_gap_bp=400)
    peaks = controlled((30.0, 25.0), (40.0, 1.0), joined)
    assert peaks[["start", "end", "summits"]].to_numpy().tolist() == [[600, 650, "5"]]
    assert peaks["signalValue"].tolist() == [25.0]
    both = controlled((30.0, 25.0), (20.0, 1.0), joined)
    assert both[["start", "end", "summits"]].to_numpy().tolist() == [[200, 650, "5,405"]]


@pytest.mark.parametrize("cut", [21, 24, 60, 64])
def test_a_control_in_pieces_gives_the_same_peaks(cut):
    random = np.random.default_rng(cut)
    probabilities = np.repeat(random.random(20), 5)
    signal, control = random.gamma(2, 3, 100), random.gamma(2, 2, 100)
    options = {"bin_bp": BIN_BP, "reads_per_unit": 0.7, "reads_per_area": 0.1}
    config = PeakCallingConfig(0.6, 0.6, score_evidence=True, background_bp=100)
    collector = PeakCollector([Stretch("chr1", 0, 100, [(0, 1_000)])], config, **options)
    for part in (slice(0, cut), slice(cut, 100)):
        collector.add(probabilities[part], signal[part], control[part])
    whole = call_peaks("chr1", 0, probabilities, signal, config, chrom_size=1_000, control=control, **options)
    pd.testing.assert_frame_equal(name_peaks(with_q_values(candidate_table([collector.finish()]), 1_000)), whole)
    assert (whole["pValue"] >= 0).all()
    assert len(set(whole["pValue"])) > 1


def test_a_score_of_evidence_tells_peaks_apart_that_are_equally_certain():
    # 40 and 80 reads where 2 are expected: odds of 9 times the Poisson tail of each, summed term by term.
    config = dataclasses.replace(CONTROLLED, score_evidence=True)
    peaks = controlled((20.0, 40.0), (0.0, 0.0), config, reads_per_unit=2.0)
    tails = [math.fsum(2.0**k * math.exp(-2.0) / math.factorial(k) for k in range(n, n + 60)) for n in (40, 80)]
    assert peaks["score"].tolist() == [round(200 * math.log10(1 + 9 * -math.log10(tail))) for tail in tails]
    assert controlled((20.0, 40.0), (0.0, 0.0))["score"].tolist() == [900, 900]
    # Reads as such make no evidence: a control as high as the peak leaves none.
    assert controlled((20.0, 40.0), (19.9, 0.0), config, reads_per_unit=2.0)["score"][0] < 150


def reads_tail(reads, expected):
    """-log10 of the Poisson probability of so many whole reads or more, summed term by term."""
    terms = (expected**k * math.exp(-expected) / math.factorial(k) for k in range(reads, reads + 60))
    return -math.log10(math.fsum(terms))


def test_p_values_are_of_the_reads_over_the_whole_width_in_the_surroundings():
    # Five bins of 10 bp and 0.04 reads a bp and unit: 2 reads a fold. All 100 bins are the surroundings of both peaks.
    peaks = controlled((7.0, 8.0), (0.0, 0.0), reads_per_area=0.04)
    expected = 2 * (90 + 5 * 7.0 + 5 * 8.0) / 100
    assert peaks["pValue"].tolist() == pytest.approx([reads_tail(14, expected), reads_tail(16, expected)])
    # Of a wider peak all bins count, with what they would hold at the background.
    wide = call_peaks(
        "chr1",
        0,
        np.repeat([0.0, 0.9, 0.0], [20, 60, 20]),
        np.repeat([0.25, 3.0, 0.25], [20, 60, 20]),
        dataclasses.replace(CONTROLLED, background_bp=0),
        bin_bp=BIN_BP,
        chrom_size=1_000,
        reads_per_area=0.04,
    )
    # Without surroundings the peak is its own background.
    assert wide["pValue"].tolist() == pytest.approx([reads_tail(72, 72.0)])


def test_the_background_of_a_p_value_is_at_least_that_of_the_genome():
    lonely = dataclasses.replace(CONTROLLED, background_bp=100)
    low, high = (
        controlled((7.0, 8.0), (0.0, 0.0), lonely, reads_per_area=0.04, least_background=least)["pValue"].to_numpy()
        for least in (1.0, 5.0)
    )
    assert high.tolist() == pytest.approx([reads_tail(14, 10.0), reads_tail(16, 10.0)])
    assert (low > high).all()


def test_p_values_are_against_the_control_where_that_is_higher():
    peaks = controlled((20.0, 20.0), (0.0, 10.0), reads_per_area=0.04)
    around = 2 * (90 + 10 * 20.0) / 100
    assert peaks["pValue"].tolist() == pytest.approx([reads_tail(40, around), reads_tail(40, 20.0)])


@pytest.mark.parametrize(("track", "height"), [("signal", 30.0), ("control", 150.0)])
@pytest.mark.parametrize("place", [19, 80])
def test_the_surroundings_reach_beyond_both_ends_of_a_wide_peak_in_signal_and_control(track, height, place):
    # 60 bins of 3 with 10 on both sides; what lies in these, here in one bin beside an end, is expected as well.
    probabilities = np.repeat([0.0, 0.9, 0.0], [20, 60, 20])
    tracks = {"signal": np.repeat([1.0, 3.0, 1.0], [20, 60, 20]), "control": np.ones(100)}
    tracks[track][place] = height
    peaks = call_peaks(
        "chr1",
        0,
        probabilities,
        tracks["signal"],
        dataclasses.replace(CONTROLLED, background_bp=100),
        bin_bp=BIN_BP,
        chrom_size=1_000,
        control=tracks["control"],
        reads_per_area=0.04,
    )
    around = max(float(values[10:90].mean()) for values in tracks.values())
    assert peaks["pValue"].tolist() == pytest.approx([reads_tail(72, 24.0 * around)])


def test_peaks_above_the_highest_q_value_are_left_out_where_reads_are_known():
    options = {"heights": (7.0, 20.0), "beside": (0.0, 0.0)}
    every = controlled(*options.values(), reads_per_area=0.04)
    between = 10 ** -float(every["qValue"].mean())
    asked = dataclasses.replace(CONTROLLED, most_q=between)
    kept = controlled(*options.values(), asked, reads_per_area=0.04)
    assert kept["start"].tolist() == every["start"].tolist()[1:]
    unknown = controlled(*options.values(), asked)
    assert unknown["start"].tolist() == every["start"].tolist()
    assert unknown[["pValue", "qValue"]].to_numpy().tolist() == [[-1, -1]] * 2


def test_a_highest_q_value_is_saved_only_where_there_is_one():
    asked = dataclasses.replace(CONTROLLED, most_q=1e-3)
    assert PeakCallingConfig.from_dict(asked.to_dict()) == asked
    assert "most_q" not in CONTROLLED.to_dict()


def test_a_score_of_evidence_stays_within_its_column():
    config = dataclasses.replace(CONTROLLED, score_evidence=True)
    peaks = controlled((1e6, 1e9), (0.0, 0.0), config, reads_per_unit=100.0)
    assert peaks["score"].max() == 1000
    assert PeakCallingConfig.from_dict(config.to_dict()) == config
    assert "score_evidence" not in CONTROLLED.to_dict()


def test_certainty_counts_as_odds_of_19_and_no_more():
    config = dataclasses.replace(CONTROLLED, score_evidence=True)

    def score(probability):
        probabilities, heights = np.zeros(100), np.ones(100)
        probabilities[20:25], heights[20:25] = probability, 10.0
        peaks = call_peaks(
            "chr1", 0, probabilities, heights, config, bin_bp=BIN_BP, chrom_size=1_000, reads_per_unit=2.0
        )
        return int(peaks["score"].iloc[0])

    evidence = reads_tail(20, 2.0)
    assert score(1.0) == round(200 * math.log10(1 + 19 * evidence))
    assert score(0.94) == round(200 * math.log10(1 + 0.94 / 0.06 * evidence))
    assert score(0.94) < score(0.96) < score(1.0)


@pytest.mark.parametrize(("quiet_bins", "background"), [((19,), 3.0), ((90, 95), 1.0), ((), 1.0)])
def test_a_peak_among_peaks_has_the_background_there_is_near_or_else_that_of_the_genome(quiet_bins, background):
    # One bin beside the peak, or two that lie beyond its surroundings, or none.
    probabilities, signal = np.full(100, 0.9), np.full(100, 6.0)
    signal[10] = 12.0
    for bin_ in quiet_bins:
        probabilities[bin_], signal[bin_] = 0.0, 3.0
    config = PeakCallingConfig(0.5, 0.5, summit_smoothing_bp=0, background_bp=200)
    peaks = call_peaks("chr1", 0, probabilities, signal, config, bin_bp=BIN_BP, chrom_size=1_000)
    assert peaks["signalValue"].iloc[0] == 12.0 / background


def test_rules_that_an_entry_does_not_record_are_those_it_was_released_with():
    released = {"enter_probability": 0.5, "extend_probability": 0.5, "min_width_bp": 0, "merge_gap_bp": 0}
    released |= {"background_bp": 10_000, "summit_smoothing_bp": 250, "summit_valley": 0.6, "calibration": ()}
    released |= {"score_evidence": False, "most_q": 1.0}
    assert {name: getattr(PeakCallingConfig(), name) for name in released} == released


@pytest.mark.parametrize("edge", [60, 65, 70])
def test_bins_beyond_what_was_asked_for_add_nothing_to_a_peak(edge):
    probabilities, signal = np.zeros(200), np.full(200, 1.0)
    probabilities[50:90], signal[50:90] = 0.9, np.arange(40) + 5.0

    def called(cut):
        inside = probabilities.copy()
        inside[cut:] = 0.0
        config = PeakCallingConfig(background_bp=2_000)
        collector = PeakCollector(
            [Stretch("chr1", 0, len(inside), [(0, edge * BIN_BP)])],
            config,
            bin_bp=BIN_BP,
            reads_per_unit=1.0,
            reads_per_area=0.01,
        )
        collector.add(inside, signal)
        return candidate_table([collector.finish()])[["start", "end", "pValue"]]

    pd.testing.assert_frame_equal(called(200), called(edge))


def test_a_second_rule_shares_the_surroundings_and_the_control_of_the_first():
    rng = np.random.default_rng(3)
    probabilities, signal = stretch(3)
    control = rng.gamma(1.0, 2.0, 400).astype(np.float32)
    options = {"bin_bp": BIN_BP, "reads_per_area": 0.3}
    stretches = [Stretch("chr1", 7, 407, [(70, 4_070)])]
    rules = [PeakCallingConfig(0.7, 0.6, background_bp=300), PeakCallingConfig(0.4, 0.4, background_bp=300)]
    alone = [PeakCollector(stretches, rule, **options) for rule in rules]
    first = PeakCollector(stretches, rules[0], **options)
    beside = [first, PeakCollector(stretches, rules[1], beside=first, **options)]
    for low, high in ((0, 150), (150, 400)):
        for collector in (*alone, *beside):
            collector.add(probabilities[low:high], signal[low:high], control[low:high])
    expected, found = ([candidate_table([one.finish()]) for one in those] for those in (alone, beside))
    for one, other in zip(found, expected, strict=True):
        assert len(one) > 3
        pd.testing.assert_frame_equal(one, other)
