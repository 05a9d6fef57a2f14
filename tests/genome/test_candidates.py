"""Candidates are where smoothed signal is high, however a chromosome is read."""

import numpy as np
import pytest

from epizoo.errors import InputError
from epizoo.genome import candidates
from epizoo.genome.candidates import CandidateConfig, find_candidates, smoothed


def reader(signal):
    return lambda start, end: signal[start:end]


def slow_average(signal, place, width):
    """The moving average at one bp, from its definition."""
    before, after = width // 2, width - width // 2
    if place < before:
        return signal[:before].mean()
    if place >= len(signal) - after:
        return signal[-after:].mean()
    return signal[place - before + 1 : place + after + 1].mean()


@pytest.mark.parametrize(("length", "width"), [(60, 7), (60, 8), (60, 60), (60, 61), (60, 1), (15, 400)])
def test_the_moving_average_is_its_definition_at_every_bp(length, width):
    signal = np.random.default_rng(0).random(length)
    used = width if width <= length else length // 10
    expected = [slow_average(signal, place, used) for place in range(length)]
    if used == length:
        expected = [signal.mean()] * length
    for start, end in ((0, length), (3, 9), (0, 1), (length - 5, length), (length - 1, length)):
        found = smoothed(reader(signal), start, end, length, width)
        np.testing.assert_allclose(found, expected[start:end], rtol=1e-12)


def slow_candidates(signal, mean, config):
    """All candidates by the definition, over the whole chromosome at once."""
    average = smoothed(reader(signal), 0, len(signal), len(signal), config.smoothing_bp)

    def cut(low, high, threshold, level):
        above = np.flatnonzero(average[low:high] > threshold) + low
        runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1) if len(above) else []
        runs = [(int(run[0]), int(run[-1]) + 1) for run in runs if len(run) >= config.min_width_bp]
        if not runs:
            return [(low, high)] if level else []
        return [
            part
            for a, b in runs
            for part in (
                cut(a, b, threshold + mean, level + 1)
                if b - a > config.max_width_bp and level < config.most_cuts
                else [(a, b)]
            )
        ]

    return cut(0, len(signal), config.fold * mean, 0)


@pytest.mark.parametrize("seed", range(4))
def test_candidates_are_their_definition_whatever_the_pieces(seed, monkeypatch):
    random = np.random.default_rng(seed)
    place = np.arange(30_000)
    signal = random.poisson(0.2, len(place)).astype(float)
    for _ in range(8):
        middle, width = random.uniform(0, len(place)), 10 ** random.uniform(1, 3.5)
        signal += random.uniform(1, 30) * np.exp(-0.5 * ((place - middle) / width) ** 2)
    config = CandidateConfig(fold=1.2, smoothing_bp=100, max_width_bp=800, most_cuts=6)
    expected = slow_candidates(signal, signal.mean(), config)
    assert len(expected) > 2
    for piece_bp in (1 << 22, 977):
        monkeypatch.setattr(candidates, "_PIECE_BP", piece_bp)
        starts, ends = find_candidates(reader(signal), len(signal), signal.mean(), config)
        assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == expected


def test_without_signal_there_are_no_candidates():
    starts, ends = find_candidates(reader(np.zeros(5_000)), 5_000, 1.0, CandidateConfig())
    assert (len(starts), len(ends)) == (0, 0)


def test_a_rule_out_of_range_is_refused():
    with pytest.raises(InputError, match=r"candidates: fold.*-1"):
        CandidateConfig.from_dict({"fold": -1.0})
