"""Cross-validation of a fine-tuning over loci or chromosomes, beside the pretrained model and other callers."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from flax import nnx

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.errors import InputError
from epizoo.finetuning.label_scale import scaled
from epizoo.finetuning.label_tuning import Tuned, fine_tune, fold_loci
from epizoo.finetuning.labelled_samples import loci_table, read_sample_labels, read_stretches
from epizoo.finetuning.leakage import check_loci, check_normalisation, is_near
from epizoo.finetuning.new_cell_type import PeakData
from epizoo.finetuning.other_callers import errors_of_calls, errors_of_mean
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.metrics.label_errors import Comparison, ErrorSummary, compare, summarise
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.labelled_calls import call_errors, predict_stretches
from epizoo.peaks.labelled_stretches import LabelledStretch

Scheme = Literal["locus", "chromosome"]
TUNED, PRETRAINED, SCRATCH, MEAN = "fine-tuned", "pretrained", "from scratch", "mean of other cell types"
LABEL_KEYS = ["window", "chrom", "start", "end", "annotation"]


@dataclass(frozen=True)
class Problem:
    """A pretrained model, the new data, and how the one is tuned on the other."""

    model: PeakCaller
    data: PeakData
    labels: pd.DataFrame
    transform: CoverageTransform
    calling: PeakCallingConfig
    settings: TuningSettings

    def stretches(self, labels: pd.DataFrame, unseen: pd.DataFrame | None) -> list[LabelledStretch]:
        """Labelled signal, its scales estimated without the unseen loci."""
        bin_bp = self.model.config.bin_bp
        pad_bp = (512 + 2 * self.model.receptive_field_bins) * bin_bp
        return read_stretches(self.data, labels, self.transform, bin_bp, pad_bp, unseen=unseen)

    def tests(self) -> "Problem | None":
        """The same problem on the test samples; None if the data name none."""
        if not self.data.test_samples:
            return None
        data = self.data.model_copy(update={"samples": self.data.test_samples, "test_samples": []})
        return replace(self, data=data, labels=read_sample_labels(data))

    def errors(self, model: PeakCaller, stretches: list[LabelledStretch]) -> pd.DataFrame:
        """Label errors of the peaks of a model."""
        predictions = predict_stretches(model, stretches)
        return call_errors(predictions, stretches, self.calling, self.model.config.bin_bp)


class CrossValidation(NamedTuple):
    """Label errors of every method on held-out loci."""

    scheme: str
    errors: dict[str, pd.DataFrame]
    """Every label with `wrong`, by method, in the same order; methods that say nothing of a locus lack its labels."""
    n_steps: list[int]
    """Number of steps that was chosen in each fold."""
    n_labels: list[int]
    """Number of labels that each fold was tuned on."""

    def summaries(self) -> dict[str, ErrorSummary]:
        """Totals and bootstrap intervals over loci, by method."""
        return {name: summarise(errors) for name, errors in self.errors.items()}

    def comparisons(self) -> dict[str, Comparison]:
        """The fine-tuned model against every other method, on the labels that both judge."""
        return {name: self._against(errors) for name, errors in self.errors.items() if name != TUNED}

    def _against(self, other: pd.DataFrame) -> Comparison:
        tuned = self.errors[TUNED]
        both = tuned[LABEL_KEYS].merge(other[LABEL_KEYS].drop_duplicates(), on=LABEL_KEYS)
        return compare(_of(tuned, both), _of(other, both))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "scheme": self.scheme,
            "n_steps": self.n_steps,
            "n_labels": self.n_labels,
            "methods": {name: summary._asdict() for name, summary in self.summaries().items()},
            "fine_tuned_minus": {
                name: {"difference": comparison.difference._asdict(), "share_better": comparison.share_better}
                for name, comparison in self.comparisons().items()
            },
        }


def cross_validate(
    problem: Problem,
    scheme: Scheme = "locus",
    n_folds: int = 5,
    *,
    methods: Collection[str] = (TUNED, PRETRAINED, SCRATCH, MEAN),
    fraction: float = 1.0,
    seed: int = 0,
    allow: Collection[str] = (),
    whole_file_scale: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> CrossValidation:
    """Errors on left-out loci, each judged by a model that was tuned without them.

    Args:
        problem: what is tuned on what.
        scheme: whether loci are dealt into folds, or each chromosome is one.
        n_folds: of loci.
        methods: which of them to measure; callers whose peaks the data name are always measured.
        fraction: share of the training labels that is used; see `subset`.
        seed: of the folds, the subsets and the training.
        allow: leaks that are allowed by name, see `epizoo.finetuning.leakage`.
        whole_file_scale: estimate the scale of a file on its test loci too: refused unless "normalisation" is allowed.
        progress: called after each fold.

    Raises:
        InputError: there is only one fold, or a leak that is not allowed.
    """
    folds = split(problem.labels, scheme, n_folds, fraction, seed)
    parts: dict[str, list[pd.DataFrame]] = {}
    n_steps = []
    for number, (train, test) in enumerate(folds):
        found, steps = _measure(problem, train, test, methods, seed, allow, whole_file_scale)
        n_steps.append(steps)
        for name, errors in found.items():
            parts.setdefault(name, []).append(errors)
        if progress is not None:
            progress(number + 1, len(folds))
    ordered = {name: pd.concat(tables).sort_values(LABEL_KEYS, ignore_index=True) for name, tables in parts.items()}
    return CrossValidation(scheme, ordered, n_steps, [len(train) for train, _ in folds])


def measure_test_samples(
    problem: Problem, tuned: PeakCaller, tests: Problem, allow: Collection[str] = (), scale_factor: float = 1.0
) -> CrossValidation:
    """Errors of a finished model and of the pretrained one on samples that were kept for the end.

    Raises:
        LeakageError: a locus of theirs was trained on.
    """
    check_loci(problem.labels, tests.labels, allow)
    stretches = tests.stretches(tests.labels, None)
    errors = {
        TUNED: tests.errors(tuned, scaled(stretches, scale_factor)),
        PRETRAINED: tests.errors(problem.model, stretches),
    }
    errors |= errors_of_calls(tests.data, tests.labels)
    tables = {name: table.sort_values(LABEL_KEYS) for name, table in errors.items()}
    return CrossValidation("test samples", tables, [], [len(problem.labels)])


def split(
    labels: pd.DataFrame, scheme: Scheme, n_folds: int, fraction: float, seed: int
) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Labels that each fold is tuned on, a share of those far from what it leaves out, and those that it leaves out.

    Raises:
        InputError: as `make_folds`.
    """
    found = []
    for test_loci in make_folds(labels, scheme, n_folds, seed):
        left_out = labels["locus"].isin(test_loci)
        train = _away_from(labels[~left_out], labels[left_out])
        found.append((subset(train, fraction, seed), labels[left_out]))
    return found


