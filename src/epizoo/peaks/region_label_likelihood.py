"""The likelihood of weak region labels under a two-state chain over bins, exact and differentiable.

A segmentation z of n bins into background (0) and peak (1) has the probability
``p(z) = exp(sum_i logit_i z_i - switch_cost * #{i: z_i != z_(i-1)}) / Z``. A label says something about z as a whole:
no peak, at least one, exactly one start, exactly one end. Its probability is a ratio of two sums over all 2^n
segmentations, each a short dynamic program. With `switch_cost=0` the bins are independent.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from epizoo.errors import InputError
from epizoo.metrics.label_errors import ANNOTATIONS

# Log of a probability that is as good as zero; finite, so that gradients stay finite.
_NEVER = -1e30
_LOG_2 = 0.6931471805599453


class LabelBins(NamedTuple):
    """The bins that decide a label, and what it says of them."""

    annotation: int
    """Index in `ANNOTATIONS`."""
    start_bin: int
    end_bin: int
    """Half-open. For `peakStart` and `peakEnd` the first bin is the one before the first that may switch."""


def label_bins(annotation: str, start: int, end: int, bin_bp: int) -> LabelBins:
    """The bins that decide whether peaks made of whole bins satisfy a label of [start, end) bp.

    It may be that no whole-bin peak can satisfy the label (a region narrower than a bin): then start_bin + 1 = end_bin.

    >>> label_bins("peakStart", 100, 200, 50)
    LabelBins(annotation=2, start_bin=1, end_bin=4)
    """
    code = ANNOTATIONS.index(annotation)
    if annotation == "peakStart":
        return LabelBins(code, -(-start // bin_bp) - 1, -(-end // bin_bp))
    if annotation == "peakEnd":
        return LabelBins(code, start // bin_bp, end // bin_bp + 1)
    return LabelBins(code, start // bin_bp, -(-end // bin_bp))


def region_log_likelihood(
    logits: Float[Array, "label bin"],
    inside: Bool[Array | np.ndarray, "label bin"],
    annotation: Int[Array | np.ndarray, " label"],
    switch_cost: float = 0.0,
) -> Float[Array, " label"]:
    """Log-probability of each label.

    Args:
        logits: per-bin log-odds of peak against background.
        inside: which bins belong to the label (`LabelBins`), a run from the first column on; the rest is padding.
        annotation: index in `ANNOTATIONS`.
        switch_cost: how many nats a change of state costs.
    """
    partition, one_start, one_end = _sums(logits, inside, switch_cost)
    none = -partition
    log_probabilities = jnp.stack([none, _log1mexp(none), one_start - partition, one_end - partition], axis=-1)
    return jnp.take_along_axis(log_probabilities, annotation[:, None], axis=-1)[:, 0]


class LabelBatch(NamedTuple):
    """Labels of a batch of windows, as arrays of one shape."""

    window: Int[np.ndarray, " label"]
    start_bin: Int[np.ndarray, " label"]
    inside: Bool[np.ndarray, "label length"]
    annotation: Int[np.ndarray, " label"]
    weight: Float[np.ndarray, " label"]
    """0 for padding."""


def gather_labels(logits: Float[Array, "window bin"], labels: LabelBatch) -> Float[Array, "label length"]:
    """The logits of each label's bins, its first bin in the first column."""
    columns = labels.start_bin[:, None] + jnp.arange(labels.inside.shape[1])
    return logits[labels.window[:, None], jnp.minimum(columns, logits.shape[1] - 1)]


def label_loss(
    logits: Float[Array, "crop bin"], labels: LabelBatch, switch_cost: float, doubt: float
) -> Float[Array, " label"]:
    """The loss of each label: minus the log-probability that it is right, or that it is wrong by itself."""
    right = region_log_likelihood(gather_labels(logits, labels), labels.inside, labels.annotation, switch_cost)
    return -jnp.logaddexp(right + jnp.log1p(-doubt), jnp.log(doubt))


