"""Chromatin states from marks: a flax nnx module over the HMM of `epizoo.models.hmm.reference`."""

from functools import partial
from typing import NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from epizoo.errors import InputError
from epizoo.models.hmm import reference as hmm
from epizoo.models.hmm.config import ChromatinStateConfig
from epizoo.models.hmm.reference import AnyArray, HMMParameters, SoftPath

# The logit of probability 0. Softmax and sigmoid turn it into exactly 0 (and its negative into exactly 1) in float32
# and float64, with a gradient of exactly 0; unlike an infinity it stays a number in penalties and averages.
_ZERO_LOGIT = -1e4


class ChromatinStateOutput(NamedTuple):
    """Output for each bin; bins outside the chromosome have probabilities of 0, path -1 and log-likelihood 0.

    Attributes:
        state_posteriors: p(state | all bins).
        state_probabilities: p(state | bins up to this one), the filtered probabilities.
        viterbi_path: state of the most probable path; ties go to the lowest state.
        log_likelihood_per_bin: log p(bin | bins before it), in nats.
    """

    state_posteriors: Float[Array, "batch bin state"]
    state_probabilities: Float[Array, "batch bin state"]
    viterbi_path: Int[Array, "batch bin"]
    log_likelihood_per_bin: Float[Array, "batch bin"]

    @property
    def log_likelihood(self) -> Float[Array, " batch"]:
        """Log p(marks) of each sequence, in nats."""
        return jnp.sum(self.log_likelihood_per_bin, axis=-1)


class ChromatinStateAnnotator(nnx.Module):
    """A hidden Markov model of chromatin states, as in ChromHMM (Ernst and Kellis, Nature Methods 2012).

    The parameters are logits, so that every gradient step stays inside the model: softmax of ``initial_logits`` (state)
    and of the rows of ``transition_logits`` (state, state), sigmoid of ``emission_logits`` (state, mark). Probabilities
    of exactly 0 or 1 are kept, and no gradient moves them.
    """

    def __init__(self, config: ChromatinStateConfig, *, rngs: nnx.Rngs):
        """Start at random, with states that last: the starting point of DiffBio's annotator."""
        self.config = config
        n_states, n_marks = config.n_states, len(config.marks)
        normal = jax.random.normal
        self.initial_logits = nnx.Param(0.1 * normal(rngs.params(), (n_states,)))
        self.transition_logits = nnx.Param(0.1 * normal(rngs.params(), (n_states, n_states)) + 2 * jnp.eye(n_states))
        self.emission_logits = nnx.Param(0.5 * normal(rngs.params(), (n_states, n_marks)))

    @classmethod
    def from_parameters(cls, config: ChromatinStateConfig, parameters: HMMParameters) -> Self:
        """Make the model of given probabilities, NumPy's or JAX's; exact zeros and ones stay exact.

        Raises:
            InputError: shapes that are not the config's, values that are no probabilities, or rows that do not sum to
                one.
        """
        arrays = _checked_probabilities(config, parameters)
        model = cls(config, rngs=nnx.Rngs(0))
        logits = {
            "initial_logits": _log_or_zero_logit(arrays.initial),
            "transition_logits": _log_or_zero_logit(arrays.transition),
            "emission_logits": _log_or_zero_logit(arrays.emission) - _log_or_zero_logit(1 - arrays.emission),
        }
        for name, values in logits.items():
            parameter = getattr(model, name)
            parameter.set_value(jnp.asarray(values.astype(parameter.get_value().dtype)))
        return model

    def parameters(self) -> HMMParameters:
        """The probabilities, computed from the logits: functions of them give gradients with respect to the logits."""
        return HMMParameters(
            initial=jax.nn.softmax(self.initial_logits[...]),
            transition=jax.nn.softmax(self.transition_logits[...], axis=-1),
            emission=jax.nn.sigmoid(self.emission_logits[...]),
        )

    def __call__(self, marks: Float[AnyArray, "batch bin mark"]) -> ChromatinStateOutput:
        """Annotate sequences.

        Args:
            marks: 0, 1, soft values between, NaN where a mark is missing, -1 in bins outside the chromosome.

        Raises:
            InputError: the marks have another shape than the config says.
        """
        self._require_shape(marks)
        parameters = self.parameters()
        start = self._start(parameters)
        posteriors, filtered = jax.vmap(partial(hmm.posteriors, parameters, start=start))(marks)
        path = jax.vmap(partial(hmm.viterbi, parameters, start=start))(marks)
        return ChromatinStateOutput(posteriors, filtered.probabilities, path, filtered.log_likelihood_per_bin)

    def log_likelihood(self, marks: Float[AnyArray, "batch bin mark"]) -> Float[Array, " batch"]:
        """Log p(marks) of each sequence, in nats, by the forward recursion alone: what training maximises."""
        self._require_shape(marks)
        parameters = self.parameters()
        return jax.vmap(partial(hmm.log_likelihood, parameters, start=self._start(parameters)))(marks)

    def soft_viterbi(self, marks: Float[AnyArray, "batch bin mark"]) -> SoftPath:
        """DiffBio's differentiable path at the config's temperature, see `epizoo.models.hmm.reference.soft_viterbi`."""
        self._require_shape(marks)
        parameters = self.parameters()
        decode = partial(
            hmm.soft_viterbi, parameters, temperature=self.config.temperature, start=self._start(parameters)
        )
        return jax.vmap(decode)(marks)

    def _start(self, parameters: HMMParameters) -> Float[AnyArray, " state"]:
        return hmm.stationary(parameters.transition) if self.config.start == "stationary" else parameters.initial

    def _require_shape(self, marks: Float[AnyArray, "batch bin mark"]) -> None:
        n_marks = len(self.config.marks)
        if marks.ndim != 3 or marks.shape[-1] != n_marks or marks.shape[1] == 0:
            raise InputError(
                f"marks: an array of shape {marks.shape} was given where (batch, bin, {n_marks}) is expected, with one "
                f"column for each of {', '.join(self.config.marks)}; give one bin or more, NaN where a mark is missing"
            )


def _checked_probabilities(config: ChromatinStateConfig, parameters: HMMParameters) -> HMMParameters:
    n_states, n_marks = config.n_states, len(config.marks)
    shapes = {"initial": (n_states,), "transition": (n_states, n_states), "emission": (n_states, n_marks)}
    arrays = {name: np.asarray(array, dtype=np.float64) for name, array in parameters._asdict().items()}
    for name, array in arrays.items():
        if array.shape != shapes[name]:
            raise InputError(f"{name}: an array of shape {array.shape} was given where the model has {shapes[name]}")
        if not np.all((array >= 0) & (array <= 1)):
            raise InputError(f"{name}: not all values lie in [0, 1]; give probabilities")
        sums = array.sum(axis=-1)
        if name != "emission" and not np.allclose(sums, 1, rtol=0, atol=1e-4):
            raise InputError(f"{name}: the probabilities of a row sum to {sums}; give rows that sum to one")
    return HMMParameters(**arrays)


def _log_or_zero_logit(probabilities: Float[AnyArray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    positive = np.asarray(probabilities > 0)
    return np.where(positive, np.log(np.where(positive, probabilities, 1)), _ZERO_LOGIT)