def subset(labels: pd.DataFrame, fraction: float, seed: int) -> pd.DataFrame:
    """A share of the labels by region, at least one of each kind; smaller shares are parts of larger ones."""
    if fraction >= 1:
        return labels
    region = ["chrom", "start", "end"]
    regions = labels.drop_duplicates(region)
    order = regions.iloc[np.random.default_rng(seed).permutation(len(regions))]
    clear = order["annotation"] == "noPeaks"
    first = pd.concat([order[clear].iloc[:1], order[~clear].iloc[:1]])
    order = pd.concat([first, order.drop(first.index)])
    kept = order.iloc[: max(round(fraction * len(order)), len(first))]
    keys = set(map(tuple, kept[region].to_numpy()))
    return labels[[key in keys for key in map(tuple, labels[region].to_numpy())]]


def make_folds(labels: pd.DataFrame, scheme: Scheme, n_folds: int, seed: int) -> list[np.ndarray]:
    """Loci of each fold.

    Raises:
        InputError: the scheme is unknown, there are fewer than two folds, or there is only one locus or chromosome.
    """
    if n_folds < 2:
        raise InputError(f"folds: {n_folds} found, expected 2 or more: each is judged by a model tuned on the others")
    if scheme not in ("locus", "chromosome"):
        raise InputError(f"scheme: {scheme!r} is unknown; expected locus or chromosome (never by sample)")
    loci = loci_table(labels)
    if scheme == "locus":
        folds = fold_loci(loci.index.to_numpy(), n_folds, seed)
    else:
        folds = [rows.index.to_numpy() for _, rows in loci.groupby("chrom")]
    if len(folds) < 2:
        raise InputError(
            f"labels: all lie in one {scheme}, so that nothing can be left out to measure on; label another {scheme}, "
            "or go without the evaluation"
        )
    return folds


