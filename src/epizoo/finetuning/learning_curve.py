"""Learning curve: errors on held-out labels over shares of the training labels, as a table and a figure."""

import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.files import atomic_path, defined
from epizoo.finetuning.cross_validation import LABEL_KEYS, PRETRAINED, TUNED, Problem, Scheme, cross_validate, split
from epizoo.metrics.label_errors import compare, summarise

FRACTIONS = (0.05, 0.1, 0.2, 0.5, 1.0)


class CurvePoint(NamedTuple):
    """Left-out errors with a share of the labels, the mean over regions, all seeds together.

    ``n_labels`` is how many labels were trained on, in the mean over folds and seeds: at least one of each kind.
    ``low`` and ``high`` are the 95% bootstrap interval over loci; ``difference`` is to the pretrained model, paired
    by locus, with its interval; ``share_better`` is the share of draws in which the fine-tuned model is better.
    """

    fraction: float
    n_labels: float
    wrong: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    share_better: float


class LearningCurve(NamedTuple):
    """The points, and what the pretrained model and other callers get wrong on the same labels."""

    points: list[CurvePoint]
    others: dict[str, tuple[float, ...]]
    n_loci: int
    n_regions: int
    n_seeds: int


def learning_curve(
    problem: Problem,
    scheme: Scheme = "locus",
    n_folds: int = 5,
    *,
    fractions: Iterable[float] = FRACTIONS,
    seeds: Iterable[int] = range(5),
    allow: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> LearningCurve:
    """Cross-validation with ever larger shares of the training labels of each fold.

    Of few labels, small shares may be the same ones: a share that trains on no other labels than the one before it in
    any fold is left out.

    Args:
        problem: what is tuned on what.
        scheme: whether loci are dealt into folds, or each chromosome is one.
        n_folds: of loci.
        fractions: shares of the labels; a smaller share is a part of a larger one.
        seeds: each draws its own folds, shares and training.
        allow: leaks that are allowed by name.
        progress: called after each cross-validation.
    """
    draws = list(seeds)
    shares = different_shares(problem.labels, scheme, n_folds, fractions, draws)
    points: list[CurvePoint] = []
    others: dict[str, tuple[float, ...]] = {}
    for number, fraction in enumerate(shares):
        tables: dict[str, list[pd.DataFrame]] = {}
        n_labels: list[int] = []
        for repeat, seed in enumerate(draws):
            found = cross_validate(
                problem, scheme, n_folds, methods=(TUNED, PRETRAINED), fraction=fraction, seed=seed, allow=allow
            )
            n_labels += found.n_labels
            for name, errors in found.errors.items():
                tables.setdefault(name, []).append(errors)
            if progress is not None:
                progress(number * len(draws) + repeat + 1, len(shares) * len(draws))
        # A region's rate is the mean over its rows, and so over seeds.
        together = {name: pd.concat(parts).sort_values(LABEL_KEYS, kind="stable") for name, parts in tables.items()}
        points.append(_point(fraction, float(np.mean(n_labels)), together))
        others = {name: tuple(summarise(errors).mean_over_regions) for name, errors in together.items()}
    others.pop(TUNED)
    total = summarise(together[TUNED])
    return LearningCurve(points, others, total.n_loci, total.n_regions, len(draws))


def different_shares(
    labels: pd.DataFrame, scheme: Scheme, n_folds: int, fractions: Iterable[float], seeds: Iterable[int]
) -> list[float]:
    """Shares in order, without those whose training labels are all those of the share before them."""
    draws, found, before = list(seeds), [], None
    for fraction in sorted(fractions):
        folds = [split(labels, scheme, n_folds, fraction, seed) for seed in draws]
        chosen = [train.index.tolist() for fold in folds for train, _ in fold]
        if chosen != before:
            found.append(fraction)
        before = chosen
    return found


def write_curve(curve: LearningCurve, path: Path, title: str) -> list[Path]:
    """Write the curve as ``.json``, ``.tsv`` and ``.png`` beside each other; the files."""
    files = [path.with_name(path.name + suffix) for suffix in (".json", ".tsv", ".png")]
    with atomic_path(files[0]) as temporary:
        content = curve._asdict() | {"points": [point._asdict() for point in curve.points]}
        temporary.write_text(json.dumps(defined(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    with atomic_path(files[1]) as temporary:
        pd.DataFrame(curve.points).to_csv(temporary, sep="\t", index=False, float_format="%.4f")
    with atomic_path(files[2]) as temporary:
        _draw(curve, temporary, title)
    return files


def _point(fraction: float, n_labels: float, errors: dict[str, pd.DataFrame]) -> CurvePoint:
    summary = summarise(errors[TUNED]).mean_over_regions
    comparison = compare(errors[TUNED], errors[PRETRAINED])
    return CurvePoint(
        fraction, round(n_labels, 2), *summary, *comparison.difference, share_better=comparison.share_better
    )


def _draw(curve: LearningCurve, path: Path, title: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    counts = [point.n_labels for point in curve.points]
    low, high = [point.low for point in curve.points], [point.high for point in curve.points]
    axes.fill_between(counts, low, high, color="#1f77b4", alpha=0.2, linewidth=0)
    axes.plot(counts, [point.wrong for point in curve.points], "o-", color="#1f77b4", label="fine-tuned")
    for number, (name, (value, *_)) in enumerate(curve.others.items()):
        axes.axhline(value, color=f"C{number + 1}", linestyle="--", label=name)
    axes.set(xscale="log", xlabel="labels that were trained on (mean over folds)", title=title)
    axes.set_ylabel("wrong labels, mean over regions")
    axes.set_xticks(counts, [f"{count:.3g}" for count in counts])
    axes.set_xticks([], minor=True)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150, format="png")
