"""Fine-tuning a peak caller on the region labels of a new cell type, with evaluation on held-out labels."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from epizoo.files import write_json
from epizoo.finetuning.cross_validation import (
    MEAN,
    PRETRAINED,
    SCRATCH,
    TUNED,
    CrossValidation,
    Problem,
    Scheme,
    cross_validate,
    make_folds,
    measure_test_samples,
)
from epizoo.finetuning.label_tuning import Tuned, fine_tune
from epizoo.finetuning.labelled_samples import read_sample_labels
from epizoo.finetuning.leakage import (
    check_allowances,
    check_cell_type,
    check_loci,
    check_normalisation,
    check_pretrained_loci,
)
from epizoo.finetuning.learning_curve import learning_curve, write_curve
from epizoo.finetuning.new_cell_type import PeakData, read_peak_data
from epizoo.finetuning.other_callers import errors_of_calls
from epizoo.finetuning.run_logs import open_logs
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.models.parameters import flatten_parameters
from epizoo.wording import counted
from epizoo.zoo.entry import PeakCallerEntry
from epizoo.zoo.new_entries import (
    Prepared,
    Target,
    Tuning,
    limits_of,
    no_longer_calibrated,
    seen_in_training,
    uncalibrated,
)

Progress = Callable[[str, int, int], None]
"""Called with a title, the steps done and their number."""
FEW_LABELS = 13
"""With fewer labels than this only the threshold is trained by default."""


@dataclass(frozen=True)
class EvaluationPlan:
    """Evaluation of a fine-tuned peak caller.

    Attributes:
        scheme: what is held out as a whole, locus or chromosome; None: no cross-validation.
        n_folds: number of folds of loci.
        from_scratch: also evaluate the same network trained on the new labels alone.
        curve: also draw the learning curve, over 5, 10, 20, 50 and 100% of the labels.
        curve_seeds: number of repeats of each point of the curve.
        allow: leaks that are allowed by name; see `epizoo.finetuning.leakage`.
        whole_file_scale: estimate the scale of a file on its test loci too; requires the allowance normalisation.
    """

    scheme: Scheme | None = "locus"
    n_folds: int = 5
    from_scratch: bool = False
    curve: bool = False
    curve_seeds: int = 3
    allow: Collection[str] = ()
    whole_file_scale: bool = False


def prepare_labelled(
    base: PeakCallerEntry,
    path: Path,
    settings: Mapping[str, Any],
    plan: EvaluationPlan,
    *,
    log: Collection[str] = (),
    progress: Progress | None = None,
) -> Prepared:
    """Check everything that fine-tuning on labels needs, before anything is written.

    Raises:
        InputError: the data or the settings cannot be used, or an evaluation would leak.
    """
    content = read_peak_data(path)
    check_cell_type(content.cell_type, base.zoo.trained_on.cell_types, check_allowances(plan.allow))
    labels = read_sample_labels(content)
    train = settings.get("train") or default_train(len(labels))
    problem = problem_of(base, content, labels, TuningSettings(**{**settings, "train": train}))
    _check_plan(base, problem, plan)
    stretches = problem.stretches(labels, None)

    def run(target: Target) -> Tuning:
        with open_logs(log, target.run_folder, asdict(problem.settings), target.name) as write:
            tuned = fine_tune(
                problem.model,
                stretches,
                problem.settings,
                checkpoint=target.run_folder / "checkpoint.safetensors",
                log=write,
                progress=titled(progress, "Fine-tuning"),
            )
        evaluations = _evaluate(problem, tuned, plan, progress)
        write_json(target.run_folder / "evaluation.json", [evaluation.to_dict() for evaluation in evaluations])
        if plan.curve:
            _write_curve(problem, plan, target, progress)
        return _tuning(base, problem, tuned, peak_metrics(evaluations, tuned))

    return Prepared(content, path, run)


def problem_of(
    base: PeakCallerEntry, data: PeakData, labels: pd.DataFrame, settings: TuningSettings | None = None
) -> Problem:
    """The entry's model and peak rule, and the new data."""
    return Problem(
        model=base.model(),  # type: ignore[arg-type]
        data=data,
        labels=labels,
        transform=base.config.transform,
        calling=base.config.calling,
        settings=settings or TuningSettings(),
    )


def default_train(n_labels: int) -> str:
    """Parameters that are trained by default."""
    return "threshold" if n_labels < FEW_LABELS else "adapters"


def peak_metrics(evaluations: list[CrossValidation], tuned: Tuned) -> list[dict[str, Any]]:
    """The rows of a card: label errors on held-out labels, beside those of every other method."""
    rows: list[dict[str, Any]] = []
    for evaluation in evaluations:
        rows += error_rows(evaluation)
    if not rows:
        rows = [{"name": "wrong labels", "value": "not measured", "on": "nothing was left out"}]
    if tuned.held_out_before == tuned.held_out_before:
        row = {"name": "loss of held-out loci, where training stopped", "value": round(tuned.held_out_after, 4)}
        compared = {"pretrained": round(tuned.held_out_before, 4)}
        rows.append(row | {"on": "the loci on which the number of steps was chosen", "compared_with": compared})
    return rows


