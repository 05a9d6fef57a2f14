"""Back from gReLU: the entry is the checkpoint's model, and says where it comes from."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from grelu_warnings import IGNORED
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import EntryError, InputError
from epizoo.plugins.grelu import MarkDataset, SignalDataset, import_checkpoint, lightning_model, load_checkpoint
from epizoo.plugins.grelu import import_entry as grelu_import
from epizoo.plugins.grelu.checkpoints import write_checkpoint

pytestmark = [*IGNORED, pytest.mark.usefixtures("without_graphs")]
TRAIN = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [9_600]})
VALIDATION = pd.DataFrame({"chrom": ["chr2"], "start": [0], "end": [9_600]})
PEAKS = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [1_000, 3_000], "end": [2_000, 4_990]})
QUICK = {"max_epochs": 1, "lr": 0.01, "batch_size": 4}


def tuned(model, folder, train, validation):
    model.train_params |= QUICK | {"save_dir": str(folder)}
    torch.manual_seed(0)
    trainer = model.tune_on_dataset(train, validation)
    trainer.save_checkpoint(folder / "tuned.ckpt")
    return folder / "tuned.ckpt"


@pytest.fixture(scope="module")
def peak_checkpoint(random_zoo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("peaks")
    model = lightning_model(epizoo.load(random_zoo.folder / "peak_caller/random"))
    options = {"cell_type": "myotube", "assembly": "hg19"}
    data = [SignalDataset(model, w, [random_zoo.bigwig], {"random": PEAKS}, **options) for w in (TRAIN, VALIDATION)]
    return tuned(model, folder, *data)


def test_a_tuned_peak_caller_comes_back(random_zoo, peak_checkpoint, tmp_path):
    base = epizoo.load(random_zoo.folder / "peak_caller/random")
    entry = import_checkpoint(peak_checkpoint, "myotube", tmp_path / "zoo", base=base)
    assert entry.folder == (tmp_path / "zoo/peak_caller/myotube").resolve()
    assert entry.sha256 != base.sha256
    model = load_checkpoint(peak_checkpoint)
    coverage = np.random.default_rng(0).gamma(1, size=(2, 100, 1)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(coverage).mT)[:, 0].numpy()
    found = entry.predict({"coverage": coverage})["peak_probabilities"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert entry.zoo.base_model == "peak_caller/random"
    assert [(ancestor.name, ancestor.sha256) for ancestor in entry.zoo.lineage] == [(base.name, base.sha256)]
    trained = entry.zoo.trained_on
    assert trained.cell_types == ["myotube"]
    assert trained.held_out_chromosomes == []
    assert trained.data[-1].source == "signal.bw"
    assert {"accuracy", "auroc"} <= {metric.name for metric in entry.zoo.metrics}
    assert "chr2" in entry.zoo.metrics[0].on
    assert list((tmp_path / "zoo/peak_caller").iterdir()) == [tmp_path / "zoo/peak_caller/myotube"]
    with pytest.raises(InputError, match="exists"):
        import_checkpoint(peak_checkpoint, "myotube", tmp_path / "zoo", base=base)
    # And goes to gReLU again, with a longer lineage the next time.
    assert lightning_model(entry).model_params["zoo"]["name"] == "peak_caller/myotube"


def test_one_of_several_kinds_of_peaks_is_named(random_zoo, tmp_path):
    base = epizoo.load(random_zoo.folder / "peak_caller/random")
    model = lightning_model(base)
    labels = {"narrow": PEAKS, "broad": PEAKS.assign(start=PEAKS["start"] - 800)}
    data = [SignalDataset(model, where, [random_zoo.bigwig], labels) for where in (TRAIN, VALIDATION)]
    path = tuned(model, tmp_path, *data)
    with pytest.raises(InputError, match=r"task\b.*narrow, broad"):
        import_checkpoint(path, "several", tmp_path / "zoo", base=base)
    entry = import_checkpoint(path, "broad", tmp_path / "zoo", base=base, task="broad")
    coverage = data[0].seqs.swapaxes(1, 2)
    with torch.no_grad():
        expected = model(torch.from_numpy(data[0].seqs))[:, 1].numpy()
    found = entry.predict({"coverage": coverage})["peak_probabilities"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_tuned_hmm_comes_back(random_zoo, tmp_path):
    base = epizoo.load(random_zoo.folder / "chromatin_states/random")
    model = lightning_model(base)
    names = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [0, 0], "end": [9_600, 9_600], "name": ["S1", "S2"]})
    windows = [TRAIN, VALIDATION]
    data = [MarkDataset(model, where, binarized=random_zoo.marks, segments=names) for where in windows]
    path = tuned(model, tmp_path, *data)
    entry = import_checkpoint(path, "chromatin_states/tuned", tmp_path / "zoo", base=base)
    with torch.no_grad():
        expected = model(torch.from_numpy(data[0].seqs)).mT.numpy()
    found = entry.predict({"marks": data[0].seqs.swapaxes(1, 2)})["state_posteriors"]
    inside = found.sum(-1) > 0
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=1e-5)
    assert entry.config.states == base.config.states
    with torch.no_grad():
        model.model.head.weight[0, 1] = 0.5
    write_checkpoint(model, tmp_path / "head.ckpt")
    with pytest.raises(InputError, match="more than an HMM"):
        import_checkpoint(tmp_path / "head.ckpt", "head", tmp_path / "zoo", base=base)


def test_an_entry_that_is_another_model_is_not_left(random_zoo, peak_checkpoint, tmp_path, monkeypatch):
    original = grelu_import.twin_state

    def wrong(model, task):
        return {name: value + 0.01 for name, value in original(model, task).items()}

    monkeypatch.setattr(grelu_import, "twin_state", wrong)
    with pytest.raises(EntryError, match="same model"):
        import_checkpoint(peak_checkpoint, "x", tmp_path, base=random_zoo.folder / "peak_caller/random")
    assert list((tmp_path / "peak_caller").iterdir()) == []


def test_what_does_not_fit_is_refused(random_zoo, peak_checkpoint, tmp_path):
    states = random_zoo.folder / "chromatin_states/random"
    with pytest.raises(InputError, match="PeakCallerModel"):
        import_checkpoint(peak_checkpoint, "x", tmp_path, base=states)
    model = load_checkpoint(peak_checkpoint)
    model.model_params["bin_bp"] = 25
    write_checkpoint(model, tmp_path / "coarse.ckpt")
    with pytest.raises(InputError, match=r"treatment.*50 bp"):
        import_checkpoint(tmp_path / "coarse.ckpt", "x", tmp_path, base=random_zoo.folder / "peak_caller/random")
    with pytest.raises(InputError, match=r"peak_caller/random 1\.0\.0"):
        import_checkpoint(peak_checkpoint, "x", tmp_path, base="peak_caller/h3k4me3")
    with pytest.raises(EntryError, match="peak_caller/random: "):
        import_checkpoint(peak_checkpoint, "x", tmp_path)
    with pytest.raises(InputError, match="muscle"):
        import_checkpoint(peak_checkpoint, "a/x", tmp_path, base=random_zoo.folder / "peak_caller/random")
    model = copy.deepcopy(load_checkpoint(peak_checkpoint))
    model.model_params["zoo"] = None
    write_checkpoint(model, tmp_path / "scratch.ckpt")
    with pytest.raises(InputError, match="from scratch"):
        import_checkpoint(tmp_path / "scratch.ckpt", "x", tmp_path)
    assert not (tmp_path / "peak_caller").exists()


def test_the_command_imports(random_zoo, peak_checkpoint, tmp_path):
    base = str(random_zoo.folder / "peak_caller/random")
    options = ["--name", "myotube", "-o", str(tmp_path / "zoo"), "--base", base]
    run = CliRunner().invoke(app, ["import-grelu", str(peak_checkpoint), *options])
    assert run.exit_code == 0, run.output
    assert "peak_caller/myotube 1.0.0, fine-tuned from peak_caller/random" in run.output
    again = CliRunner().invoke(app, ["import-grelu", str(tmp_path / "none.ckpt"), *options])
    assert again.exit_code == 2
    assert "no such file" in again.output
