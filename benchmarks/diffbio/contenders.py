"""DiffBio's peak callers and ours under one interface: log-odds of every position in windows of coverage.

DiffBio's operators are built from the real package, with the settings they have by default unless a contender says
otherwise, and none of their code is changed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from diffbio.operators.epigenomics import (
    ContextualEpigenomicsConfig,
    ContextualEpigenomicsOperator,
    DifferentiablePeakCaller,
    FNOPeakCaller,
    FNOPeakCallerConfig,
    PeakCallerConfig,
)
from flax import nnx

from epizoo.models.peak_caller.network import PeakCaller
from epizoo.models.peak_caller.network import PeakCallerConfig as OurConfig

TOKEN_POSITIONS = 4
"""The contextual operator reads four channels a token, meant for A, C, G and T; here they are four positions."""


class Contender(NamedTuple):
    """A network, and how wide the windows are that it sees of the published example."""

    name: str
    build: Callable[[nnx.Rngs], nnx.Module]
    logits: Callable[[Any, Any], tuple[Any, Any]]
    """Log-odds (window, position) of coverage (window, position), and what the loss has besides."""
    window: int = 10_000
    margin: int = 0
    """At either end of a window, where its log-odds are not used."""


def ours(**settings: Any) -> Contender:
    """Our network."""
    config = OurConfig(n_filters=16, **settings)

    def logits(model, coverage):
        return model.logits(coverage[..., None]), 0.0

    name = f"dilations {', '.join(map(str, config.dilations))}"
    return Contender(name, lambda rngs: PeakCaller(config, rngs=rngs), logits)


def cnn(**settings: Any) -> Contender:
    """`DifferentiablePeakCaller`; with its VAE the loss has the Kullback-Leibler term, as a mean over positions."""

    def logits(model, coverage):
        result = model.apply({"coverage": coverage}, {}, None)[0]
        temperature = jnp.abs(model.temperature[...]) + 1e-6
        penalty = result.get("vae_kl_loss", 0.0) / coverage.size
        return (result["peak_scores"] - model.threshold[...]) / temperature, penalty

    config = PeakCallerConfig(**settings)
    name = "behind its VAE" if config.use_vae_denoising else "defaults"
    return Contender(name, lambda rngs: DifferentiablePeakCaller(config, rngs=rngs), logits)


def fourier(modes: int, window: int = 10_000, margin: int = 0) -> Contender:
    """`FNOPeakCaller`, whose temperature is fixed."""

    def logits(model, coverage):
        scores = model.apply({"coverage": coverage}, {}, None)[0]["peak_scores"]
        return (scores - model.threshold[...]) / config.temperature, 0.0

    config = FNOPeakCallerConfig(modes=modes)
    name = f"{modes} modes of {window} positions"
    return Contender(name, lambda rngs: FNOPeakCaller(config, rngs=rngs), logits, window, margin)


def contextual(window: int = 2048, margin: int = 128) -> Contender:
    """`ContextualEpigenomicsOperator` without factors and contacts, with four positions of coverage a token."""

    def logits(model, coverage):
        tokens = coverage.reshape(len(coverage), -1, TOKEN_POSITIONS)
        return model.apply({"sequence": tokens}, {}, None)[0]["logits"].reshape(coverage.shape), 0.0

    config = ContextualEpigenomicsConfig(use_tf_context=False, num_outputs=TOKEN_POSITIONS)
    name = f"{window // TOKEN_POSITIONS} tokens of {TOKEN_POSITIONS} positions"
    return Contender(name, lambda rngs: ContextualEpigenomicsOperator(config, rngs=rngs), logits, window, margin)


def windows(values: np.ndarray, width: int, margin: int) -> np.ndarray:
    """Windows whose middles, without the margins, follow each other; 0 outside the values."""
    inner = width - 2 * margin
    number = -(-len(values) // inner)
    padded = np.pad(values, (margin, number * inner + margin - len(values)))
    return np.stack([padded[start : start + width] for start in range(0, number * inner, inner)])


def middles(windowed: np.ndarray, margin: int, n_positions: int) -> np.ndarray:
    """What `windows` cut, joined again."""
    return windowed[:, margin : windowed.shape[1] - margin].reshape(-1)[:n_positions]
