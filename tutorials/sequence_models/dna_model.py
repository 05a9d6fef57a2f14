"""A small network that reads DNA and predicts ATAC-seq cuts, and its training: what the chapters of this part share."""

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, UInt8

sys.path.append(str(Path(__file__).parents[1] / "data"))
import yeast

WINDOW_BP, BIN_BP, POOL_BP = 2000, 100, 20


class Windows(NamedTuple):
    """Stretches of DNA and the cuts that were counted in them."""

    bases: UInt8[np.ndarray, "window bp"]
    counts: Float[np.ndarray, "window bin"]


def tile(bases: np.ndarray, cuts: np.ndarray, offset_bp: int = 0, bin_bp: int = BIN_BP) -> Windows:
    """Windows side by side along a chromosome, the first of which starts at `offset_bp`."""
    n_windows = (len(bases) - offset_bp) // WINDOW_BP
    span = slice(offset_bp, offset_bp + n_windows * WINDOW_BP)
    counts = cuts[span].reshape(n_windows, -1, bin_bp).sum(axis=2)
    return Windows(bases[span].reshape(n_windows, WINDOW_BP), counts.astype(np.float32))


def windows(chroms: Sequence[str], offset_bp: int = 0, bin_bp: int = BIN_BP) -> Windows:
    """The windows of whole chromosomes of yeast."""
    parts = [tile(c.bases, c.cuts(), offset_bp, bin_bp) for c in map(yeast.chromosome, chroms)]
    return Windows(*map(np.concatenate, zip(*parts, strict=True)))


