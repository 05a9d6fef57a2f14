"""Fine-tuning as gReLU's users call it: what was learned is where it starts, and what it writes loads again."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from grelu.lightning import LightningModel
from grelu_warnings import IGNORED

import epizoo
from epizoo.errors import InputError
from epizoo.plugins.grelu import MarkDataset, SignalDataset, lightning_model, load_checkpoint
from epizoo.plugins.grelu.datasets import WindowDataset
from epizoo.plugins.grelu.training import require_labels

pytestmark = IGNORED
TRAIN = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [28_800]})
VALIDATION = pd.DataFrame({"chrom": ["chr2"], "start": [0], "end": [24_000]})
QUICK = {"max_epochs": 3, "lr": 0.01, "batch_size": 4}


def high_signal(dataset):
    """Peaks where the signal is high, as intervals: something that can be learned."""
    rows = []
    for row, interval in zip(dataset.seqs[:, 0], dataset.intervals.itertuples(), strict=True):
        starts = interval.start + 50 * np.flatnonzero(row > np.median(dataset.seqs))
        rows.append(pd.DataFrame({"chrom": interval.chrom, "start": starts, "end": starts + 50}))
    return pd.concat(rows)


@pytest.fixture
def peaks(random_zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = lightning_model(epizoo.load(random_zoo.folder / "peak_caller/random"))
    model.train_params |= QUICK | {"save_dir": str(tmp_path)}
    return model


@pytest.fixture
def states(random_zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = lightning_model(epizoo.load(random_zoo.folder / "chromatin_states/random"))
    model.train_params |= QUICK | {"save_dir": str(tmp_path)}
    return model


def peak_datasets(zoo, model, names=("random",), **options):
    whole = SignalDataset(model, pd.concat([TRAIN, VALIDATION]), [zoo.bigwig])
    labels = dict.fromkeys(names, high_signal(whole))
    return [SignalDataset(model, where, [zoo.bigwig], labels, **options) for where in (TRAIN, VALIDATION)]


def state_datasets(zoo, model, **options):
    """The states of every bin by its first mark: S1 where it is present, else S3."""
    rows = []
    for chrom in ("chr1", "chr2"):
        table = pd.read_csv(zoo.marks / f"cell_{chrom}_binary.txt", sep="\t", skiprows=1)
        for number, present in enumerate(table["H3K4me3"]):
            rows.append((chrom, 200 * number, 200 * number + 200, "S1" if present else "S3"))
    segments = pd.DataFrame(rows, columns=["chrom", "start", "end", "name"])
    intervals = [TRAIN, VALIDATION.assign(end=18_000)]
    return [MarkDataset(model, where, binarized=zoo.marks, segments=segments, **options) for where in intervals]


def validation_losses(folder):
    """Of the first validation pass and of the epochs, from gReLU's CSV log."""
    [path] = Path(folder).glob("*/version_*/metrics.csv")
    return pd.read_csv(path)["val_loss"].dropna().to_numpy()


def plain_loss(model, dataset):
    with torch.no_grad():
        rows = [dataset[i] for i in range(len(dataset))]
        logits = model(torch.stack([x for x, _ in rows]), logits=True)
        return float(model.loss(logits, torch.stack([y for _, y in rows])))


def test_tuning_starts_from_what_was_learned_and_learns(random_zoo, peaks, tmp_path):
    train, validation = peak_datasets(random_zoo, peaks, rc=True, max_pair_shift=1)
    before = plain_loss(peaks, validation)
    peaks.train_params |= {"logger": "csv", "name": "log"}
    trainer = peaks.tune_on_dataset(train, validation)
    losses = validation_losses(tmp_path)
    # The windows of all augmented versions come in batches of different sizes: gReLU averages over batches.
    assert losses[0] == pytest.approx(before, rel=0.05)
    assert losses[-1] < 0.9 * losses[0]
    assert peaks.data_params["tasks"]["name"] == ["random"]
    again = load_checkpoint(trainer.checkpoint_callback.best_model_path)
    x = torch.from_numpy(validation.seqs[:, :, 1:-1].copy())
    assert again.model_params["zoo"] == peaks.model_params["zoo"]
    assert again.data_params["train"]["entry"] == "peak_caller/random"
    assert again.data_params["train"]["source"] == "signal.bw"
    assert again.performance["val"].keys() >= {"val_auroc"}
    with torch.no_grad():
        assert again(x).shape == peaks(x).shape
        last = load_checkpoint(Path(trainer.checkpoint_callback.best_model_path).parent / "last.ckpt")
        torch.testing.assert_close(last(x), peaks(x), rtol=0, atol=1e-6)


def test_a_frozen_embedding_stays_as_it_was(random_zoo, peaks):
    before = {name: value.clone() for name, value in peaks.model.state_dict().items()}
    peaks.tune_on_dataset(*peak_datasets(random_zoo, peaks), freeze_embedding=True)
    changed = {name for name, value in peaks.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"head.output_conv.weight", "head.output_conv.bias", "head.threshold", "head.temperature"}


