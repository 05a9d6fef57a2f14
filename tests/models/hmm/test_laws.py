"""Laws of the HMM that need no oracle of their own: gradients, invariances, windows, long and impossible sequences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epizoo.models.hmm import reference as hmm
from epizoo.models.hmm.reference import HMMParameters

smooth, viterbi, log_likelihood = map(jax.jit, (hmm.posteriors, hmm.viterbi, hmm.log_likelihood))


def lasting_parameters(rng, n_states, n_marks, stay=0.95):
    """A model whose states last, as chromatin's do."""
    transition = stay * np.eye(n_states) + (1 - stay) * rng.dirichlet(np.ones(n_states), size=n_states)
    return HMMParameters(rng.dirichlet(np.ones(n_states)), transition, rng.uniform(0.01, 0.99, (n_states, n_marks)))


def drawn_marks(rng, parameters, n_bins):
    state, states = 0, []
    for uniform in rng.uniform(size=n_bins):
        state = min(np.searchsorted(np.cumsum(parameters.transition[state]), uniform), len(parameters.initial) - 1)
        states.append(state)
    return (rng.uniform(size=(n_bins, parameters.emission.shape[1])) < parameters.emission[states]).astype(float)


def unconstrained(logits):
    return HMMParameters(
        jax.nn.softmax(logits["initial"]),
        jax.nn.softmax(logits["transition"], axis=-1),
        jax.nn.sigmoid(logits["emission"]),
    )


def objectives(marks):
    """Scalars of every differentiable output, as functions of logits."""
    weights = jnp.asarray(np.random.default_rng(5).normal(size=(len(marks), 3)))
    return {
        "log-likelihood": lambda logits: hmm.log_likelihood(unconstrained(logits), marks),
        "posteriors": lambda logits: jnp.sum(weights * hmm.posteriors(unconstrained(logits), marks)[0]),
        "filtered": lambda logits: jnp.sum(weights * hmm.posteriors(unconstrained(logits), marks)[1].probabilities),
        "soft Viterbi": lambda logits: jnp.sum(hmm.soft_viterbi(unconstrained(logits), marks, 0.7).expected_state),
        "stationary start": lambda logits: hmm.log_likelihood(
            unconstrained(logits), marks, hmm.stationary(unconstrained(logits).transition)
        ),
    }


@pytest.mark.parametrize("name", list(objectives(np.zeros((1, 2)))))
def test_gradients_match_finite_differences(name):
    rng = np.random.default_rng(0)
    marks = rng.integers(0, 2, size=(12, 2)).astype(float)
    marks[3, 0], marks[5], marks[8] = np.nan, -1, [0.3, 0.8]
    logits = {"initial": rng.normal(size=3), "transition": rng.normal(size=(3, 3)), "emission": rng.normal(size=(3, 2))}
    # An exact zero has a gradient of zero, and the others' gradients must not notice it.
    logits["transition"][0, 2] = -1e4
    logits["initial"][1] = -1e4
    logits["emission"][2, 1] = -1e4
    with jax.enable_x64(True):
        objective = jax.jit(objectives(marks)[name])
        gradients = jax.grad(objective)({key: jnp.asarray(value) for key, value in logits.items()})
        for key, values in logits.items():
            for index in np.ndindex(values.shape):
                step = np.zeros_like(values)
                step[index] = 1e-5
                difference = objective(logits | {key: values + step}) - objective(logits | {key: values - step})
                np.testing.assert_allclose(gradients[key][index], difference / 2e-5, rtol=1e-6, atol=1e-8)


def test_gradients_with_respect_to_soft_marks_match_finite_differences():
    rng = np.random.default_rng(1)
    parameters = lasting_parameters(rng, 3, 2)
    marks = rng.uniform(0.1, 0.9, size=(8, 2))
    weights = rng.normal(size=(8, 3))
    with jax.enable_x64(True):

        @jax.jit
        def objective(marks):
            return jnp.sum(weights * hmm.posteriors(parameters, marks)[0])

        gradient = jax.grad(objective)(jnp.asarray(marks))
        for index in np.ndindex(marks.shape):
            step = np.zeros_like(marks)
            step[index] = 1e-5
            difference = (objective(marks + step) - objective(marks - step)) / 2e-5
            np.testing.assert_allclose(gradient[index], difference, rtol=1e-6, atol=1e-9)


