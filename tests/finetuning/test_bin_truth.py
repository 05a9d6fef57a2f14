import numpy as np
import pytest
from flax import nnx

from epizoo.finetuning.bin_truth import pair_batch, train_on_truth
from epizoo.metrics.peaks import binned_curve
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.heads import as_pair, with_heads
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig
from epizoo.peaks.training_batches import Windows
from epizoo.simulation.condition_pairs import simulate_pairs

CONFIG = PeakCallerConfig(n_filters=4, kernel_sizes=(3, 5), dilations=(), summit_window_bins=5)


@pytest.fixture(scope="module")
def pairs():
    return simulate_pairs(np.random.default_rng(0), 40, 300, 50, second_depth=0.5)


def test_conditions_share_their_background_and_differ_where_they_should(pairs):
    heights = np.stack([pairs.first, pairs.second]) / np.array([10.0, 5.0])[:, None, None]
    same = ~pairs.gained & ~pairs.lost & pairs.is_clear
    assert heights[0][pairs.gained].mean() > 3 * heights[1][pairs.gained].mean()
    assert heights[1][pairs.lost].mean() > 3 * heights[0][pairs.lost].mean()
    assert heights[0][same].mean() == pytest.approx(heights[1][same].mean(), rel=0.1)
    assert not (pairs.gained & pairs.lost).any()
    # The second has half of the depth: a share of the first's fragments, but fragments of its own.
    assert pairs.second[same].mean() == pytest.approx(pairs.first[same].mean() / 2, rel=0.1)


def test_a_swapped_batch_is_the_other_direction(pairs):
    chosen = np.arange(5)
    there, back = (pair_batch(pairs, chosen, 10, swapped) for swapped in (False, True))
    np.testing.assert_array_equal(there.coverage, back.coverage[..., ::-1])
    np.testing.assert_array_equal(there.is_peak, pairs.gained[:5])
    np.testing.assert_array_equal(back.is_peak, pairs.lost[:5])
    assert not there.weight[:, :10].any()
    assert not there.weight[:, -10:].any()


def test_training_on_pairs_finds_differences(pairs):
    pair = as_pair(PeakCaller(CONFIG, rngs=nnx.Rngs(0)))
    random = np.random.default_rng(1)

    def batches():
        return [pair_batch(pairs, random.choice(30, 8), 10, swapped=bool(random.random() < 0.5))]

    test = pair_batch(pairs, np.arange(30, 40), 10)
    tuned = train_on_truth(pair, batches, 60, learning_rate=0.02)
    counts = test.weight > 0
    precision = [
        binned_curve(np.asarray(m.logits(test.coverage))[counts], test.is_peak[counts]).average_precision
        for m in (pair, tuned)
    ]
    assert precision[1] > precision[0] + 0.1
    assert precision[1] > 3 * test.is_peak[test.weight > 0].mean()


def test_only_heads_that_see_data_move_apart(pairs):
    many = with_heads(PeakCaller(CONFIG, rngs=nnx.Rngs(0)), ["a", "b"])
    batch = pair_batch(pairs, np.arange(4), 10)
    one = Windows(batch.coverage[..., :1], batch.is_peak, batch.weight)
    tuned = flatten_parameters(train_on_truth(many, lambda: [one, one._replace(is_peak=~one.is_peak)], 5))
    assert tuned["threshold"][0] != tuned["threshold"][1]
    assert not np.array_equal(tuned["output_conv.kernel"][..., 0], tuned["output_conv.kernel"][..., 1])
