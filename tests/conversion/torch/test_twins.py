"""The torch twins against JAX, enumeration and finite differences; and the way back."""

import hmm_oracles
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from epizoo.conversion.parity import check_parity
from epizoo.conversion.torch import hmm as torch_hmm
from epizoo.conversion.torch.gradient_parity import check_gradients
from epizoo.conversion.torch.hmm import Chunks, HMMParameters
from epizoo.conversion.torch.programs import Program, build_twin, state_dict, write_state
from epizoo.conversion.torch.to_jax import arrays_from_state, read_state, write_weights
from epizoo.errors import EntryError, InputError
from epizoo.zoo.weights import read_arrays

NAMES = ["peak_caller/random", "peak_caller/denoising", "chromatin_states/random", "chromatin_states/zeros"]
WHOLE = 10_000


def run_program(entry, **options):
    program = Program(entry, **options)

    def run(inputs):
        with torch.no_grad():
            return {name: value.numpy() for name, value in program(torch.from_numpy(inputs)).items()}

    return run


@pytest.mark.parametrize("crop", [True, False], ids=["cropped", "whole"])
@pytest.mark.parametrize("name", NAMES)
def test_twins_equal_jax_on_easy_and_hard_input(zoo, name, crop):
    report = check_parity(zoo[name], run_program(zoo[name], layers=True, crop=crop), "torch", layers=True, crop=crop)
    assert report.passed, str(report)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_input_and_of_every_parameter_equal_those_of_jax(zoo, name):
    checks = list(check_gradients(zoo[name], build_twin(zoo[name])))
    assert all(check.passed for check in checks), [check for check in checks if not check.passed]
    assert any(check.allowed > 1e-5 for check in checks)


def random_chain(seed, n_states=3, n_marks=2, zeros=0.0):
    model = hmm_oracles.random_model(np.random.default_rng(seed), n_states, n_marks, zeros)
    return model, HMMParameters(*(torch.tensor(array) for array in model))


@pytest.mark.parametrize("chunk_bins", [2, 3, WHOLE], ids=["chunks of 2", "chunks of 3", "one chunk"])
@pytest.mark.parametrize("zeros", [0.0, 0.3])
def test_recursions_match_the_enumeration_of_all_paths(zeros, chunk_bins):
    model, parameters = random_chain(3, zeros=zeros)
    marks = np.random.default_rng(4).integers(0, 2, (7, 2)).astype(float)
    marks[2, 0] = np.nan
    paths, weights = hmm_oracles.enumerate_paths(model, hmm_oracles.emission_rows(model, marks))
    tensor, chunks = torch.tensor(marks)[None], Chunks(min(chunk_bins, 7))
    posteriors, filtered = torch_hmm.posteriors(parameters, tensor, parameters.initial, chunks)
    expected = [[weights[paths[:, i] == state].sum() for state in range(3)] for i in range(7)]
    np.testing.assert_allclose(posteriors[0], np.array(expected) / weights.sum(), atol=1e-12)
    np.testing.assert_allclose(filtered.log_likelihood_per_bin.sum(), np.log(weights.sum()), rtol=1e-12)
    path = torch_hmm.viterbi(parameters, tensor, parameters.initial, chunks)
    np.testing.assert_array_equal(path[0], paths[weights.argmax()])


