"""The zoo's models as gReLU's: what was learned is kept, and the frame of an input is obeyed."""

import numpy as np
import pytest
import torch
from grelu.lightning import LightningModel
from torch.nn import functional

import epizoo.plugins.grelu
from epizoo.conversion.torch.programs import blank_twin
from epizoo.errors import InputError
from epizoo.plugins.grelu.heads import full_precision
from epizoo.plugins.grelu.models import fill_from_twin, twin_state

PEAKS = {"bin_bp": 50, "n_filters": 4, "kernel_sizes": [3, 5], "dilations": [2], "summit_window_bins": 6}
STATES = {"marks": ["H3K4me3", "H3K27ac"], "n_states": 3, "bin_bp": 200}


def peak_model(**parameters):
    torch.manual_seed(0)
    return LightningModel(model_params={"model_type": "PeakCallerModel", "n_tasks": 1, **PEAKS, **parameters})


def state_model(**parameters):
    torch.manual_seed(0)
    model_params = {"model_type": "ChromatinStateModel", "n_tasks": 3, **STATES, **parameters}
    return LightningModel(model_params=model_params, train_params={"task": "multiclass"})


def coverage(n_bins=40, n_tracks=1):
    return torch.rand(2, n_tracks, n_bins, generator=torch.Generator().manual_seed(1))


def marks(n_bins=40):
    return (torch.rand(2, 2, n_bins, generator=torch.Generator().manual_seed(2)) < 0.4).float()


def framed(signal, bin_bp, labelled, n_tasks):
    frame = torch.zeros(len(signal), 2, signal.shape[2])
    frame[:, 0] = torch.where(labelled, 1.0, -1.0) * bin_bp
    frame[:, 1] = n_tasks
    return torch.cat([signal, frame], 1)


def test_registering_twice_changes_nothing():
    import grelu.model.models

    before = grelu.model.models.PeakCallerModel
    epizoo.plugins.grelu.register()
    assert grelu.model.models.PeakCallerModel is before
    assert grelu.model.models.ConvModel.__module__ == "grelu.model.models"


