"""Fine-tuning a peak caller on region labels: early stopping on held-out loci, then a fit on all of them.

The labels are few, so the number of steps is what matters most. It is chosen by cross-validation over loci: the folds
are trained side by side, the mean loss of the loci that each fold has not seen is followed, and where it does not fall
below that of the pretrained model the answer is zero steps: the pretrained model itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from epizoo.checkpoints import Snapshot, fingerprint, load_snapshot, save_snapshot
from epizoo.errors import InputError
from epizoo.finetuning.label_crops import FixedCrops, crop_settings, fixed_crops
from epizoo.finetuning.label_scale import label_scale_factor, scaled
from epizoo.finetuning.label_steps import Names, Stage, balanced_mean, compile_steps
from epizoo.finetuning.trainable import FROZEN_TRUNK, Arrays, model_arrays, with_arrays
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.labelled_stretches import CropSettings, LabelledStretch, random_crops
from epizoo.peaks.region_label_likelihood import LabelBatch

Log = Callable[[dict[str, Any]], None]
"""Called with what is worth noting after every check."""
Progress = Callable[[int, int], None]


class Tuned(NamedTuple):
    """A fine-tuned model and how it came about."""

    model: PeakCaller
    n_steps: int
    """Best number of steps; 0 is the pretrained model."""
    history: list[dict[str, Any]]
    """One row for each check: stage, step, and the losses that are known there."""
    held_out_before: float
    """Mean loss of held-out loci of the pretrained model; NaN where the number of steps was given."""
    held_out_after: float
    scale_factor: float = 1.0
    """Factor of the scale of every file; 1 unless it was calibrated."""


def fine_tune(
    model: PeakCaller,
    stretches: Sequence[LabelledStretch],
    settings: TuningSettings,
    *,
    checkpoint: Path | None = None,
    log: Log | None = None,
    progress: Progress | None = None,
) -> Tuned:
    """A fine-tuned copy of a model.

    Args:
        model: the pretrained model; it is not changed.
        stretches: labelled signal; each one's labels have a column `locus`.
        settings: settings of the training.
        checkpoint: a file that keeps the state after each check; where it exists, training goes on from it, with the
            same result to the last bit.
        log: called after each check.
        progress: called with the steps that are done and those there are at most.

    Raises:
        InputError: all labels lie in one locus, so that none can be held out, or the checkpoint is of another training.
    """
    factor = label_scale_factor(model, list(stretches), settings) if settings.calibrate_scale else 1.0
    tuned = _Trainer(model, scaled(stretches, factor), settings, checkpoint, log, progress).run()
    return tuned._replace(scale_factor=factor)


class _Trainer:
    """All stages of one fine-tuning: the folds side by side, then all loci."""

    def __init__(
        self,
        model: PeakCaller,
        stretches: list[LabelledStretch],
        settings: TuningSettings,
        checkpoint: Path | None,
        log: Log | None,
        progress: Progress | None,
    ) -> None:
        self.settings = settings
        self.stretches = stretches
        self.checkpoint = checkpoint
        self.log = log or (lambda _: None)
        self.progress = progress or (lambda done, total: None)
        self.bin_bp = model.config.bin_bp
        self.graph, self.paths, self.base = model_arrays(model)
        self.crop_settings: CropSettings = crop_settings(stretches, model.receptive_field_bins)
        self.fixed: FixedCrops = fixed_crops(stretches, self.crop_settings, seed=settings.seed)
        self.step, self.measure, inputs, self.optimiser = compile_steps(self.graph, Names(self.paths), settings)
        self.inputs = inputs(self.base, self.fixed.coverage)
        self.loci = np.unique(self.fixed.locus[self.fixed.weight > 0])
        self.history: list[dict[str, Any]] = []

    def run(self) -> Tuned:
        snapshot = self._resume()
        if self.settings.steps is not None:
            n_steps, before, after = self.settings.steps, float("nan"), float("nan")
        else:
            n_steps, before, after = self._choose_steps(snapshot)
        final = self._start(self.stretches, -1)
        for step in range(n_steps):
            final, loss = self._advance(final, self.stretches)
            if (step + 1) % self.settings.check_every == 0:
                self._note({"stage": "all loci", "step": step + 1, "training_loss": loss})
        model = with_arrays(self.graph, self.paths, self._arrays(final))
        return Tuned(model, n_steps, self.history, before, after)

    def _choose_steps(self, snapshot: Snapshot | None) -> tuple[int, float, float]:
        """The number of steps with the lowest held-out loss, that loss at the start, and it."""
        if len(self.loci) < 2:
            raise InputError(
                "labels: all lie in one locus, so that none can be held out to stop early; label a second locus (more "
                "than 50 kb away), or state the number of steps"
            )
        folds = fold_loci(self.loci, self.settings.n_folds, self.settings.seed)
        parts = [self._without(fold) for fold in folds]
        stages = [self._start(part, number) for number, part in enumerate(parts)]
        curve: list[np.ndarray] = []
        step, total = 0, self.settings.max_steps
        if snapshot is not None:
            stages, curve, step = self._restore(snapshot, stages)
        else:
            curve.append(self._held_out(stages, folds, 0, None))
        while step < total and not self._is_over(curve):
            n = min(self.settings.check_every, total - step)
            losses = []
            for number, part in enumerate(parts):
                for _ in range(n):
                    stages[number], loss = self._advance(stages[number], part)
                losses.append(loss)
            step += n
            curve.append(self._held_out(stages, folds, step, float(np.mean(losses))))
            self._save(stages, curve, step)
            self.progress(step, total)
        means = [self._mean(per_crop) for per_crop in curve]
        best = int(np.argmin(means))
        if not self._is_gain(curve[0], curve[best]):
            best = 0
        self.progress(total, total)
        return min(best * self.settings.check_every, total), means[0], means[best]

    def _is_over(self, curve: list[np.ndarray]) -> bool:
        means = [self._mean(per_crop) for per_crop in curve]
        return len(means) - 1 - int(np.argmin(means)) >= self.settings.patience

    def _is_gain(self, before: np.ndarray, after: np.ndarray) -> bool:
        """True if held-out loci gain more than `caution` standard errors."""
        gains = np.array([self._mean(before, locus) - self._mean(after, locus) for locus in self.loci])
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else 0.0
        return self._mean(before) - self._mean(after) > self.settings.caution * error

    def _mean(self, per_crop: np.ndarray, locus: int | None = None) -> float:
        weight = self.fixed.weight if locus is None else self.fixed.weight * (self.fixed.locus == locus)
        return float(balanced_mean(*map(jnp.asarray, (per_crop, self.fixed.labels.annotation, weight))))

    def _held_out(self, stages: list[Stage], folds: list[np.ndarray], step: int, training: float | None) -> np.ndarray:
        """The loss of every crop under the fold that has not seen its locus."""
        losses = np.zeros(len(self.fixed.locus), np.float32)
        for stage, fold in zip(stages, folds, strict=True):
            left_out = np.isin(self.fixed.locus, fold)
            found = self.measure(self._arrays(stage), self.inputs, self.fixed.labels)
            losses[left_out] = np.asarray(found)[left_out]
        row = {"stage": "held-out loci", "step": step, "held_out_loss": self._mean(losses)}
        self._note(row | ({} if training is None else {"training_loss": training}))
        return losses

    def _start(self, stretches: list[LabelledStretch], number: int) -> Stage:
        changes = self.settings.trainables().start(self.base, self.settings.seed)
        random = np.random.default_rng([self.settings.seed, number + 1])
        return Stage(changes, self.optimiser.init(changes), random)

    def _advance(self, stage: Stage, stretches: list[LabelledStretch]) -> tuple[Stage, float]:
        inputs, labels = self._batch(stage, stretches)
        changes, optimiser, loss = self.step(stage.changes, stage.optimiser, self.base, inputs, labels)
        return Stage(changes, optimiser, stage.random), float(loss)

    def _batch(self, stage: Stage, stretches: list[LabelledStretch]) -> tuple[Any, LabelBatch]:
        """The data of one step."""
        if self.settings.train not in FROZEN_TRUNK:
            return random_crops(stage.random, stretches, self.settings.n_crops, self.crop_settings, self.bin_bp)
        # So few parameters need no augmentation: each step takes all labels, from what the trunk once made of them.
        loci = [int(stretch.labels["locus"].iloc[0]) for stretch in stretches]
        weight = self.fixed.weight * np.isin(self.fixed.locus, loci)
        return self.inputs, self.fixed.labels._replace(weight=weight)

    def _arrays(self, stage: Stage) -> Arrays:
        return self.settings.trainables().apply(self.base, stage.changes)

    def _without(self, fold: np.ndarray) -> list[LabelledStretch]:
        return [stretch for stretch in self.stretches if stretch.labels["locus"].iloc[0] not in set(fold.tolist())]

    def _note(self, row: dict[str, Any]) -> None:
        self.history.append(row)
        self.log(row)

    def _fingerprint(self) -> str:
        return fingerprint(asdict(self.settings), [*self.base.values(), self.fixed.coverage, *self.fixed.labels])

    def _resume(self) -> Snapshot | None:
        return None if self.checkpoint is None else load_snapshot(self.checkpoint, self._fingerprint())

    def _save(self, stages: list[Stage], curve: list[np.ndarray], step: int) -> None:
        if self.checkpoint is None:
            return
        arrays = {"curve": np.stack(curve)}
        for number, stage in enumerate(stages):
            leaves = jax.tree.leaves((stage.changes, stage.optimiser))
            arrays |= {f"{number}.{leaf}": np.asarray(value) for leaf, value in enumerate(leaves)}
        notes = {"step": step, "history": self.history, "random": [s.random.bit_generator.state for s in stages]}
        save_snapshot(self.checkpoint, Snapshot(arrays, notes), self._fingerprint())

    def _restore(self, snapshot: Snapshot, fresh: list[Stage]) -> tuple[list[Stage], list[np.ndarray], int]:
        stages = []
        for number, stage in enumerate(fresh):
            leaves, tree = jax.tree.flatten((stage.changes, stage.optimiser))
            saved = [jnp.asarray(snapshot.arrays[f"{number}.{leaf}"]) for leaf in range(len(leaves))]
            changes, optimiser = jax.tree.unflatten(tree, saved)
            stage.random.bit_generator.state = snapshot.notes["random"][number]
            stages.append(Stage(changes, optimiser, stage.random))
        self.history = list(snapshot.notes["history"])
        for row in self.history:
            self.log(row)
        return stages, list(snapshot.arrays["curve"]), int(snapshot.notes["step"])


def fold_loci(loci: Int[np.ndarray, " locus"], n_folds: int, seed: int) -> list[Int[np.ndarray, " locus"]]:
    """Loci dealt into folds of almost one size, at random.

    >>> [fold.tolist() for fold in fold_loci(np.arange(5), 2, 0)]
    [[2, 3, 1], [4, 0]]
    """
    shuffled = np.random.default_rng(seed).permutation(loci)
    return [shuffled[start::n] for n in [min(n_folds, len(loci))] for start in range(n)]