class DnaModel(nnx.Module):
    """One-hot DNA, motif detectors, maximum over 20 bp, two dilated convolutions, mean over a bin: the log of its cuts.

    Args:
        mean_count: mean of the training counts, from which the model starts.
        channels: number of motif detectors.
        rngs: keys of the initial weights and of dropout.
        dropout: share of features that are dropped in training.
    """

    def __init__(self, mean_count: float, channels: int = 32, *, rngs: nnx.Rngs, dropout: float = 0.0) -> None:
        self.motifs = nnx.Conv(4, channels, (11,), rngs=rngs)
        self.mixing = nnx.List(
            [nnx.Conv(channels, channels, (5,), kernel_dilation=dilation, rngs=rngs) for dilation in (1, 4)]
        )
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        start = nnx.initializers.constant(np.log(mean_count))
        self.head = nnx.Linear(channels, 1, kernel_init=nnx.initializers.zeros, bias_init=start, rngs=rngs)

    def __call__(self, one_hot: Float[Array, "batch bp base"]) -> Float[Array, "batch bin"]:
        """Log of the expected cuts in each bin of 100 bp."""
        features = _pool(nnx.relu(self.motifs(one_hot - 0.25)), POOL_BP, jnp.max)
        for layer in self.mixing:
            features = features + nnx.relu(layer(features))
        return self.head(self.dropout(_pool(features, BIN_BP // POOL_BP, jnp.mean)))[..., 0]


def _pool(features: Float[Array, "batch place channel"], width: int, over: Callable) -> Array:
    return over(features.reshape(features.shape[0], -1, width, features.shape[2]), axis=2)


def poisson_loss(log_rate: Float[Array, "..."], counts: Float[Array, "..."]) -> Float[Array, ""]:
    """Mean negative log-likelihood of Poisson counts in nats a bin, without the term that no model can change."""
    return jnp.mean(jnp.exp(log_rate) - counts * log_rate)


class Settings(NamedTuple):
    """How a model is trained. The learning rate rises for a tenth of the steps and then falls as a cosine."""

    n_epochs: int = 8
    batch_size: int = 32
    learning_rate: float = 1e-2
    weight_decay: float = 1e-4
    dropout: float = 0.0
    reverse_complement: bool = True
    seed: int = 0


class Fit(NamedTuple):
    """A trained model and its mean training loss of each epoch."""

    model: DnaModel
    losses: list[float]


def train(
    data: Windows | Callable[[int], Windows],
    settings: Settings | None = None,
    loss: Callable = poisson_loss,
    after_epoch: Callable[[int, DnaModel, float], None] | None = None,
) -> Fit:
    """Train a model; the same data and settings give the same weights, bit for bit, on the same machine.

    Args:
        data: the windows, or a function that gives the windows of each epoch.
        settings: how to train; the defaults of `Settings` where None.
        loss: of the model's output and the counts.
        after_epoch: called with the epoch, the model and the epoch's mean loss.
    """
    settings = settings or Settings()
    of_epoch = data if callable(data) else lambda epoch: data
    first = of_epoch(0)
    rng = np.random.default_rng(settings.seed)
    model = DnaModel(float(first.counts.mean()), rngs=nnx.Rngs(settings.seed), dropout=settings.dropout)
    n_steps = settings.n_epochs * (len(first.bases) // settings.batch_size)
    optimizer = nnx.Optimizer(model, _adam(settings.learning_rate, settings.weight_decay, n_steps), wrt=nnx.Param)
    losses = []
    for epoch in range(settings.n_epochs):
        epoch_data = of_epoch(epoch)
        values = []
        order = rng.permutation(len(epoch_data.bases))
        for start in range(0, len(order) - settings.batch_size + 1, settings.batch_size):
            bases, counts = (array[order[start : start + settings.batch_size]] for array in epoch_data)
            if settings.reverse_complement and rng.random() < 0.5:
                bases, counts = 3 - bases[:, ::-1], counts[:, ::-1]
            values.append(_step(model, optimizer, bases, counts, loss))
        losses.append(float(np.mean(values)))
        if after_epoch:
            after_epoch(epoch, model, losses[-1])
    model.eval()
    return Fit(model, losses)


@functools.cache
def _adam(learning_rate: float, weight_decay: float, n_steps: int) -> optax.GradientTransformation:
    """Adam whose rate rises and falls; one object for the same settings, so that a step is compiled once."""
    rate = optax.warmup_cosine_decay_schedule(0.0, learning_rate, max(1, n_steps // 10), n_steps)
    return optax.adamw(rate, weight_decay=weight_decay)


@functools.partial(nnx.jit, static_argnames="loss")
def _step(model: DnaModel, optimizer: nnx.Optimizer, bases: Array, counts: Array, loss: Callable) -> Array:
    def objective(model: DnaModel) -> Array:
        return loss(model(jax.nn.one_hot(bases, 4)), counts)

    value, gradient = nnx.value_and_grad(objective)(model)
    optimizer.update(model, gradient)
    return value


@nnx.jit
def _log_rate(model: DnaModel, bases: Int[Array, "window bp"]) -> Array:
    return model(jax.nn.one_hot(bases, 4))


def predict(model: DnaModel, bases: UInt8[np.ndarray, "window bp"], batch_size: int = 64) -> np.ndarray:
    """Log of the expected cuts of each bin, (window, bin): batches of one size, so that nothing is compiled twice."""
    padded = np.pad(bases, ((0, -len(bases) % batch_size), (0, 0)))
    batches = padded.reshape(-1, batch_size, bases.shape[1])
    return np.concatenate([np.asarray(_log_rate(model, batch)) for batch in batches])[: len(bases)]


class Score(NamedTuple):
    """Quality of log rates on counts: Poisson loss (lower is better) and two correlations (higher is better)."""

    loss: float
    r: float
    """Pearson correlation of rates and counts."""
    r_log: float
    """Pearson correlation of log rates and log(1 + count)."""


def score(log_rate: np.ndarray, counts: np.ndarray) -> Score:
    """Score of a prediction; both have the same shape."""
    log_rate, counts = np.ravel(log_rate).astype(float), np.ravel(counts).astype(float)
    return Score(
        float(poisson_loss(log_rate, counts)),
        float(np.corrcoef(np.exp(log_rate), counts)[0, 1]),
        float(np.corrcoef(log_rate, np.log1p(counts))[0, 1]),
    )
