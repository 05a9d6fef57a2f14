"""Checkpoints: loaded by gReLU's own function, with all that its functions read, and never left when wrong."""

import numpy as np
import pandas as pd
import pytest
import torch
from grelu.lightning import LightningModel, LightningModelEnsemble
from grelu.resources import load_model
from grelu_warnings import IGNORED
from typer.testing import CliRunner

import epizoo
import epizoo.plugins.grelu.checkpoints as checkpoints
from epizoo.cli.all_commands import app
from epizoo.errors import EntryError, InputError
from epizoo.plugins.grelu import SignalDataset, export_checkpoint, load_checkpoint
from epizoo.plugins.grelu.heads import PeakHead

pytestmark = IGNORED
PEAKS = pd.DataFrame(
    {"chrom": ["chr1", "chr1", "chr2"], "start": [1_000, 4_030, 17_200], "end": [1_500, 4_990, 17_900]}
)
ENTRIES = ["peak_caller/random", "chromatin_states/random"]


@pytest.fixture(scope="module")
def exported(random_zoo, tmp_path_factory):
    """A folder as a repository of the hub holds it, for each entry."""
    folder = tmp_path_factory.mktemp("exported")
    for name in ENTRIES:
        (folder / name).mkdir(parents=True)
        report = export_checkpoint(str(random_zoo.folder / name), folder / name / "model.ckpt")
        assert report.passed
    return folder


@pytest.fixture
def peaks(exported):
    return load_checkpoint(exported / "peak_caller/random/model.ckpt")


@pytest.mark.parametrize("name", ENTRIES)
def test_grelu_loads_a_checkpoint_from_the_hub(random_zoo, exported, hub, name):
    hub.repositories["org/model"] = exported / name
    model = load_model(repo_id="org/model")
    entry = epizoo.load(random_zoo.folder / name)
    golden = entry.golden()
    with torch.no_grad():
        found = model(torch.from_numpy(golden[f"inputs.{entry.input_name}"]).mT).mT.numpy()
    if name.startswith("peak"):
        np.testing.assert_allclose(found[..., 0], golden["peak_probabilities"], rtol=0, atol=1e-5)
    else:
        inside = golden["state_posteriors"].sum(-1) > 0
        np.testing.assert_allclose(found[inside], golden["state_posteriors"][inside], rtol=0, atol=1e-5)
    assert model.model_params["zoo"]["sha256"] == entry.sha256
    assert model.performance["zoo"][0]["value"] == 0.5


def test_a_checkpoint_holds_tensors_and_plain_values_alone(exported):
    allowed = (dict, list, str, int, float, bool, type(None), torch.Tensor)

    def kinds(value):
        yield type(value)
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in parts:
            assert isinstance(key, str | int)
            yield from kinds(part)

    found = torch.load(exported / "peak_caller/random/model.ckpt", weights_only=True)
    assert all(issubclass(kind, allowed) for kind in kinds(dict(found["state_dict"]) | {"rest": {**found}}))