@pytest.mark.parametrize("chunks", [Chunks(16), Chunks(7), Chunks(8, 64)], ids=["16", "7", "8, number unknown"])
def test_chunks_change_nothing(chunks):
    _, parameters = random_chain(5, 4, 3)
    random = np.random.default_rng(6)
    marks = random.integers(0, 2, (3, 101, 3)).astype(float)
    marks[0, :20], marks[1, 40:50], marks[2, 90:] = -1, -1, -1
    marks[2, 5, 1] = np.nan
    tensor, whole = torch.tensor(marks), Chunks(101)
    for function in (torch_hmm.posteriors, torch_hmm.viterbi):
        found = function(parameters, tensor, parameters.initial, chunks)
        expected = function(parameters, tensor, parameters.initial, whole)
        for one, other in zip(leaves(found), leaves(expected), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def leaves(value):
    return [value] if isinstance(value, torch.Tensor) else [leaf for part in value for leaf in leaves(part)]


def test_gradients_through_chunks_match_finite_differences():
    _, parameters = random_chain(7)
    logits = [torch.log(part).requires_grad_() for part in parameters[:2]]
    logits.append(torch.logit(parameters.emission.clamp(0.05, 0.95)).requires_grad_())
    marks = torch.tensor(np.random.default_rng(8).random((2, 9, 2)))

    def outputs(initial, transition, emission):
        chain = HMMParameters(initial.softmax(-1), transition.softmax(-1), emission.sigmoid())
        posteriors, filtered = torch_hmm.posteriors(chain, marks, chain.initial, Chunks(3))
        return posteriors, filtered.log_likelihood_per_bin

    assert torch.autograd.gradcheck(outputs, logits)


def test_what_no_state_within_reach_allows_counts_as_unobserved_in_chunks_too():
    chain = HMMParameters(*map(torch.tensor, ([1.0, 0.0], [[1.0, 0.0], [0.5, 0.5]], [[0.0], [0.5]])))
    marks = torch.tensor([0.0, 1, 0, 0, 1, 0])[None, :, None]
    posteriors, filtered = torch_hmm.posteriors(chain, marks, chain.initial, Chunks(2))
    torch.testing.assert_close(posteriors[0], torch.tensor([[1.0, 0.0]]).expand(6, 2))
    expected = torch.tensor([0, torch_hmm.LOG_FLOOR, 0, 0, torch_hmm.LOG_FLOOR, 0])
    torch.testing.assert_close(filtered.log_likelihood_per_bin[0], expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("as_safetensors", [True, False], ids=["safetensors", "torch.save"])
def test_weights_go_to_torch_and_back_exactly(zoo, tmp_path, name, as_safetensors):
    entry = zoo[name]
    write_state(entry, tmp_path / "state", as_safetensors=as_safetensors)
    write_weights(entry, read_state(tmp_path / "state"), tmp_path / "weights.safetensors")
    found = load_file(tmp_path / "weights.safetensors")
    expected = read_arrays(entry.folder / "weights.safetensors", entry.sha256)
    assert sorted(found) == sorted(expected)
    for key, array in expected.items():
        assert found[key].dtype == array.dtype
        np.testing.assert_array_equal(found[key], array)


def test_float64_weights_keep_their_digits():
    arrays = {"transition_logits": np.random.default_rng(0).random((2, 2))}
    np.testing.assert_array_equal(
        state_dict("chromatin_states", arrays)["transition_logits"], arrays["transition_logits"]
    )


def test_every_weight_that_does_not_fit_is_named_on_the_way_to_torch(zoo, monkeypatch):
    entry = zoo["peak_caller/random"]
    arrays = entry.weights()
    arrays["output_conv.kernel"] = arrays["output_conv.kernel"][:, :2]
    arrays["combine_conv.bias"] = arrays["combine_conv.bias"][:1]
    arrays["surplus"] = arrays.pop("threshold")
    monkeypatch.setattr(type(entry), "weights", lambda self: arrays)
    with pytest.raises(EntryError) as error:
        build_twin(entry)
    for part in (
        "threshold is missing",
        "surplus has no",
        "output_conv.kernel has shape (1, 2, 1)",
        "combine_conv.bias",
    ):
        assert part in str(error.value)


def test_every_tensor_that_does_not_fit_is_named_on_the_way_back(zoo):
    entry = zoo["chromatin_states/random"]
    state = dict(build_twin(entry).state_dict())
    state["more"] = state.pop("initial_logits")
    state["transition_logits"], state["emission_logits"] = state["transition_logits"][1:], state["emission_logits"].T
    with pytest.raises(EntryError) as error:
        arrays_from_state(entry.config.model, state)
    for part in (
        "initial_logits is missing",
        "more is not",
        "transition_logits has shape (3, 4)",
        "emission_logits has",
    ):
        assert part in str(error.value)


@pytest.mark.parametrize("content", [b"", b"not a state dict", None], ids=["empty", "text", "absent"])
def test_files_that_are_no_state_dicts_are_refused(tmp_path, content):
    path = tmp_path / "state.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"state\.pt"):
        read_state(path)


def test_marks_of_another_shape_are_refused(zoo):
    with pytest.raises(InputError, match="H3K4me3"):
        build_twin(zoo["chromatin_states/random"])(torch.zeros(1, 5, 2))
