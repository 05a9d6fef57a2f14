"""The network of LanceOtron (Hentges et al., Bioinformatics 2022): scores of candidate peaks.

A deep part looks at the shape of the coverage, a wide part at how far the candidate rises above its surroundings, and
a third part at both. Batch normalisation is folded into the layer before it, since the published weights are not
trained further here.
"""

import functools
import itertools
from typing import NamedTuple

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from epizoo.models.peak_scorer.config import PeakScorerConfig


class PeakScorerOutput(NamedTuple):
    """Scores of candidates, each from 0 to 1, under LanceOtron's names for them."""

    overall_scores: Float[Array, " batch"]
    """Score by shape and enrichment together, by which peaks are chosen."""
    shape_scores: Float[Array, " batch"]
    """Score by the shape of the coverage alone."""
    enrichment_scores: Float[Array, " batch"]
    """Score by the enrichment over the surroundings alone."""


class PeakScorer(nnx.Module):
    """Scores from coverage and enrichment features, which `epizoo.genome.candidate_windows` makes."""

    def __init__(self, config: PeakScorerConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.location = nnx.Param(jnp.zeros(config.n_inputs))
        self.scale = nnx.Param(jnp.ones(config.n_inputs))
        widths = itertools.pairwise((1, *config.n_filters))
        self.convs = nnx.List(
            [
                nnx.Conv(n_in, n_out, (size,), padding="SAME", rngs=rngs)
                for (n_in, n_out), size in zip(widths, config.kernel_sizes, strict=True)
            ]
        )
        self.position_dense = nnx.Linear(config.n_filters[-1], config.n_shape_features, rngs=rngs)
        n_shape = config.n_positions * config.n_shape_features
        self.shape_dense = nnx.Linear(n_shape, 2, rngs=rngs)
        self.enrichment_dense = nnx.Linear(config.n_features, 2, rngs=rngs)
        widths = itertools.pairwise((config.n_features + n_shape + 2, *config.n_hidden))
        self.hidden = nnx.List([nnx.Linear(n_in, n_out, rngs=rngs) for n_in, n_out in widths])
        self.overall_dense = nnx.Linear(config.n_hidden[-1], 2, rngs=rngs)

    def __call__(self, candidates: Float[Array, "batch input 1"]) -> PeakScorerOutput:
        """All scores of candidates."""
        shape, features = self._parts(candidates)
        return PeakScorerOutput(
            overall_scores=nnx.sigmoid(self.logits(candidates)),
            shape_scores=nnx.sigmoid(_log_odds(self.shape_dense(shape))),
            enrichment_scores=nnx.sigmoid(_log_odds(self.enrichment_dense(features))),
        )

    def logits(self, candidates: Float[Array, "batch input 1"]) -> Float[Array, " batch"]:
        """Log-odds of the overall score."""
        return _log_odds(self.overall_dense(self.features(candidates)))

    def features(self, candidates: Float[Array, "batch input 1"]) -> Float[Array, "batch feature"]:
        """The last hidden layer, from which the overall score is one linear step."""
        shape, features = self._parts(candidates)
        by_enrichment = nnx.softmax(self.enrichment_dense(features))
        hidden = jnp.concatenate([features, shape, by_enrichment], axis=-1)
        for dense in self.hidden:
            hidden = self._activated(dense(hidden))
        return hidden

    def _parts(
        self, candidates: Float[Array, "batch input 1"]
    ) -> tuple[Float[Array, "batch shape"], Float[Array, "batch feature"]]:
        """The coverage as the convolutions see it, and the standardised enrichment features."""
        values = (candidates[..., 0] - self.location[...]) / self.scale[...]
        hidden = values[:, : self.config.window_bins, None]
        for number, conv in enumerate(self.convs):
            hidden = self._activated(conv(hidden))
            if number:
                hidden = nnx.max_pool(hidden, (2,), (2,))
        shape = self._activated(self.position_dense(hidden))
        return shape.reshape(len(shape), self.shape_dense.in_features), values[:, self.config.window_bins :]

    @property
    def _activated(self) -> "functools.partial[Array]":
        return functools.partial(nnx.leaky_relu, negative_slope=self.config.leak)


def _log_odds(pair: Float[Array, "batch 2"]) -> Float[Array, " batch"]:
    """Log-odds of the first of two classes, which is that of peaks."""
    return pair[:, 0] - pair[:, 1]
