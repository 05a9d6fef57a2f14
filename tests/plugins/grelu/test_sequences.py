"""Peaks and states as labels of DNA, and the tutorial that trains a model of sequences on them."""

import numpy as np
import pandas as pd
import pytest
from grelu_warnings import IGNORED

from epizoo.errors import InputError
from epizoo.plugins.grelu.sequences import peak_sequences, state_sequences

pytestmark = IGNORED
SIZES = {"chr1": 10_000, "chr2": 5_000}
PEAKS = pd.DataFrame({"chrom": ["chr1", "chr1", "chr2"], "start": [1_000, 9_850, 200], "end": [1_400, 9_990, 701]})


def test_sequences_lie_around_summits_or_centres():
    found = peak_sequences(PEAKS, 200, SIZES, negatives_per_peak=0)
    # The second peak's would reach beyond the end of its chromosome.
    assert found.to_numpy().tolist() == [["chr1", 1_100, 1_300, 1.0], ["chr2", 350, 550, 1.0]]
    with_summits = peak_sequences(PEAKS.assign(peak=[50, 20, -1]), 200, SIZES, negatives_per_peak=0)
    assert with_summits["start"].tolist() == [950, 9_770, 350]


def test_negatives_are_drawn_from_where_no_peak_is():
    regions = pd.DataFrame({"chrom": ["chr1"], "start": [500], "end": [8_000]})
    found = peak_sequences(PEAKS, 200, SIZES, negatives_per_peak=4, regions=regions, seed=1)
    negative = found[found["peak"] == 0]
    assert len(negative) == 8
    assert negative["chrom"].eq("chr1").all()
    assert ((negative["start"] >= 500) & (negative["end"] <= 8_000)).all()
    assert not ((negative["start"] < 1_400) & (negative["end"] > 1_000)).any()
    again = peak_sequences(PEAKS, 200, SIZES, negatives_per_peak=4, regions=regions, seed=1)
    pd.testing.assert_frame_equal(found, again)
    with pytest.raises(InputError, match=r"negatives: 2000\b.*\d"):
        peak_sequences(PEAKS, 200, SIZES, negatives_per_peak=1_000)
    with pytest.raises(InputError, match="chr1"):
        peak_sequences(PEAKS, 200, {"chr2": 5_000})


def test_states_are_those_at_the_centres():
    rows = [("chr1", 0, 300, "A"), ("chr1", 300, 1_000, "B"), ("chr1", 2_000, 2_200, "A")]
    segments = pd.DataFrame(rows, columns=["chrom", "start", "end", "name"])
    found = state_sequences(segments, 200, SIZES)
    expected = {100: "A", 300: "B", 500: "B", 700: "B", 900: "B", 2_100: "A"}
    assert (found["start"] + 100).tolist() == list(expected)
    assert found[["A", "B"]].idxmax(axis=1).tolist() == list(expected.values())
    assert found[["A", "B"]].to_numpy().sum(1).tolist() == [1.0] * 6
    assert list(state_sequences(segments, 200, SIZES, ["C", "B", "A"]).columns[3:]) == ["C", "B", "A"]
    with pytest.raises(InputError, match=r"'B'.*\bA\b"):
        state_sequences(segments, 200, SIZES, ["A"])
    with pytest.raises(InputError, match="names"):
        state_sequences(segments.drop(columns="name"), 200, SIZES)


def test_grelu_takes_states_as_they_are(tmp_path):
    import pyfaidx
    from grelu.data.dataset import DFSeqDataset

    rng = np.random.default_rng(0)
    fasta = tmp_path / "genome.fa"
    fasta.write_text("".join(f">{chrom}\n{''.join(rng.choice(list('ACGT'), size))}\n" for chrom, size in SIZES.items()))
    pyfaidx.Faidx(str(fasta)).close()
    (tmp_path / "genome.fa.sizes").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    segments = pd.DataFrame({"chrom": ["chr1", "chr1"], "start": [0, 500], "end": [500, 2_000], "name": ["A", "B"]})
    dataset = DFSeqDataset(state_sequences(segments, 100, SIZES), genome=str(fasta))
    assert dataset.tasks.index.tolist() == ["A", "B"]
    sequence, label = dataset[7]
    assert (sequence.shape, label.tolist()) == ((4, 100), [[0.0], [1.0]])
