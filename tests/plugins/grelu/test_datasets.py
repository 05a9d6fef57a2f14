"""Datasets of signal: the rows are the zoo's windows, labels lie where they belong, and gReLU takes them."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import random_entries
import torch
from grelu.data.preprocess import filter_blacklist, split
from grelu.lightning import LightningModel
from grelu_warnings import IGNORED

import epizoo
from epizoo.errors import InputError
from epizoo.plugins.grelu.checkpoints import lightning_model
from epizoo.plugins.grelu.datasets import MarkDataset, SignalDataset
from epizoo.plugins.grelu.labels import Span, peak_labels, state_labels

mpl.use("agg")
pytestmark = IGNORED
PEAKS = pd.DataFrame(
    {"chrom": ["chr1", "chr1", "chr2"], "start": [1_000, 4_030, 17_200], "end": [1_500, 4_990, 17_900]}
)


@pytest.fixture(scope="module")
def zoo(random_zoo):
    return random_zoo


@pytest.fixture(scope="module")
def peaks(random_zoo):
    return lightning_model(epizoo.load(random_zoo.folder / "peak_caller/random"))


@pytest.fixture(scope="module")
def states(random_zoo):
    return lightning_model(epizoo.load(random_zoo.folder / "chromatin_states/random"))


@pytest.fixture(scope="module")
def segments(random_zoo):
    """States of every bin of the random marks, but for a gap on chr1."""
    rng = np.random.default_rng(1)
    rows = []
    for chrom, n_bins in (("chr1", 150), ("chr2", 90)):
        kept = [start for start in range(0, n_bins, 3) if chrom == "chr2" or not 30 <= start < 36]
        rows += [(chrom, 200 * start, 200 * (start + 3), f"S{rng.integers(4)}") for start in kept]
    return pd.DataFrame(rows, columns=["chrom", "start", "end", "name"])


def slow_labels(table, span, bin_bp):
    """Bin by bin: whether the centre lies in an interval."""
    own = table[table["chrom"] == span.chrom]
    centres = [(b + 0.5) * bin_bp for b in range(span.first_bin, span.end_bin)]
    return [float(any(start <= c < end for start, end in zip(own["start"], own["end"], strict=True))) for c in centres]


@pytest.mark.parametrize("bin_bp", [50, 200, 7])
def test_labels_are_those_of_the_centres_of_bins(bin_bp):
    spans = [Span("chr1", -3, 40), Span("chr1", 3, 46), Span("chr2", 16_000 // bin_bp, 16_000 // bin_bp + 43)]
    labels = peak_labels({"a": PEAKS}, spans, bin_bp, None)
    np.testing.assert_array_equal(labels[:, 0], [slow_labels(PEAKS, span, bin_bp) for span in spans])


def test_bins_outside_the_labelled_regions_have_no_label():
    span = Span("chr1", 0, 100)
    known = pd.DataFrame({"chrom": ["chr1"], "start": [900], "end": [1_800]})
    labels = peak_labels({"a": PEAKS, "b": known}, [span], 50, known)
    expected = np.where(slow_labels(known, span, 50), slow_labels(PEAKS, span, 50), np.nan)
    np.testing.assert_array_equal(labels[0, 0], expected)


def test_states_are_those_of_the_segment_at_the_centre(segments):
    labels = state_labels(segments, ["S0", "S1", "S2", "S3"], [Span("chr1", 0, 60)], 200)[0]
    assert np.isnan(labels[:, 30:36]).all()
    names = segments.set_index(["chrom", "start"])["name"]
    for number in (0, 29, 36, 59):
        assert labels[:, number].tolist() == [float(names["chr1", 600 * (number // 3)] == f"S{i}") for i in range(4)]


def test_rows_are_the_windows_of_the_entry(zoo, peaks):
    entry = epizoo.load(zoo.folder / "peak_caller/random")
    windows = entry.windows(intervals_file=zoo.intervals, bigwig_file=zoo.bigwig)
    dataset = SignalDataset(peaks, zoo.intervals, [zoo.bigwig], {"random": PEAKS})
    assert len(dataset) == len(windows)
    for number in range(len(windows)):
        signal, labels = dataset[number]
        np.testing.assert_array_equal(signal[:1].T, windows[number]["inputs"]["coverage"])
        ranges = windows[number]["metadata"]["ranges"]
        first = ranges["start"] // 50
        expected = np.array(slow_labels(PEAKS, Span(ranges["chr"], first, first + 48), 50))
        valid = windows[number]["metadata"]["valid_bins"]
        np.testing.assert_array_equal(labels[0, :valid], expected[:valid])
        flank = peaks.model.crop_len
        assert signal[1, flank : flank + valid].eq(50).all()
        assert signal[1, flank + valid :].eq(-50).all()


def test_predictions_through_grelu_are_those_of_the_entry(zoo, peaks, states, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = epizoo.load(zoo.folder / "peak_caller/random")
    windows = entry.windows(intervals_file=zoo.intervals, bigwig_file=zoo.bigwig)
    expected = entry.predict({"coverage": np.stack([row["inputs"]["coverage"] for row in windows])})
    found = peaks.predict_on_dataset(SignalDataset(peaks, zoo.intervals, [zoo.bigwig]), num_workers=0)
    np.testing.assert_allclose(found[:, 0], expected["peak_probabilities"], rtol=0, atol=1e-5)

    entry = epizoo.load(zoo.folder / "chromatin_states/random")
    windows = entry.windows(intervals_file=zoo.intervals, binarized=zoo.marks)
    expected = entry.predict({"marks": np.stack([row["inputs"]["marks"] for row in windows])})["state_posteriors"]
    dataset = MarkDataset(states, zoo.intervals, binarized=zoo.marks)
    found = states.predict_on_dataset(dataset, num_workers=0).swapaxes(1, 2)
    inside = expected.sum(-1) > 0
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=1e-5)


def test_reflections_and_shifts_move_signal_and_labels_together(zoo, peaks):
    options = {"window_bins": 40, "max_pair_shift": 2}
    plain = SignalDataset(peaks, zoo.intervals, [zoo.bigwig], {"random": PEAKS}, **options)
    both = SignalDataset(peaks, zoo.intervals, [zoo.bigwig], {"random": PEAKS}, rc=True, **options)
    assert (plain.n_augmented, both.n_augmented) == (5, 10)
    for version in range(5):
        signal, labels = plain[5 * 3 + version]
        reflected, reflected_labels = both[10 * 3 + 5 + version]
        torch.testing.assert_close(reflected, signal.flip(-1))
        torch.testing.assert_close(reflected_labels, labels.flip(-1))
    middle, later = plain[2], plain[3]
    torch.testing.assert_close(later[0][0, :-1], middle[0][0, 1:])
    labelled = later[0][1, peaks.model.crop_len :][:39].eq(50) & middle[0][1, peaks.model.crop_len + 1 :][:39].eq(50)
    torch.testing.assert_close(later[1][0, :39][labelled], middle[1][0, 1:][labelled])


def test_predictions_on_reflected_windows_are_reflected_back(zoo, peaks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = SignalDataset(peaks, zoo.intervals, [zoo.bigwig], rc=True)
    each = peaks.predict_on_dataset(dataset, num_workers=0, augment_aggfunc=None)
    with torch.no_grad():
        reflected = peaks(torch.from_numpy(dataset.seqs).flip(-1)).flip(-1).numpy()
    np.testing.assert_allclose(each[:, 1], reflected, rtol=0, atol=1e-6)


def test_random_augmentation_draws_one_version_at_a_time(zoo, peaks):
    dataset = SignalDataset(peaks, zoo.intervals, [zoo.bigwig], rc=True, augment_mode="random", seed=0)
    assert dataset.n_augmented == 1
    dataset.predict = True
    drawn = [dataset[1][:1].numpy() for _ in range(20)]
    assert {tuple(x.ravel()) for x in drawn} == {
        tuple(dataset.seqs[1].ravel()),
        tuple(dataset.seqs[1, :, ::-1].ravel()),
    }


def test_output_intervals_are_the_windows(zoo, peaks):
    dataset = SignalDataset(peaks, zoo.intervals, [zoo.bigwig], max_pair_shift=3)
    output = peaks.input_intervals_to_output_intervals(dataset.intervals)
    entry = epizoo.load(zoo.folder / "peak_caller/random")
    windows = entry.windows(intervals_file=zoo.intervals, bigwig_file=zoo.bigwig)
    ranges = [row["metadata"]["ranges"] for row in windows]
    assert output["start"].tolist() == [r["start"] for r in ranges]
    assert (output["end"] - output["start"]).eq(48 * 50).all()
    start = int(dataset.intervals["start"][0])
    assert peaks.input_coord_to_output_bin(int(output["start"][0]), start) == 0
    assert peaks.input_coord_to_output_bin(int(output["end"][0]) - 1, start) == 47
    assert peaks.output_bin_to_input_coord(5, start_pos=start) == output["start"][0] + 5 * 50
    bins = peaks.input_intervals_to_output_bins(output.iloc[:1], start_pos=start)
    assert bins.iloc[0].tolist() == [0, 49]


def test_grelus_splits_and_blacklists_give_intervals_of_datasets(zoo, peaks, tmp_path, capsys):
    table = pd.DataFrame({"chrom": ["chr1"] * 6 + ["chr2"] * 2, "start": [*range(0, 36_000, 6_000), 0, 6_000]})
    table["end"] = table["start"] + 2_400
    train, val, test = split(table, train_chroms=["chr1"], val_chroms=["chr2"], test_chroms=[])
    (tmp_path / "blacklist.bed").write_text("chr1\t6100\t6200\n")
    train = filter_blacklist(train, blacklist=str(tmp_path / "blacklist.bed"))
    assert (len(train), len(val), len(test)) == (5, 2, 0)
    dataset = SignalDataset(peaks, train, [zoo.bigwig], {"random": PEAKS})
    starts = peaks.input_intervals_to_output_intervals(dataset.intervals)["start"]
    assert starts.tolist() == [0, 12_000, 18_000, 24_000, 30_000]
    # A filtered table keeps its row numbers, and nothing depends on them.
    assert train.index.tolist() == [0, 2, 3, 4, 5]


def test_grelus_plots_take_the_datasets(zoo, peaks, tmp_path, monkeypatch):
    import grelu.visualize

    monkeypatch.chdir(tmp_path)
    dataset = SignalDataset(peaks, zoo.intervals, [zoo.bigwig], {"random": PEAKS})
    found = peaks.predict_on_dataset(dataset, num_workers=0)
    grelu.visualize.plot_distribution(dataset.get_labels()[:, 0].mean(-1), title="labels")
    plot = grelu.visualize.plot_binary_preds(found, dataset.get_labels(), tasks=[0])
    assert plot is not None
    grelu.visualize.plot_tracks(np.concatenate([found[0], dataset.get_labels()[0]]), titles=["P(peak)", "label"])
    mpl.pyplot.close("all")


def test_joined_datasets_hold_the_windows_of_both(zoo, peaks, tmp_path):
    other = random_entries.write_bigwig(tmp_path / "other.bw", seed=4)
    parts = [
        SignalDataset(peaks, zoo.intervals, [file], {"random": PEAKS}, cell_type=cell)
        for file, cell in ((zoo.bigwig, "muscle"), (other, "liver"))
    ]
    whole = SignalDataset.joined(parts)
    assert whole.cell_type == "muscle; liver"
    assert len(whole) == 2 * len(parts[0])
    assert whole.source == "signal.bw, other.bw"
    for expected, found in zip(parts[1][2], whole[len(parts[0]) + 2], strict=True):
        torch.testing.assert_close(found, expected)


def test_a_dataset_for_another_model_is_refused(zoo, peaks, states, segments):
    dataset = SignalDataset(peaks, zoo.intervals, [zoo.bigwig], {"random": PEAKS})
    with pytest.raises(InputError, match=r"marks: .*\b50\b.*\b0 to 1\b"):
        states(dataset[0][0])
    with pytest.raises(InputError, match=r"PeakCallerModel.*ChromatinStateModel"):
        MarkDataset(peaks, binarized=zoo.marks)
    with pytest.raises(InputError, match=r"\b2\b.*\b1 tracks?\b"):
        SignalDataset(peaks, zoo.intervals, [zoo.bigwig, zoo.bigwig])
    with pytest.raises(InputError, match=r"\['b'\].*\['a'\]"):
        SignalDataset.joined([SignalDataset(peaks, zoo.intervals, [zoo.bigwig], {name: PEAKS}) for name in "ab"])
    with pytest.raises(InputError, match=r"'S3'.*S0, S1, S2"):
        MarkDataset(states, binarized=zoo.marks, segments=segments, tasks=["S0", "S1", "S2"])
    with pytest.raises(InputError, match="labels: "):
        SignalDataset(peaks, zoo.intervals, [zoo.bigwig])[0]
    elsewhere = pd.DataFrame({"chrom": ["chr1"], "start": [30_000], "end": [31_000]})
    with pytest.raises(InputError, match="no bin"):
        SignalDataset(peaks, zoo.intervals, [zoo.bigwig], {"random": PEAKS}, labelled=elsewhere)


def test_a_control_is_the_second_track_and_may_be_optional(zoo, peaks, tmp_path):
    control = random_entries.write_bigwig(tmp_path / "control.bw", seed=5)

    def model(**config):
        parameters = {"model_type": "PeakCallerModel", "n_tracks": 2, "n_filters": 4, "crop_len": 3, **config}
        return LightningModel(model_params=parameters)

    both = SignalDataset(model(), zoo.intervals, [zoo.bigwig, control], window_bins=48)
    alone = SignalDataset(peaks, zoo.intervals, [control], window_bins=48)
    flank = peaks.model.crop_len - 3
    np.testing.assert_array_equal(both.seqs[:, 1], alone.seqs[:, 0, flank:-flank])
    with pytest.raises(InputError, match=r"\b1\b.*\b2 tracks\b.*treatment, control"):
        SignalDataset(model(), zoo.intervals, [zoo.bigwig], window_bins=48)
    optional = SignalDataset(model(optional_control=True), zoo.intervals, [zoo.bigwig], window_bins=48)
    assert optional.seqs.shape[1] == 2
    assert not optional.seqs[:, 1].any()


@pytest.mark.parametrize("start", [1_000.0, 1_000.5, float("nan"), "1000"])
def test_positions_that_are_no_whole_numbers_are_refused_in_words(zoo, peaks, start):
    table = pd.DataFrame({"chrom": ["chr1"], "start": [start], "end": [20_000]})
    whole = table.assign(start=1_000)
    with pytest.raises(InputError, match=r"the intervals: start holds .*expected whole numbers of bp"):
        SignalDataset(peaks, table, [zoo.bigwig])
    with pytest.raises(InputError, match=r"the peaks of mine: start holds .*expected whole numbers of bp"):
        SignalDataset(peaks, whole, [zoo.bigwig], {"mine": table})
    with pytest.raises(InputError, match="the intervals: has the columns chrom, end; expected chrom, start and end"):
        SignalDataset(peaks, whole.drop(columns="start"), [zoo.bigwig])