def test_more_kinds_of_peaks_make_a_model_of_several_heads(random_zoo, peaks, tmp_path):
    trainer = peaks.tune_on_dataset(*peak_datasets(random_zoo, peaks, names=("narrow", "broad")))
    again = load_checkpoint(trainer.checkpoint_callback.best_model_path)
    assert again.get_task_idxs(["broad", "narrow"]) == [1, 0]
    assert again.model.head.threshold.shape == (2,)
    with pytest.raises(InputError, match=r"\b1 tasks?\b.*\b2\b"):
        again.test_on_dataset(peak_datasets(random_zoo, peaks)[1], num_workers=0)


def test_early_stopping_stops_where_nothing_improves(random_zoo, peaks):
    peaks.train_params |= {"max_epochs": 50, "lr": 10.0, "early_stopping": True, "patience": 1}
    trainer = peaks.tune_on_dataset(*peak_datasets(random_zoo, peaks))
    assert trainer.current_epoch < 20


def test_tuning_states_changes_the_hmm_and_keeps_the_head(random_zoo, states, tmp_path):
    train, validation = state_datasets(random_zoo, states)
    before = plain_loss(states, validation)
    states.train_params |= {"logger": "csv", "name": "log", "lr": 0.1, "max_epochs": 8}
    trainer = states.tune_on_dataset(train, validation)
    losses = validation_losses(tmp_path)
    assert losses[0] == pytest.approx(before, rel=0.05)
    assert losses[-1] < 0.5 * losses[0]
    assert states.model.head.is_identity
    again = load_checkpoint(trainer.checkpoint_callback.best_model_path)
    assert again.data_params["tasks"]["name"] == ["S0", "S1", "S2", "S3"]
    # What was learned: a state's emission of the first mark.
    emission = again.model.embedding.probabilities().emission[:, 0]
    assert emission[1] > emission[3]


def test_a_frozen_hmm_learns_in_the_head(random_zoo, states):
    before = {name: value.clone() for name, value in states.model.embedding.state_dict().items()}
    states.tune_on_dataset(*state_datasets(random_zoo, states), freeze_embedding=True)
    after = states.model.embedding.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not states.model.head.is_identity


def test_logs_go_to_weights_and_biases_offline(random_zoo, peaks, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    peaks.train_params |= {"logger": "wandb", "name": "log", "max_epochs": 1}
    trainer = peaks.tune_on_dataset(*peak_datasets(random_zoo, peaks))
    trainer.logger.experiment.finish()
    assert list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))


def test_training_from_scratch_by_grelu_alone(random_zoo, tmp_path, monkeypatch):
    from grelu.lightning import LightningModel

    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = LightningModel(
        model_params={"model_type": "PeakCallerModel", "n_tasks": 1, "n_filters": 4, "crop_len": 12},
        train_params=QUICK | {"num_workers": 0, "save_dir": str(tmp_path), "logger": "csv", "name": "log"},
    )
    whole = SignalDataset(model, pd.concat([TRAIN, VALIDATION]), [random_zoo.bigwig], window_bins=48)
    labels = {"high": high_signal(whole)}
    train, validation = (
        SignalDataset(model, where, [random_zoo.bigwig], labels, window_bins=48) for where in (TRAIN, VALIDATION)
    )
    model.train_on_dataset(train, validation)
    losses = validation_losses(tmp_path)
    assert losses[-1] < losses[0]
    with pytest.raises(InputError, match="window_bins: "):
        SignalDataset(model, TRAIN, [random_zoo.bigwig])
    coarse = lightning_model(epizoo.load(random_zoo.folder / "peak_caller/random"))
    coarse.model.bin_bp = 25
    with pytest.raises(InputError, match=r"\b25 bp\b.*\b50 bp"):
        model.test_on_dataset(SignalDataset(coarse, TRAIN, [random_zoo.bigwig], labels), num_workers=0)


def test_training_without_labels_is_refused_before_the_model_is_touched(random_zoo, peaks):
    labelled, _ = peak_datasets(random_zoo, peaks)
    unlabelled = SignalDataset(peaks, TRAIN, [random_zoo.bigwig])
    before, described = {name: value.clone() for name, value in peaks.state_dict().items()}, dict(peaks.data_params)
    for method in (peaks.tune_on_dataset, peaks.train_on_dataset):
        for name, pair in (("train", (unlabelled, labelled)), ("val", (labelled, unlabelled))):
            with pytest.raises(InputError, match=f"{name}_dataset: has no labels"):
                method(*pair)
    assert peaks.data_params == described
    assert peaks.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in peaks.state_dict().items())


def test_labels_are_required_of_methods_that_others_have_wrapped_too(monkeypatch):
    for name in ("train_on_dataset", "tune_on_dataset"):
        original = getattr(LightningModel, name).__wrapped__
        monkeypatch.setattr(LightningModel, name, functools.wraps(original)(lambda *given, **more: None))
    require_labels()
    first = LightningModel.train_on_dataset
    require_labels()
    assert LightningModel.train_on_dataset is first
    unlabelled = WindowDataset.__new__(WindowDataset)
    unlabelled.n_tasks = 0
    with pytest.raises(InputError, match="train_dataset: has no labels"):
        first(None, unlabelled, unlabelled)