def test_gradients_are_finite_where_observations_are_impossible():
    parameters = HMMParameters(
        np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [1.0, 0.5]])
    )
    marks = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, 0.0], [0.5, 0.5]])

    def objective(parameters, marks):
        posteriors, filtered = hmm.posteriors(parameters, marks)
        soft = hmm.soft_viterbi(parameters, marks, 0.5)
        return posteriors[:, 0].sum() + filtered.log_likelihood_per_bin.sum() + soft.expected_state.sum()

    gradients = jax.jit(jax.grad(objective, argnums=(0, 1)))(jax.tree.map(jnp.asarray, parameters), jnp.asarray(marks))
    assert all(bool(jnp.isfinite(gradient).all()) for gradient in jax.tree.leaves(gradients))


def test_gradients_are_finite_where_states_are_almost_out_of_reach():
    logits = {"initial": jnp.array([0.0, -60.0]), "transition": jnp.array([[0.0, -60.0], [0.0, 0.0]])}
    logits["emission"] = jnp.array([[-1.0], [1.0]])
    marks = jnp.array([[1.0], [0.0], [1.0]])

    def objective(logits):
        return jnp.sum(hmm.posteriors(unconstrained(logits), marks)[0][:, 1] * 1e20)

    for gradient in jax.grad(objective)(logits).values():
        assert np.isfinite(gradient).all()


def test_renaming_states_renames_the_answers():
    rng = np.random.default_rng(2)
    parameters = lasting_parameters(rng, 5, 4)
    marks = drawn_marks(rng, parameters, 200)
    order = rng.permutation(5)
    renamed = HMMParameters(
        parameters.initial[order], parameters.transition[np.ix_(order, order)], parameters.emission[order]
    )
    with jax.enable_x64(True):
        posteriors, filtered = smooth(parameters, marks)
        renamed_posteriors, renamed_filtered = smooth(renamed, marks)
        path, renamed_path = viterbi(parameters, marks), viterbi(renamed, marks)
    np.testing.assert_allclose(renamed_posteriors, posteriors[:, order], atol=1e-12)
    np.testing.assert_allclose(renamed_filtered.log_likelihood_per_bin, filtered.log_likelihood_per_bin, atol=1e-12)
    np.testing.assert_array_equal(order[renamed_path], path)


@pytest.mark.parametrize("gap", [1, 3])
def test_an_outside_bin_makes_sequences_independent(gap):
    rng = np.random.default_rng(3)
    parameters = lasting_parameters(rng, 4, 3)
    first, second = rng.integers(0, 2, size=(2, 50, 3)).astype(float)
    joined = np.concatenate([np.full((gap, 3), -1.0), first, np.full((gap, 3), -1.0), second])
    with jax.enable_x64(True):
        posteriors, filtered = smooth(parameters, joined)
        path = viterbi(parameters, joined)
        parts = [(*smooth(parameters, part), viterbi(parameters, part)) for part in (first, second)]
    for (part_posteriors, part_filtered, part_path), begin in zip(parts, (gap, 2 * gap + 50), strict=True):
        bins = slice(begin, begin + 50)
        np.testing.assert_allclose(posteriors[bins], part_posteriors, atol=1e-13)
        np.testing.assert_allclose(filtered.probabilities[bins], part_filtered.probabilities, atol=1e-13)
        np.testing.assert_array_equal(path[bins], part_path)
    total = sum(np.asarray(part[1].log_likelihood_per_bin).sum() for part in parts)
    np.testing.assert_allclose(np.asarray(filtered.log_likelihood_per_bin).sum(), total, atol=1e-10)
    assert not np.any(posteriors[:gap])
    assert not np.any(filtered.log_likelihood_per_bin[:gap])
    assert np.all(np.asarray(path[:gap]) == -1)


