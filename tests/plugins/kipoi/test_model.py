"""Kipoi's Python API on entries of a zoo: predictions, activations, gradients, and two entries in one process."""

import h5py
import numpy as np
import pytest

import epizoo
from epizoo.errors import EntryError, InputError

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def kipoi(kipoi_home):
    import kipoi

    return kipoi


@pytest.fixture(scope="module")
def peaks(kipoi):
    return kipoi.get_model("peak_caller/random", source="epizoo")


@pytest.fixture(scope="module")
def states(kipoi):
    return kipoi.get_model("chromatin_states/random", source="epizoo")


@pytest.fixture(scope="module")
def coverage(random_zoo):
    return {"intervals_file": str(random_zoo.intervals), "bigwig_file": str(random_zoo.bigwig)}


@pytest.fixture(scope="module")
def marks(random_zoo):
    return {"intervals_file": str(random_zoo.intervals), "binarized": str(random_zoo.marks)}


@pytest.fixture(scope="module")
def expected(random_zoo, coverage):
    entry = epizoo.load(random_zoo.folder / "peak_caller/random")
    rows = list(entry.windows(**coverage))
    return entry.predict({"coverage": np.stack([row["inputs"]["coverage"] for row in rows])})


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=TOLERANCE, err_msg=name)


def test_every_way_to_predict_gives_the_same(peaks, coverage, expected, tmp_path):
    assert_same(peaks.pipeline.predict(coverage, batch_size=4), expected)
    batches = list(peaks.pipeline.predict_generator(coverage, batch_size=4))
    assert_same({name: np.concatenate([batch[name] for batch in batches]) for name in expected}, expected)
    output = tmp_path / "predictions.h5"
    peaks.pipeline.predict_to_file(str(output), coverage, batch_size=4, keep_metadata=True)
    with h5py.File(output) as file:
        assert_same({name: array[:] for name, array in file["preds"].items()}, expected)


def test_both_entries_keep_their_own_dataloader(peaks, states, marks, coverage):
    assert peaks.default_dataloader is not states.default_dataloader
    row = states.default_dataloader(**marks)[0]
    assert row["inputs"]["marks"].shape == (states.entry.window.input_bins, 3)
    assert peaks.default_dataloader(**coverage)[0]["inputs"]["coverage"].shape == (peaks.entry.window.input_bins, 1)
    posteriors = states.pipeline.predict(marks)["state_posteriors"]
    assert posteriors.shape[1:] == (states.entry.window.window_bins, 4)


def test_batches_are_as_the_schema_says(peaks, states, coverage, marks):
    for model, arguments in ((peaks, coverage), (states, marks)):
        batch = next(model.default_dataloader(**arguments).batch_iter(batch_size=2))
        assert model.default_dataloader.get_output_schema().compatible_with_batch(batch)
        for name, array in model.predict_on_batch(batch["inputs"]).items():
            assert array.shape[1:] == model.schema.targets[name].shape, name


def test_activations_are_layers_before_the_outputs(peaks, coverage, expected):
    batch = next(peaks.default_dataloader(**coverage).batch_iter(batch_size=6))["inputs"]
    logits = peaks.predict_activation_on_batch(batch, layer="logits")
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected["peak_probabilities"], atol=TOLERANCE)
    same = peaks.predict_activation_on_batch(batch, layer="peak_probabilities", pre_nonlinearity=True)
    np.testing.assert_array_equal(same, logits)
    features = peaks.predict_activation_on_batch(batch, layer="features")
    output_conv = peaks.entry.model().output_conv
    scores = features @ np.asarray(output_conv.kernel[...])[0, :, 0] + np.asarray(output_conv.bias[...])
    np.testing.assert_allclose(scores, expected["peak_scores"], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "reduce"),
    [
        ({}, lambda p: p.sum(axis=1)),
        ({"filter_idx": 7}, lambda p: p[:, 7]),
        ({"filter_idx": slice(3, 9)}, lambda p: p[:, 3:9].sum(axis=1)),
        ({"filter_idx": [1, 40]}, lambda p: p[:, [1, 40]].sum(axis=1)),
        ({"filter_idx": (slice(None), slice(0, 20)), "avg_func": "max"}, lambda p: p[:, :20].max(axis=1)),
        ({"avg_func": "min"}, lambda p: p.min(axis=1)),
        ({"avg_func": "absmax"}, lambda p: np.abs(p).max(axis=1)),
    ],
)
def test_gradients_are_finite_differences(peaks, options, reduce):
    check_gradient(peaks, "coverage", "logits", {"pre_nonlinearity": True, **options}, reduce)


def test_gradients_of_named_layers_and_of_states(peaks, states):
    check_gradient(
        peaks,
        "coverage",
        "features",
        {"layer": "features", "filter_idx": (slice(None), slice(None), 2)},
        lambda features: features[:, :, 2].sum(axis=1),
    )
    check_gradient(
        states,
        "marks",
        "state_posteriors",
        {"filter_idx": (slice(None), 5, 1)},
        lambda posteriors: posteriors[:, 5, 1],
    )