def error_rows(evaluation: CrossValidation) -> list[dict[str, Any]]:
    """The label errors of one evaluation, as rows of a card."""
    summaries = evaluation.summaries()
    own = summaries[TUNED]
    left_out = "kept for the end" if evaluation.scheme == "test samples" else f"each {evaluation.scheme} left out once"
    rows = []
    for field, title in (("mean_over_regions", "mean over regions"), ("wrong_labels", "share of all labels")):
        value = getattr(own, field)
        rows.append(
            {
                "name": f"wrong labels, {title}",
                "value": round(value.value, 4),
                "on": f"{own.n_regions} regions in {own.n_loci} loci, {left_out}; {value.bounds()}",
                "compared_with": {
                    tool: round(getattr(one, field).value, 4) for tool, one in summaries.items() if one is not own
                },
            }
        )
    return rows


def titled(progress: Progress | None, title: str) -> Callable[[int, int], None] | None:
    """Progress of a part of the work, reported under a title."""
    return None if progress is None else partial(progress, title)


def _check_plan(base: PeakCallerEntry, problem: Problem, plan: EvaluationPlan) -> None:
    """Raise every error that the evaluation may raise, before anything is trained."""
    trained_on = base.zoo.trained_on.loci
    if plan.scheme is not None or plan.curve:
        make_folds(problem.labels, plan.scheme or "locus", plan.n_folds, problem.settings.seed)
        check_pretrained_loci(trained_on, problem.labels, plan.allow)
        files = [str(sample.bigwig) for sample in problem.data.samples]
        check_normalisation(files, files, plan.whole_file_scale, plan.allow)
        errors_of_calls(problem.data, problem.labels)
    tests = problem.tests()
    if tests is not None:
        check_loci(problem.labels, tests.labels, plan.allow)
        check_pretrained_loci(trained_on, tests.labels, plan.allow)
        tests.stretches(tests.labels, None)
        errors_of_calls(tests.data, tests.labels)


def _evaluate(problem: Problem, tuned: Tuned, plan: EvaluationPlan, progress: Progress | None) -> list[CrossValidation]:
    """Cross-validation, unless none is asked for, and the test samples, if there are any."""
    found = []
    if plan.scheme is not None:
        found.append(
            cross_validate(
                problem,
                plan.scheme,
                plan.n_folds,
                methods={TUNED, PRETRAINED, MEAN, *([SCRATCH] if plan.from_scratch else [])},
                seed=problem.settings.seed,
                allow=plan.allow,
                whole_file_scale=plan.whole_file_scale,
                progress=titled(progress, "Evaluating on held-out loci"),
            )
        )
    tests = problem.tests()
    if tests is not None:
        found.append(measure_test_samples(problem, tuned.model, tests, plan.allow, tuned.scale_factor))
    return found


def _write_curve(problem: Problem, plan: EvaluationPlan, target: Target, progress: Progress | None) -> None:
    seed = problem.settings.seed
    points = learning_curve(
        problem,
        plan.scheme or "locus",
        plan.n_folds,
        seeds=range(seed, seed + plan.curve_seeds),
        allow=plan.allow,
        progress=titled(progress, "Learning curve"),
    )
    write_curve(points, target.run_folder / "learning_curve", f"{target.name}, fine-tuned")


def _tuning(base: PeakCallerEntry, problem: Problem, tuned: Tuned, metrics: list[dict[str, Any]]) -> Tuning:
    data, labels, settings = problem.data, problem.labels, problem.settings
    chromosomes, n_loci = sorted(labels["chrom"].unique()), int(labels["locus"].max()) + 1
    change = (
        f"{settings.train} was trained for {tuned.n_steps} steps"
        if tuned.n_steps
        else "no change of the weights was better on held-out loci, so that they are the pretrained ones"
    )
    is_changed = tuned.n_steps > 0 or tuned.scale_factor != 1
    config = dict(base.zoo.config)
    if is_changed:
        factor = problem.transform.scale_factor * tuned.scale_factor
        config = {
            **uncalibrated(base.zoo.config),
            "transform": replace(problem.transform, scale_factor=factor).to_dict(),
        }
    return Tuning(
        doc=f"{base.name} {base.version}, fine-tuned on {data.cell_type}. {base.kipoi['info']['doc']}",
        procedure=f"Fine-tuned from {base.name} {base.version} on {len(labels)} labels in {n_loci} loci of "
        f"{data.cell_type}: {change}; the number of steps was chosen on held-out loci.",
        limits=[
            f"Tuned on {counted(len(labels), 'label')} in {n_loci:,} loci of "
            f"{counted(len(data.samples), 'sample')} of {data.cell_type}.",
            *seen_in_training(base, chromosomes),
            *(no_longer_calibrated(base) if is_changed else []),
            *limits_of(base),
        ],
        chromosomes=chromosomes,
        held_out=[chrom for chrom in base.zoo.trained_on.held_out_chromosomes if chrom not in set(labels["chrom"])],
        loci=[
            f"{rows['chrom'].iloc[0]}:{rows['start'].min()}-{rows['end'].max()}"
            for _, rows in labels.groupby(["locus", "chrom"])
        ],
        details={
            "settings": asdict(settings),
            "n_steps": tuned.n_steps,
            "scale_factor": tuned.scale_factor,
            "history": tuned.history,
        },
        arrays=flatten_parameters(tuned.model),
        config=config,
        metrics=metrics,
    )