def test_a_pooled_model_gives_a_table(random_zoo, peaks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    peaks.change_head(n_tasks=1, final_pool_func="max")
    dataset = SignalDataset(peaks, random_zoo.intervals, [random_zoo.bigwig])
    table = peaks.predict_on_dataset(dataset, num_workers=0, return_df=True)
    assert list(table.columns) == ["random"]
    entry = epizoo.load(random_zoo.folder / "peak_caller/random")
    expected = entry.predict({"coverage": dataset.seqs.swapaxes(1, 2)})["peak_probabilities"].max(-1)
    np.testing.assert_allclose(table["random"], expected, rtol=0, atol=1e-5)


def test_testing_and_embedding_and_tasks_work(random_zoo, peaks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = SignalDataset(peaks, random_zoo.intervals, [random_zoo.bigwig], {"random": PEAKS})
    scores = peaks.test_on_dataset(dataset, num_workers=0, write_path=str(tmp_path / "tested.ckpt"))
    assert scores.index.tolist() == ["random"]
    labels = dataset.get_labels()[:, 0]
    entry = epizoo.load(random_zoo.folder / "peak_caller/random")
    predicted = entry.predict({"coverage": dataset.seqs.swapaxes(1, 2)})["peak_probabilities"].copy()
    # Bins without a label, here beyond the ends of intervals, count as true negatives: label 0, probability 0.
    for row, valid in zip(predicted, dataset.valid_bins, strict=True):
        row[valid:] = 0
    assert scores["test_accuracy"].iloc[0] == pytest.approx(((predicted > 0.5) == labels).mean(), abs=1e-6)
    # gReLU wrote NumPy arrays into this one.
    again = load_checkpoint(tmp_path / "tested.ckpt")
    assert again.performance["test"]["test_accuracy"] == peaks.performance["test"]["test_accuracy"]
    dataset.predict = True
    embedded = peaks.embed_on_dataset(dataset, num_workers=0)
    expected = entry.activations({"coverage": dataset.seqs.swapaxes(1, 2)}, ("features",))["features"]
    np.testing.assert_allclose(embedded.swapaxes(1, 2), expected, rtol=0, atol=1e-5)
    assert peaks.get_task_idxs("random") == 0


def test_an_ensemble_gives_the_predictions_of_all(random_zoo, peaks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ensemble = LightningModelEnsemble([peaks, peaks], ["a", "b"])
    dataset = SignalDataset(peaks, random_zoo.intervals, [random_zoo.bigwig])
    found = ensemble.predict_on_dataset(dataset, num_workers=0)
    assert ensemble.get_task_idxs(["a_random", "b_random"]) == [0, 1]
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    np.testing.assert_array_equal(found[:, :1], peaks.predict_on_dataset(dataset, num_workers=0))


def test_an_ensemble_of_states_names_all_of_them(exported):
    states = load_checkpoint(exported / "chromatin_states/random/model.ckpt")
    ensemble = LightningModelEnsemble([states, states])
    assert ensemble.get_task_idxs("model1_S2") == 6


def test_an_export_that_is_another_model_leaves_no_file(random_zoo, tmp_path, monkeypatch):
    forward = PeakHead.forward
    monkeypatch.setattr(PeakHead, "forward", lambda self, x: forward(self, x) + 1e-3)
    with pytest.raises(EntryError, match=r"grelu .*same model"):
        export_checkpoint(str(random_zoo.folder / "peak_caller/random"), tmp_path / "model.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_checkpoint(random_zoo, tmp_path):
    entry = str(random_zoo.folder / "peak_caller/random")
    run = CliRunner().invoke(app, ["export", entry, "--to", "grelu", "-o", str(tmp_path / "model.ckpt")])
    assert run.exit_code == 0, run.output
    assert "peak_probabilities" in run.output
    assert load_checkpoint(tmp_path / "model.ckpt").model_params["n_tasks"] == 1
    options = ["--to", "grelu", "--layers", "-o", str(tmp_path / "other.ckpt")]
    assert CliRunner().invoke(app, ["export", entry, *options]).exit_code == 2
    assert not (tmp_path / "other.ckpt").exists()


def test_what_is_no_checkpoint_of_ours_is_refused(exported, tmp_path):
    path = tmp_path / "model.ckpt"
    with pytest.raises(InputError, match="no such file"):
        load_checkpoint(path)
    path.write_text("text")
    with pytest.raises(InputError, match="checkpoint"):
        load_checkpoint(path)
    other = LightningModel(model_params={"model_type": "ConvModel", "n_tasks": 1, "stem_channels": 4, "n_conv": 1})
    checkpoints.write_checkpoint(other, path)
    with pytest.raises(InputError, match=r"ConvModel.*PeakCallerModel"):
        load_checkpoint(path)
    torch.save([1], path)
    with pytest.raises(InputError, match="no model of gReLU"):
        load_checkpoint(path)
    with pytest.raises(InputError, match="name"):
        export_checkpoint("peak_caller/h3k4me3", tmp_path / "model.pt")


def test_weights_that_do_not_fit_their_description_are_refused(exported, tmp_path):
    path = tmp_path / "model.ckpt"
    checkpoint = torch.load(exported / "peak_caller/random/model.ckpt", weights_only=True)
    name = next(iter(checkpoint["state_dict"]))
    del checkpoint["state_dict"][name]
    torch.save(checkpoint, path)
    with pytest.raises(InputError, match=f"do not fit.*{name}"):
        load_checkpoint(path)


@pytest.mark.parametrize("name", [name for name in epizoo.list_entries() if name != "peak_caller/lanceotron"])
def test_every_entry_of_the_zoo_can_be_filled_in(name):
    entry = epizoo.load(name)
    model = checkpoints.lightning_model(entry)
    n_bins = entry.window.flank_bins * 2 + 40
    inputs = entry.golden()[f"inputs.{entry.input_name}"][:1, :n_bins]
    expected = entry.activations({entry.input_name: inputs}, (checkpoints.OUTPUTS[entry.family],))
    found = checkpoints.predictions(model, inputs)
    for wanted in expected.values():
        np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=0, atol=1e-5)


def test_an_entry_that_scores_candidates_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"lanceotron: scores candidate peaks.*ONNX alone"):
        checkpoints.export("peak_caller/lanceotron", tmp_path / "a.ckpt")
    assert not list(tmp_path.iterdir())