def pack_labels(rows: list[tuple[int, LabelBins, float]], n_labels: int, length: int) -> LabelBatch:
    """Rows of (window, bins, weight) as a padded batch of `n_labels` labels of at most `length` bins.

    Raises:
        InputError: there are more rows, or longer ones, than fit.
    """
    if len(rows) > n_labels or any(label.end_bin - label.start_bin > length for _, label, _ in rows):
        raise InputError(f"labels: {len(rows)} rows do not fit {n_labels} labels of {length} bins; ask for more room")
    batch = LabelBatch(
        window=np.zeros(n_labels, np.int32),
        start_bin=np.zeros(n_labels, np.int32),
        inside=np.zeros((n_labels, length), bool),
        annotation=np.zeros(n_labels, np.int32),
        weight=np.zeros(n_labels, np.float32),
    )
    for i, (window, label, weight) in enumerate(rows):
        batch.window[i], batch.start_bin[i] = window, label.start_bin
        batch.inside[i, : label.end_bin - label.start_bin] = True
        batch.annotation[i], batch.weight[i] = label.annotation, weight
    return batch


class _Chain(NamedTuple):
    """Log sums over the segmentations so far, by the state of the last bin."""

    background: Float[Array, " label"]
    peak: Float[Array, " label"]


def _sums(
    logits: Float[Array, "label bin"], inside: Bool[Array | np.ndarray, "label bin"], switch_cost: float
) -> tuple[Float[Array, " label"], ...]:
    """Log sums over all segmentations, and over those with exactly one start, and exactly one end."""
    first = _Chain(jnp.zeros_like(logits[:, 0]), logits[:, 0])
    never = _Chain(jnp.full_like(first.peak, _NEVER), jnp.full_like(first.peak, _NEVER))

    def step(carry, column):
        logit, is_inside = column
        moved = _step(carry, logit, switch_cost)
        return jax.tree.map(lambda new, old: jnp.where(is_inside, new, old), moved, carry), None

    carry = (first, (first, never), (first, never))
    (free, starts, ends), _ = jax.lax.scan(step, carry, (logits[:, 1:].T, inside[:, 1:].T))
    return jnp.logaddexp(*free), jnp.logaddexp(*starts[1]), jnp.logaddexp(*ends[1])


def _step(carry, logit: Float[Array, " label"], cost: float):
    """One bin further: any segmentation, those with no and one start, those with no and one end."""
    free, (no_start, one_start), (no_end, one_end) = carry

    def stay_or_enter(stay, enter):
        return logit + jnp.logaddexp(stay, enter - cost)

    def stay_or_leave(stay, leave):
        return jnp.logaddexp(stay, leave - cost)

    return (
        _Chain(stay_or_leave(free.background, free.peak), stay_or_enter(free.peak, free.background)),
        (
            _Chain(stay_or_leave(no_start.background, no_start.peak), logit + no_start.peak),
            _Chain(
                stay_or_leave(one_start.background, one_start.peak),
                stay_or_enter(one_start.peak, no_start.background),
            ),
        ),
        (
            _Chain(no_end.background, stay_or_enter(no_end.peak, no_end.background)),
            _Chain(stay_or_leave(one_end.background, no_end.peak), stay_or_enter(one_end.peak, one_end.background)),
        ),
    )


def _log1mexp(x: Float[Array, " label"]) -> Float[Array, " label"]:
    """log(1 - exp(x)) for x < 0, accurate at both ends, with a finite gradient where x rounds to 0."""
    x = jnp.minimum(x, -jnp.finfo(x.dtype).tiny)
    near, far = jnp.maximum(x, -_LOG_2), jnp.minimum(x, -_LOG_2)
    return jnp.where(x > -_LOG_2, jnp.log(-jnp.expm1(near)), jnp.log1p(-jnp.exp(far)))