def train_from_scratch(problem: Problem, stretches: list[LabelledStretch], seed: int) -> PeakCaller:
    """The same network from random weights, trained on these labels alone."""
    fresh = PeakCaller(problem.model.config, rngs=nnx.Rngs(seed))
    # Every part has yet to learn; 0.02 for the last layer is 2e-3 to 6e-3 for what comes before it.
    settings = replace(problem.settings, train="all", learning_rate=0.02, pull=0.0, seed=seed, caution=0.0)
    settings = replace(settings, calibrate_scale=False)
    return fine_tune(fresh, stretches, settings).model


def _measure(
    problem: Problem,
    train: pd.DataFrame,
    test: pd.DataFrame,
    methods: Collection[str],
    seed: int,
    allow: Collection[str],
    whole_file_scale: bool,
) -> tuple[dict[str, pd.DataFrame], int]:
    """Label errors of each method in one fold, and the number of steps of fine-tuning."""
    check_loci(train, test, allow)
    files = [str(sample.bigwig) for sample in problem.data.samples]
    check_normalisation(files, files, whole_file_scale, allow)
    unseen = None if whole_file_scale else loci_table(test)
    training, testing = problem.stretches(train, unseen), problem.stretches(test, unseen)
    errors, n_steps = {}, 0
    if TUNED in methods:
        settings = replace(problem.settings, seed=seed)
        tuned = _tuned_or_as_it_is(problem.model, training, settings)
        errors[TUNED] = problem.errors(tuned.model, scaled(testing, tuned.scale_factor))
        n_steps = tuned.n_steps
    if PRETRAINED in methods:
        errors[PRETRAINED] = problem.errors(problem.model, testing)
    if SCRATCH in methods and len(loci_table(train)) > 1:
        errors[SCRATCH] = problem.errors(train_from_scratch(problem, training, seed), testing)
    if MEAN in methods and problem.data.other_cell_types:
        errors |= errors_of_mean(problem.model, problem.data, test, problem.transform, problem.calling, MEAN)
    return errors | errors_of_calls(problem.data, test), n_steps


def _tuned_or_as_it_is(model: PeakCaller, stretches: list[LabelledStretch], settings: TuningSettings) -> Tuned:
    """With labels of one locus nothing can be held out to stop at: the pretrained model stays."""
    loci = {int(locus) for stretch in stretches for locus in stretch.labels["locus"]}
    if len(loci) < 2 and settings.steps is None:
        return Tuned(model, 0, [], np.nan, np.nan)
    return fine_tune(model, stretches, settings)


def _away_from(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Labels more than 50 kb from any that is measured: of long loci that were cut into blocks, the borders go."""
    near = np.zeros(len(train), bool)
    for chrom, start, end in test[["chrom", "start", "end"]].drop_duplicates().itertuples(index=False):
        near |= is_near(train, chrom, start, end).to_numpy()
    return train[~near]


def _of(errors: pd.DataFrame, keys: pd.DataFrame) -> pd.DataFrame:
    return keys.merge(errors.drop_duplicates(LABEL_KEYS), on=LABEL_KEYS).sort_values(LABEL_KEYS, ignore_index=True)