def test_flanked_windows_agree_with_the_whole_sequence():
    """Windows within 256 bins on both sides, from the stationary start; the chromosome's own start is exact."""
    rng = np.random.default_rng(4)
    parameters = lasting_parameters(rng, 5, 4)
    n_bins, window, flank = 2000, 200, 256
    marks = drawn_marks(rng, parameters, n_bins)
    padded = np.concatenate([np.full((flank, 4), -1.0), marks, np.full((flank, 4), -1.0)])
    with jax.enable_x64(True):
        whole = np.asarray(smooth(parameters, marks)[0])
        start = hmm.stationary(jnp.asarray(parameters.transition))
        for begin in range(0, n_bins, window):
            posteriors = smooth(parameters, padded[begin : begin + window + 2 * flank], start)[0]
            np.testing.assert_allclose(posteriors[flank:-flank], whole[begin : begin + window], atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_stationary_distribution_is_the_left_eigenvector(seed):
    rng = np.random.default_rng(seed)
    transition = lasting_parameters(rng, 6, 1, stay=0.999).transition
    values, vectors = np.linalg.eig(transition.T)
    expected = np.real(vectors[:, np.argmax(np.real(values))])
    with jax.enable_x64(True):
        found = hmm.stationary(jnp.asarray(transition))
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-10)
    np.testing.assert_allclose(hmm.stationary(jnp.asarray(transition)), found, rtol=2e-3)


def test_stationary_distribution_of_periodic_and_absorbing_chains():
    periodic = jnp.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(hmm.stationary(periodic), [0.25, 0.5, 0.25], atol=1e-6)
    np.testing.assert_allclose(hmm.stationary(jnp.array([[0.9, 0.1], [0.0, 1.0]])), [0.0, 1.0], atol=1e-6)


def test_float32_follows_float64_over_100_000_bins():
    rng = np.random.default_rng(6)
    parameters = lasting_parameters(rng, 10, 9, stay=0.99)
    # Marks that tell little, so that neighbouring paths score nearly the same.
    parameters = parameters._replace(emission=rng.uniform(0.3, 0.7, size=(10, 9)))
    marks = drawn_marks(rng, parameters, 100_000)
    with jax.enable_x64(True):
        exact, exact_filtered = smooth(parameters, marks)
        exact_path = viterbi(parameters, marks)
        exact_total = float(exact_filtered.log_likelihood_per_bin.sum())
    single, filtered = smooth(jax.tree.map(np.float32, parameters), marks.astype(np.float32))
    path = viterbi(jax.tree.map(np.float32, parameters), marks.astype(np.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, exact, atol=2e-5)
    np.testing.assert_allclose(float(filtered.log_likelihood_per_bin.sum()), exact_total, rtol=1e-6)
    assert np.mean(np.asarray(path) != np.asarray(exact_path)) < 1e-4


def test_scores_far_apart_do_not_underflow_in_float32():
    """200 marks make a bin 1e-300 times likelier in one state: products underflow, the model must not."""
    emission = np.stack([np.full(200, 0.97), np.full(200, 0.03)])
    parameters = HMMParameters(np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.5, 0.5]]), emission)
    states = np.random.default_rng(7).integers(0, 2, size=30)
    marks = np.repeat((states == 0)[:, None], 200, axis=1).astype(np.float32)
    posteriors, filtered = smooth(parameters, marks)
    np.testing.assert_allclose(posteriors, np.eye(2)[states], atol=1e-6)
    np.testing.assert_allclose(
        filtered.log_likelihood_per_bin, np.full(30, 200 * np.log(0.97) + np.log(0.5)), rtol=1e-5
    )
    np.testing.assert_array_equal(viterbi(parameters, marks), states)


