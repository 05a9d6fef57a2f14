"""A chunked model run against the same model over the whole track."""

import numpy as np
import pytest

from epizoo.calling.chunked_prediction import predict_track

FLANK = 6


def smooth(window):
    """Depends on FLANK bins to either side, and has no output for the flanks."""
    kernel = np.arange(1.0, 2 * FLANK + 2) ** 2
    values = np.convolve(window[:, 0] - window[:, 1] + 0.5, kernel, mode="valid")
    return {"values": values, "pairs": np.stack([values, window[FLANK:-FLANK, 0]], axis=1)}


def track_reader(track):
    """Reads with zeros outside the chromosome, like BigWig.binned."""

    def read(start, end):
        padded = np.pad(track, ((max(-start, 0), max(end - len(track), 0)), (0, 0)))
        return padded[start + max(-start, 0) : end + max(-start, 0)]

    return read


@pytest.fixture
def track():
    rng = np.random.default_rng(3)
    values = rng.poisson(1.0, size=(403, 2)).astype(np.float32)
    values[100:300] = 0
    return values


@pytest.mark.parametrize("chunk_bins", [1, 7, 64, 403, 5000])
@pytest.mark.parametrize(("start", "end"), [(0, 403), (17, 18), (50, 350)])
def test_the_chunk_size_changes_nothing(track, chunk_bins, start, end):
    pieces = list(
        predict_track(
            smooth, track_reader(track), start_bin=start, end_bin=end, flank_bins=FLANK, chunk_bins=chunk_bins
        )
    )
    whole = smooth(np.pad(track, ((FLANK, FLANK), (0, 0))))
    for name in ("values", "pairs"):
        found = np.concatenate([piece.outputs[name] for piece in pieces])
        np.testing.assert_allclose(found, whole[name][start:end], rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(np.concatenate([piece.inputs for piece in pieces]), track[start:end])
    assert [piece.start_bin for piece in pieces] == list(range(start, end, chunk_bins))


def test_every_window_has_one_length_and_silence_is_computed_once(track):
    shapes, silent = set(), 0

    def predict(window):
        nonlocal silent
        shapes.add(window.shape)
        silent += not window.any()
        return smooth(window)

    list(predict_track(predict, track_reader(track), start_bin=0, end_bin=403, flank_bins=FLANK, chunk_bins=10))
    assert shapes == {(10 + 2 * FLANK, 2)}
    assert silent == 1
