"""Adapting a peak caller to a new bigWig without labels: the most confident scale, and self-training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jaxtyping import Array, Float

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.errors import InputError
from epizoo.finetuning.labelled_samples import fit_scale, linear
from epizoo.finetuning.new_cell_type import PeakData
from epizoo.finetuning.trainable import Arrays, Train, Trainables, model_arrays, with_arrays
from epizoo.genome.coverage_transform import CoverageTransform, scaled_arcsinh
from epizoo.genome.intervals import check_intervals, read_bed
from epizoo.genome.signal import BigWig
from epizoo.genome.signal_kinds import sample_blocks
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.network_fit import compiled_step
from epizoo.simulation.coverage import thin

WINDOW_BINS = 512


@dataclass(frozen=True)
class SelfTrainingSettings:
    """Settings of self-training.

    Attributes:
        train: which parameters; see `epizoo.finetuning.trainable`.
        rounds: how often the student becomes the teacher.
        n_steps: of each round.
        sure: least confidence of a bin that is trained on, as twice the distance of its probability from one half.
        pull: how strongly a squared change of the parameters counts against the loss.
        n_windows: windows of signal to look at, half of them where the signal is highest.
        batch: windows a step.
        learning_rate: that of `train` where None.
        seed: of everything random.
    """

    train: Train = "threshold"
    rounds: int = 2
    n_steps: int = 60
    sure: float = 0.8
    pull: float = 0.1
    n_windows: int = 256
    batch: int = 8
    learning_rate: float | None = None
    seed: int = 0


class Unlabelled(NamedTuple):
    """Windows of signal of a new bigWig.

    ``signal`` is linear and has the receptive field on both sides; ``scale`` is that of each window's file.
    """

    signal: Float[np.ndarray, "window bin"]
    scale: Float[np.ndarray, " window"]
    locus: pd.DataFrame
    """Chrom, start and end in bp of each window without its flanks."""


def read_windows(
    data: PeakData, transform: CoverageTransform, model: PeakCaller, n_windows: int, seed: int = 0
) -> Unlabelled:
    """Windows of all samples: half of them at random, half the ones with the highest signal of many drawn at random.

    Raises:
        InputError: a file cannot be used.
    """
    random = np.random.default_rng(seed)
    flank, bin_bp = model.receptive_field_bins, model.config.bin_bp
    signals, scales, loci = [], [], []
    for sample in data.samples:
        with BigWig(sample.bigwig) as bigwig:
            known = None if sample.known_regions is None else read_bed(sample.known_regions)
            if known is not None:
                check_intervals(known, bigwig.chrom_sizes, str(sample.known_regions), str(sample.bigwig))
            fitted = fit_scale(bigwig, sample, transform, known)
            starts = _starts(bigwig, known, bin_bp)
            drawn = starts[random.permutation(len(starts))[: 4 * n_windows]]
            rows = [
                linear(bigwig.binned(chrom, first - flank, first + WINDOW_BINS + flank, bin_bp), fitted)
                for chrom, first in drawn
            ]
            highest = np.argsort([-np.sort(row)[-10:].mean() for row in rows], kind="stable")
            half = -(-n_windows // (2 * len(data.samples)))
            kept = sorted({*highest[:half].tolist(), *range(min(half, len(rows)))})
            for number in kept:
                chrom, first = drawn[number]
                end = min((first + WINDOW_BINS) * bin_bp, bigwig.chrom_sizes[chrom])
                signals.append(rows[number])
                scales.append(fitted.scale)
                loci.append((chrom, first * bin_bp, end))
    table = pd.DataFrame(loci, columns=["chrom", "start", "end"])
    return Unlabelled(np.stack(signals).astype(np.float32), np.array(scales), table)


def find_scale_factor(model: PeakCaller, windows: Unlabelled, *, spread: float = 0.5) -> float:
    """Factor of the scale at which the model is most confident.

    The mean entropy of the bins that are like a peak under some factor is traded against a log-normal prior around 1.

    Args:
        model: the peak caller.
        windows: of the new bigWig.
        spread: standard deviation of the logarithm of the factor, in the prior.
    """
    logs = np.linspace(-1.0, 1.0, 21)
    outputs = _predictor(model)
    probabilities = np.stack([outputs(_normalised(windows, float(np.exp(log)))) for log in logs])
    matters = probabilities.max(axis=0) > 0.1
    if not matters.any():
        return 1.0
    entropy = _entropy(probabilities[:, matters]).mean(axis=1)
    # The prior counts as much as the entropy of a coin where it is one spread away.
    cost = entropy / np.log(2) + 0.5 * (logs / spread) ** 2 * 0.1
    return float(np.exp(logs[int(np.argmin(cost))]))


def self_train(
    model: PeakCaller,
    windows: Unlabelled,
    settings: SelfTrainingSettings,
    progress: Callable[[int, int], None] | None = None,
) -> PeakCaller:
    """A copy of the model, trained on its own confident calls of thinned, rescaled and mirrored signal."""
    graph, paths, base = model_arrays(model)
    trainables = Trainables(settings.train, learning_rate=settings.learning_rate)
    optimiser = trainables.optimiser()
    flank = model.receptive_field_bins

    def objective(changes: Arrays, coverage: Array, target: Array, weight: Array) -> Float[Array, ""]:
        student = with_arrays(graph, paths, trainables.apply(base, changes))
        logits = student.logits(coverage[..., None])[:, flank:-flank]
        losses = optax.sigmoid_binary_cross_entropy(logits, target) * weight
        is_peak = (target > 0.5).astype(logits.dtype)
        means = [jnp.sum(losses * kind) / jnp.maximum(jnp.sum(weight * kind), 1.0) for kind in (is_peak, 1 - is_peak)]
        return (means[0] + means[1]) / 2 + settings.pull * trainables.moved(base, changes)

    step = compiled_step(objective, optimiser)
    changes = trainables.start(base, settings.seed)
    random = np.random.default_rng([settings.seed, 7])
    for turn in range(settings.rounds):
        teacher = _predictor(with_arrays(graph, paths, trainables.apply(base, changes)))
        target = teacher(_normalised(windows, 1.0))
        weight = (np.abs(2 * target - 1) >= settings.sure).astype(np.float32)
        state = optimiser.init(changes)
        for number in range(settings.n_steps):
            batch = _augmented(random, windows, target, weight, settings.batch, model.config.bin_bp, flank)
            changes, state, _ = step(changes, state, *batch)
            if progress is not None:
                progress(turn * settings.n_steps + number + 1, settings.rounds * settings.n_steps)
    return with_arrays(graph, paths, trainables.apply(base, changes))


def changed_calls(
    before: PeakCaller,
    after: PeakCaller,
    windows: Unlabelled,
    scale_factor: float,
    calling: PeakCallingConfig,
) -> pd.DataFrame:
    """Regions of the windows whose call changed: chrom, start, end, name (gained or lost), largest change first.

    ``score`` is the mean probability that was gained or lost there.
    """
    first = _predictor(before)(_normalised(windows, 1.0))
    second = _predictor(after)(_normalised(windows, scale_factor))
    rows = []
    bin_bp = before.config.bin_bp
    was, now = first >= calling.enter_probability, second >= calling.enter_probability
    loci = zip(*(windows.locus[column] for column in ("chrom", "start", "end")), strict=True)
    for number, (chrom, first_bp, last_bp) in enumerate(loci):
        for name, changed in (("gained", now[number] & ~was[number]), ("lost", was[number] & ~now[number])):
            edges = np.flatnonzero(np.diff(changed, prepend=False, append=False))
            for low, high in zip(edges[::2], edges[1::2], strict=True):
                by = float(np.abs(second[number, low:high] - first[number, low:high]).mean())
                start = int(first_bp) + int(low) * bin_bp
                rows.append((chrom, start, min(start + int(high - low) * bin_bp, int(last_bp)), name, by))
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "score"])
    table = table[table["end"] > table["start"]]
    return table.sort_values(["score", "chrom", "start"], ascending=[False, True, True], ignore_index=True)


def summary(before: PeakCaller, after: PeakCaller, windows: Unlabelled, scale_factor: float) -> dict[str, Any]:
    """Change of the model: over all bins of the windows, the share in peaks and the mean entropy."""
    first = _predictor(before)(_normalised(windows, 1.0))
    second = _predictor(after)(_normalised(windows, scale_factor))
    return {
        "windows": len(windows.locus),
        "scale_factor": round(scale_factor, 4),
        "bins_changed": float(np.mean((first >= 0.5) != (second >= 0.5))),
        "bins_in_peaks": {"before": float(np.mean(first >= 0.5)), "after": float(np.mean(second >= 0.5))},
        "entropy_per_bin": {"before": float(_entropy(first).mean()), "after": float(_entropy(second).mean())},
    }


def _entropy(probabilities: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    """Entropy of each probability, in nats."""
    inside = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return -(inside * np.log(inside) + (1 - inside) * np.log(1 - inside))


def _starts(bigwig: BigWig, known: pd.DataFrame | None, bin_bp: int) -> np.ndarray:
    """First bins of the windows that fit what is known: (chrom, bin) rows."""
    rows = [
        (chrom, first)
        for chrom, start, end in sample_blocks(bigwig, 64, known)
        for first in range(-(-start // bin_bp), max(end // bin_bp - WINDOW_BINS, start // bin_bp) + 1, WINDOW_BINS)
    ]
    if not rows:
        raise InputError(f"{bigwig.path}: holds no stretch of signal to learn from; give another file")
    return np.array(rows, dtype=object)


def _normalised(windows: Unlabelled, factor: float) -> Float[np.ndarray, "window bin"]:
    return scaled_arcsinh(windows.signal, windows.scale[:, None] * factor)


def _predictor(model: PeakCaller) -> Callable[[Float[np.ndarray, "window bin"]], Float[np.ndarray, "window bin"]]:
    """Peak probabilities of windows without their flanks, some windows at a time."""
    graph, paths, base = model_arrays(model)
    flank = model.receptive_field_bins

    @jax.jit
    def run(coverage: Array) -> Array:
        return jax.nn.sigmoid(with_arrays(graph, paths, base).logits(coverage[..., None]))

    def predict(coverage: Float[np.ndarray, "window bin"]) -> Float[np.ndarray, "window bin"]:
        batches = np.array_split(coverage, max(len(coverage) // 64, 1))
        return np.concatenate([np.asarray(run(batch)) for batch in batches])[:, flank:-flank]

    return predict


def _augmented(
    random: np.random.Generator,
    windows: Unlabelled,
    target: Float[np.ndarray, "window bin"],
    weight: Float[np.ndarray, "window bin"],
    n_windows: int,
    bin_bp: int,
    flank: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A batch of thinned, rescaled and mirrored windows, with the teacher's judgement of the windows as they were."""
    chosen = random.choice(len(windows.scale), n_windows)
    coverage = np.zeros((n_windows, windows.signal.shape[1]), np.float32)
    for row, number in enumerate(chosen):
        values, scale = windows.signal[number], windows.scale[number] * np.exp(0.1 * random.normal())
        if random.random() < 0.5:
            keep = np.exp(random.uniform(np.log(0.5), 0))
            values, scale = thin(random, values, keep, bin_bp), scale * keep
        coverage[row] = scaled_arcsinh(values, scale)
    direction = -1 if random.random() < 0.5 else 1
    rows = (coverage, target[chosen], weight[chosen])
    return tuple(np.ascontiguousarray(array[:, ::direction], np.float32) for array in rows)  # type: ignore[return-value]