def check_gradient(model, name, layer, options, reduce):
    """Directional derivatives from ``input_grad`` against central differences, row by row."""
    rng = np.random.default_rng(0)
    shape = (3, model.entry.window.input_bins, len(model.entry.channels))
    inputs, direction = rng.uniform(0.2, 0.8, shape), rng.normal(size=shape)
    found = (model.input_grad({name: inputs}, **options)[name] * direction).sum(axis=(1, 2))
    # Small enough to cross few kinks of the ReLUs, large enough for float32.
    step = 2e-4

    def value(array):
        return reduce(model.predict_activation_on_batch({name: array}, layer).astype(np.float64))

    differences = (value(inputs + step * direction) - value(inputs - step * direction)) / (2 * step)
    np.testing.assert_allclose(found, differences, rtol=0.02, atol=0.03)
    assert np.abs(found).max() > 0.1


def test_pipeline_gives_gradients_of_every_window(peaks, coverage, expected):
    found = peaks.pipeline.input_grad(coverage, batch_size=4, filter_idx=5)
    assert found["grads"]["coverage"].shape == found["inputs"]["coverage"].shape
    assert len(found["grads"]["coverage"]) == len(expected["peak_scores"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "nope"}, r"layer: 'nope'.*features, logits"),
        ({"avg_func": "mean"}, r"avg_func: 'mean'"),
        ({"filter_idx": "all"}, r"filter_idx: 'all'"),
        ({"filter_idx": 48}, r"filter_idx: .*peak_probabilities.*\(48,\).*\b48\b"),
        ({"filter_idx": (0, 3)}, r"filter_idx: \(0, 3\).*batch"),
        ({"final_layer": False}, r"layer: "),
        ({"selected_fwd_node": 1}, r"selected_fwd_node: "),
        ({"layer": "features", "pre_nonlinearity": True}, r"pre_nonlinearity: .*features"),
    ],
)
def test_gradients_that_make_no_sense_are_refused(peaks, options, message):
    inputs = {"coverage": np.zeros((1, peaks.entry.window.input_bins, 1))}
    with pytest.raises(InputError, match=message):
        peaks.input_grad(inputs, **options)


def test_entry_of_another_family_is_refused(kipoi_home, random_zoo):
    from epizoo.plugins.kipoi.model import KipoiPeakCaller

    with pytest.raises(EntryError, match=r"chromatin_states.*KipoiPeakCaller"):
        KipoiPeakCaller(str(random_zoo.folder / "chromatin_states/random"))


@pytest.mark.parametrize("expect_all", [True, False])
def test_mended_comparison_sees_every_array(kipoi_home, expect_all):
    from epizoo.plugins.kipoi.patches import compare_all_arrays

    found = {"a": np.zeros(3), "b": {"c": np.ones(2)}}
    expected = {"a": np.zeros(3), "b": {"c": np.ones(2) + (0 if expect_all else 1e-3)}}
    if expect_all:
        compare_all_arrays(found, expected, exact=False, decimal=5)
    else:
        with pytest.raises(AssertionError, match=r"^b: c: "):
            compare_all_arrays(found, expected, exact=False, decimal=5)


def test_mending_twice_changes_nothing_and_numpy_stays_as_it_is(kipoi):
    from epizoo.plugins.kipoi.patches import mend_kipoi

    before = kipoi.writers.get_writer
    mend_kipoi()
    assert kipoi.writers.get_writer is before
    assert not hasattr(np, "string_")
    assert kipoi.writers.np.string_ is np.bytes_
    assert kipoi.writers.np.ndarray is np.ndarray


# Kipoi's writers sort tables in place, which pandas means to remove.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("ending", ["h5", "tsv", "parquet"])
def test_outputs_appear_whole_and_replace_what_is_there(kipoi, peaks, coverage, tmp_path, ending):
    output = tmp_path / f"there.{ending}"
    output.write_text("old")
    writer = kipoi.writers.get_writer(str(output), None)
    writer.batch_write({"preds": np.ones((2, 3))})
    assert output.read_text() == "old"
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == [output.name]
    assert output.read_bytes() != b"old"


def test_writers_refuse_a_folder_that_does_not_exist(kipoi, peaks, tmp_path):
    with pytest.raises(InputError, match=r"does not exist"):
        kipoi.writers.get_writer(str(tmp_path / "no" / "p.h5"), None)


def test_writers_never_replace_what_a_dataloader_reads(kipoi, peaks, random_zoo, tmp_path):
    intervals, signal = tmp_path / "regions.bed", tmp_path / "signal.h5"
    intervals.write_bytes(random_zoo.intervals.read_bytes())
    signal.write_bytes(random_zoo.bigwig.read_bytes())
    peaks.default_dataloader(intervals_file=str(intervals), bigwig_file=str(signal))
    for path in (intervals, signal):
        with pytest.raises(InputError, match="overwrite an input"):
            kipoi.writers.get_writer(str(path), peaks.default_dataloader.get_output_schema().metadata)
    assert signal.read_bytes() == random_zoo.bigwig.read_bytes()