def test_a_state_out_of_reach_does_not_drown_the_ones_in_reach():
    """The likeliest state of the bin cannot be entered, and the other is 1e-60 times as likely: far below float32."""
    emission = np.stack([np.full(30, 0.01), np.full(30, 0.99)])
    parameters = HMMParameters(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0]]), emission)
    posteriors, filtered = smooth(parameters, np.ones((3, 30), np.float32))
    np.testing.assert_allclose(posteriors, [[1, 0]] * 3)
    np.testing.assert_allclose(filtered.log_likelihood_per_bin, np.full(3, 30 * np.log(0.01)), rtol=1e-6)


def test_impossible_observations_count_as_unobserved():
    parameters = HMMParameters(
        np.array([0.6, 0.4]), np.array([[0.9, 0.1], [0.0, 1.0]]), np.array([[0.0, 0.2], [0.0, 0.7]])
    )
    marks = np.array([[0, 1], [1, 1], [0, 0], [1, 0]], dtype=np.float32)
    unobserved = np.where(marks[:, :1] == 1, np.nan, marks).astype(np.float32)
    posteriors, filtered = smooth(parameters, marks)
    expected, expected_filtered = smooth(parameters, unobserved)
    np.testing.assert_allclose(posteriors, expected, atol=1e-6)
    price = np.where(marks[:, 0] == 1, hmm.LOG_FLOOR, 0)
    np.testing.assert_allclose(
        filtered.log_likelihood_per_bin, expected_filtered.log_likelihood_per_bin + price, rtol=1e-6
    )
    np.testing.assert_array_equal(viterbi(parameters, marks), viterbi(parameters, unobserved))


def test_what_only_a_state_out_of_reach_allows_counts_as_unobserved():
    parameters = HMMParameters(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0], [0.5]]))
    marks = np.array([[0], [1], [0]], dtype=np.float32)
    posteriors, filtered = smooth(parameters, marks)
    np.testing.assert_allclose(posteriors, [[1, 0]] * 3)
    np.testing.assert_allclose(filtered.log_likelihood_per_bin, [0, hmm.LOG_FLOOR, 0], rtol=1e-6)
    np.testing.assert_array_equal(viterbi(parameters, marks), [0, 0, 0])


@pytest.mark.parametrize("marks", [[[1.0]], [[np.nan]], [[-1.0]]], ids=["seen", "missing", "outside"])
def test_one_bin_is_a_sequence(marks):
    parameters = HMMParameters(np.array([0.25, 0.75]), np.eye(2), np.array([[0.5], [0.1]]))
    posteriors, filtered = smooth(parameters, np.array(marks, np.float32))
    truth = {1.0: [0.125 / 0.2, 0.075 / 0.2], -1.0: [0, 0]}.get(marks[0][0], [0.25, 0.75])
    np.testing.assert_allclose(posteriors[0], truth, rtol=1e-6)
    np.testing.assert_allclose(filtered.log_likelihood_per_bin[0], np.log(0.2) if marks[0][0] == 1 else 0, atol=1e-6)


def test_jit_and_vmap_change_nothing():
    rng = np.random.default_rng(8)
    parameters = jax.tree.map(jnp.float32, lasting_parameters(rng, 4, 3))
    marks = rng.integers(0, 2, size=(5, 40, 3)).astype(np.float32)
    marks[1, :7], marks[2, 20:], marks[3, 5, 1] = -1, -1, np.nan

    def everything(marks):
        posteriors, filtered = hmm.posteriors(parameters, marks)
        soft = hmm.soft_viterbi(parameters, marks, 0.5)
        return posteriors, filtered, hmm.viterbi(parameters, marks), soft, hmm.log_likelihood(parameters, marks)

    with jax.disable_jit():
        unjitted = jax.tree.leaves(everything(marks[3, 2:8]))
    for found, expected in zip(unjitted, jax.tree.leaves(jax.jit(everything)(marks[3, 2:8])), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    one_by_one = [jax.jit(everything)(sequence) for sequence in marks]
    batched = jax.jit(jax.vmap(everything))(marks)
    for index, single in enumerate(one_by_one):
        for found, expected in zip(jax.tree.leaves(batched), jax.tree.leaves(single), strict=True):
            np.testing.assert_allclose(found[index], expected, rtol=1e-5, atol=1e-6)
