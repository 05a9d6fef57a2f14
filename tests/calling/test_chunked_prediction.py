"""A chunked model run against the same model over the whole track."""

import itertools

import numpy as np
import pytest

from epizoo.calling.chunked_prediction import predict_stretches, predict_track
from epizoo.calling.stretches import Stretch

FLANK = 6


def smooth(window):
    """Depends on FLANK bins to either side, and has no output for the flanks."""
    kernel = np.arange(1.0, 2 * FLANK + 2) ** 2
    values = np.convolve(window[:, 0] - window[:, 1] + 0.5, kernel, mode="valid")
    return {"values": values, "pairs": np.stack([values, window[FLANK:-FLANK, 0]], axis=1)}


def track_reader(tracks):
    """Reads with zeros outside the chromosome, like BigWig.binned."""

    def read_one(name, start, end):
        track = tracks[name]
        padded = np.pad(track, ((max(-start, 0), max(end - len(track), 0)), (0, 0)))
        return padded[start + max(-start, 0) : end + max(-start, 0)]

    return lambda loci: np.concatenate([read_one(*locus) for locus in loci])


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
            smooth, track_reader({"chr1": track}), ("chr1", start, end), flank_bins=FLANK, chunk_bins=chunk_bins
        )
    )
    whole = smooth(np.pad(track, ((FLANK, FLANK), (0, 0))))
    for name in ("values", "pairs"):
        found = np.concatenate([piece.outputs[name] for piece in pieces])
        np.testing.assert_allclose(found, whole[name][start:end], rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(np.concatenate([piece.inputs for piece in pieces]), track[start:end])
    edges = [*range(start, end, chunk_bins), end]
    assert [locus for piece in pieces for locus in piece.loci] == [
        ("chr1", low, high) for low, high in itertools.pairwise(edges)
    ]


def test_every_window_has_one_length_and_silence_is_computed_once(track):
    shapes, silent = set(), 0

    def predict(window):
        nonlocal silent
        shapes.add(window.shape)
        silent += not window.any()
        return smooth(window)

    list(predict_track(predict, track_reader({"chr1": track}), ("chr1", 0, 403), flank_bins=FLANK, chunk_bins=10))
    assert shapes == {(10 + 2 * FLANK, 2)}
    assert silent == 1


@pytest.mark.parametrize("chunk_bins", [16, 64, 1024])
def test_stretches_side_by_side_give_what_each_gives_alone(chunk_bins):
    rng = np.random.default_rng(5)
    tracks = {f"s{i}": rng.poisson(1.0, size=(n, 2)).astype(np.float32) for i, n in enumerate(rng.integers(1, 40, 60))}
    for name in list(tracks)[::7]:
        tracks[name][:] = 0
    wanted = [Stretch(name, 0, len(track), []) for name, track in tracks.items()]
    # Parts of a longer track: there is signal in their flanks.
    tracks["whole"] = rng.poisson(1.0, size=(200, 2)).astype(np.float32)
    wanted[10:10] = [Stretch("whole", start, end, []) for start, end in ((10, 25), (30, 42), (0, 200))]
    n_windows = 0

    def predict(window):
        nonlocal n_windows
        n_windows += 1
        assert window.shape == (chunk_bins + 2 * FLANK, 2)
        return smooth(window)

    predicted = predict_stretches(predict, track_reader(tracks), wanted, flank_bins=FLANK, chunk_bins=chunk_bins)
    groups = [(group, list(pieces)) for group, pieces in predicted]
    assert [stretch for group, _ in groups for stretch in group] == wanted
    for group, pieces in groups:
        expected = [
            smooth(np.pad(tracks[name], ((FLANK, FLANK), (0, 0))))["pairs"][start:end] for name, start, end, _ in group
        ]
        found = np.concatenate([piece.outputs["pairs"] for piece in pieces])
        np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-12, atol=1e-9)
        given = np.concatenate([tracks[name][start:end] for name, start, end, _ in group])
        np.testing.assert_array_equal(np.concatenate([piece.inputs for piece in pieces]), given)
        assert len(group) == 1 or pieces[0].loci == [stretch.locus for stretch in group]
    n_bins = sum(stretch.n_bins + FLANK for stretch in wanted)
    assert chunk_bins < 64 or n_windows <= 2 * n_bins / chunk_bins + 3


def test_no_more_stretches_are_one_piece_than_are_asked_for():
    track = np.ones((3, 2), np.float32)
    wanted = [Stretch("s", 0, 3, [])] * 8
    groups = predict_stretches(
        smooth, track_reader({"s": track}), wanted, flank_bins=FLANK, chunk_bins=1024, most_stretches=3
    )
    assert [len(group) for group, _ in groups] == [3, 3, 2]


def test_an_error_of_reading_ahead_is_raised_where_its_chunk_would_be():
    def read(loci):
        ((_, start, end),) = loci
        if end > 30:
            raise ValueError(f"damaged at {start}")
        return np.ones((end - start, 2), np.float32)

    pieces = predict_track(smooth, read, ("chr1", 0, 40), flank_bins=FLANK, chunk_bins=10)
    assert [next(pieces).loci, next(pieces).loci] == [[("chr1", 0, 10)], [("chr1", 10, 20)]]
    with pytest.raises(ValueError, match="damaged at 14"):
        next(pieces)