def test_a_peak_caller_computes_what_its_twin_does():
    model = peak_model(crop_len=5)
    twin = blank_twin(model.model.config)
    fill_from_twin(model.model, twin)
    with torch.no_grad():
        expected = twin(coverage().mT).peak_probabilities[:, 5:-5]
        torch.testing.assert_close(model(coverage())[:, 0], expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(model.model.embedding(coverage()).mT, twin.features(coverage().mT)[:, 5:-5])


def test_an_hmm_computes_what_its_twin_does():
    model = state_model(crop_len=5)
    twin = blank_twin(model.model.config)
    fill_from_twin(model.model, twin)
    with torch.no_grad():
        expected = twin.double()(marks().mT.double()).state_posteriors[:, 5:-5]
        torch.testing.assert_close(model(marks()).mT, expected.float(), rtol=0, atol=1e-6)
        torch.testing.assert_close(model.model.embedding(marks()).exp().mT, expected.float(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", [peak_model, state_model])
def test_weights_go_to_the_model_and_back(make):
    model = make().model
    twin = blank_twin(model.config)
    fill_from_twin(model, twin)
    back = twin_state(model)
    assert back.keys() == twin.state_dict().keys()
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(back[name], value, check_dtype=False, rtol=0, atol=0)


@pytest.mark.parametrize(("make", "signal"), [(peak_model, coverage), (state_model, marks)])
def test_a_head_for_as_many_tasks_keeps_its_weights(make, signal):
    model = make()
    before = model(signal())
    model.change_head(n_tasks=model.model.head.n_tasks, final_pool_func=None)
    torch.testing.assert_close(model(signal()), before, rtol=0, atol=0)


def test_further_kinds_of_peaks_start_from_what_is_known():
    model = peak_model()
    before = model(coverage())
    model.change_head(n_tasks=3, final_pool_func=None)
    torch.testing.assert_close(model(coverage()), before.expand(2, 3, 40), rtol=0, atol=1e-6)
    assert model.model_params["n_tasks"] == 3


def test_further_states_leave_the_logits_of_the_others():
    model = state_model()
    before = model(marks(), logits=True)
    model.change_head(n_tasks=5, final_pool_func=None)
    torch.testing.assert_close(model(marks(), logits=True)[:, :3], before, rtol=0, atol=1e-6)


def test_fewer_tasks_start_anew_with_the_same_features():
    model = state_model()
    features = model.model.embedding(marks())
    model.change_head(n_tasks=2, final_pool_func=None)
    assert model(marks(), logits=True).shape == (2, 2, 40)
    torch.testing.assert_close(model.model.embedding(marks()), features, rtol=0, atol=0)


def test_a_pooling_head_gives_one_output_per_window():
    model = peak_model()
    each = model(coverage(), logits=True)
    model.change_head(n_tasks=1, final_pool_func="max")
    torch.testing.assert_close(model(coverage(), logits=True), each.amax(-1, keepdim=True), rtol=0, atol=0)


def test_identity_head_learns_only_where_the_embedding_is_frozen():
    model = state_model()
    model(marks())
    assert not any(p.requires_grad for p in model.model.head.parameters())
    model.model.embedding.requires_grad_(False)
    model(marks())
    assert all(p.requires_grad for p in model.model.head.parameters())


def test_a_head_with_weights_of_its_own_is_no_hmm():
    model = state_model().model
    with torch.no_grad():
        model.head.bias[0] = 1
    with pytest.raises(InputError, match="more than an HMM"):
        twin_state(model)


def test_bins_without_a_label_change_neither_loss_nor_gradient():
    model = peak_model(crop_len=3)
    labelled = torch.zeros(2, 40, dtype=torch.bool)
    labelled[:, 10:20] = True
    labels = (torch.rand(2, 1, 34) < 0.5).float() * labelled[:, None, 3:-3]
    loss = model.loss(model(framed(coverage(), 50, labelled, 1), logits=True), labels)
    loss.backward()
    logits = model(coverage(), logits=True)[..., 7:17]
    expected = functional.binary_cross_entropy_with_logits(logits, labels[..., 7:17], reduction="sum") / labels.numel()
    torch.testing.assert_close(loss, expected)
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    expected.backward()
    torch.testing.assert_close(gradients, [parameter.grad for parameter in model.parameters()])


def test_states_without_a_label_change_neither_loss_nor_gradient():
    model = state_model()
    labelled = torch.zeros(2, 40, dtype=torch.bool)
    labelled[:, 10:20] = True
    states = torch.randint(3, (2, 40), generator=torch.Generator().manual_seed(3))
    labels = functional.one_hot(states, 3).mT.float() * labelled[:, None]
    loss = model.loss(model(framed(marks(), 200, labelled, 3), logits=True), labels)
    loss.backward()
    posteriors = model(marks())[..., 10:20]
    expected = -posteriors.gather(1, states[:, None, 10:20]).log().sum() / states.numel()
    torch.testing.assert_close(loss, expected)
    gradients = [p.grad.clone() for p in model.model.embedding.parameters() if p.grad is not None]
    model.zero_grad()
    expected.backward()
    wanted = [p.grad for p in model.model.embedding.parameters() if p.grad is not None]
    torch.testing.assert_close(gradients, wanted, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (coverage(n_tracks=2), r"\(2, 2, 40\).*\(batch, 1, bins\)"),
        (framed(coverage(), 25, torch.tensor(True), 1), r"\b25 bp\b.*\b50 bp"),
        (framed(coverage(), 50, torch.tensor(True), 2), r"\b2 tasks\b.*\b1\b"),
        (coverage(n_bins=6), r"\b6 bins\b.*\b3\b"),
    ],
)
def test_input_for_another_model_is_refused(signal, message):
    with pytest.raises(InputError, match=message):
        peak_model(crop_len=3)(signal)


def test_precision_is_full_inside_and_as_it_was_outside(monkeypatch):
    seen = []
    conv = functional.conv1d
    monkeypatch.setattr(functional, "conv1d", lambda *a: seen.append(torch.get_float32_matmul_precision()) or conv(*a))
    previous = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        state_model()(marks())
        assert seen == ["highest"]
        assert torch.get_float32_matmul_precision() == "medium"
        with full_precision(), pytest.raises(InputError):
            peak_model()(marks())
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(previous)


def test_a_model_trained_from_scratch_learns():
    model = peak_model()
    signal = coverage()
    labels = (signal > 0.5).float()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        loss = model.loss(model(signal, logits=True), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    assert np.isfinite(losses).all()
