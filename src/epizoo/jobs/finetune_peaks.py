"""Fine-tuning an entry on a new cell type: an entry and a few labels in, a new entry out."""

import os
import shlex
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epizoo.errors import InputError
from epizoo.finetuning.data_file import PeakData, read_peak_data
from epizoo.finetuning.leakage import (
    check_allowances,
    check_cell_type,
    check_loci,
    check_normalisation,
    check_pretrained_loci,
)
from epizoo.finetuning.run_logs import open_logs
from epizoo.finetuning.settings import TuningSettings
from epizoo.zoo.entry import Entry, PeakCallerEntry, load
from epizoo.zoo.new_entries import (
    Story,
    Target,
    build_tuned_entry,
    hopeful,
    limits_of,
    make_target,
    no_longer_calibrated,
    running,
    uncalibrated,
    write_json,
)

if TYPE_CHECKING:
    from epizoo.finetuning.cross_validation import Evaluation, Problem
    from epizoo.finetuning.fitting import Tuned
    from epizoo.peaks.labelled_stretches import Stretch

File = str | os.PathLike[str]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""
FEW_LABELS = 13
"""With fewer labels than this only the threshold is trained, unless something else is asked for."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What is measured besides the fit.

    Attributes:
        scheme: locus or chromosome: what is left out as a whole; None measures nothing.
        n_folds: into how many parts loci are dealt.
        from_scratch: also train the same network on the new labels alone.
        curve: also draw the learning curve, over 5, 10, 20, 50 and 100% of the labels.
        curve_seeds: how often each point of the curve is repeated.
        allow: leaks that are allowed by name; see `epizoo.finetuning.leakage`.
        whole_file_scale: let the scale of a file see its test loci: needs the allowance normalisation.
    """

    scheme: str | None = "locus"
    n_folds: int = 5
    from_scratch: bool = False
    curve: bool = False
    curve_seeds: int = 3
    allow: Collection[str] = ()
    whole_file_scale: bool = False


def finetune(
    entry: Entry | File,
    data: File,
    name: str,
    output: File,
    *,
    settings: TuningSettings | None = None,
    plan: EvaluationPlan | None = None,
    seed: int = 0,
    resume: bool = False,
    log: Collection[str] = (),
    command: str | None = None,
    progress: Progress | None = None,
) -> Entry:
    """Fine-tune a peak caller on the labels of a new cell type, measure what it gained, and build an entry of it.

    The same arguments give the same weights to the last bit on one machine.

    Args:
        entry: the pretrained entry, its name or folder.
        data: the YAML file of `epizoo.finetuning.data_file.PeakData`.
        name: of the new entry, ``TAG`` or ``FAMILY/TAG``.
        output: folder of a zoo; the entry is ``output/FAMILY/TAG``, logs and reports are in ``output/runs/TAG``.
        settings: how to train; where None, the threshold alone with fewer than 13 labels, else adapters.
        plan: what to measure.
        seed: of everything random.
        resume: go on with a run of this name that was killed.
        log: some of csv, tensorboard and wandb.
        command: what to note as the command that makes the entry again.
        progress: see `Progress`.

    Raises:
        InputError: the data cannot be used, the name exists already, or a measurement would leak.
        EntryError: the pretrained entry cannot be used.
    """
    base = entry if isinstance(entry, Entry) else load(entry)
    if not isinstance(base, PeakCallerEntry):
        raise InputError(f"{base.name}: is no peak caller; use finetune_states of state_finetuning for it")
    if len(base.channels) != 1:
        raise InputError(f"{base.name}: takes a control track, which fine-tuning does not read; use another")
    plan = plan or EvaluationPlan()
    path = Path(data)
    content = read_peak_data(path)
    check_cell_type(content.cell_type, base.zoo.trained_on.cell_types, check_allowances(plan.allow))
    problem = _problem(base, content, settings, seed)
    _check_plan(base, problem, plan, seed)
    stretches = problem.stretches(problem.labels, None)
    target = make_target(base.family, name, output, resume)
    with (
        running(target),
        open_logs(log, target.run_folder, asdict(problem.settings), target.name) as write,
    ):
        tuned = _fit(problem, stretches, target, write, progress)
    evaluations = _evaluate(problem, tuned, plan, seed, progress)
    metrics = peak_metrics(evaluations, tuned)
    write_json(target.run_folder / "evaluation.json", [evaluation.to_dict() for evaluation in evaluations])
    if plan.curve:
        _write_curve(problem, plan, seed, target, progress)
    story = _story(base, problem, tuned, command or _command(base, path, target, problem.settings), seed)
    config = _config(base, problem, tuned)
    new = build_tuned_entry(target, base, content, path.parent, story, _arrays(tuned), config, metrics)
    (target.run_folder / "checkpoint.safetensors").unlink(missing_ok=True)
    return new


def default_train(n_labels: int) -> str:
    """What is trained where nothing is asked for."""
    return "threshold" if n_labels < FEW_LABELS else "adapters"


def peak_metrics(evaluations: "list[Evaluation]", tuned: "Tuned") -> list[dict[str, Any]]:
    """The rows of a card: wrong labels on what was left out, beside every other method."""
    rows: list[dict[str, Any]] = []
    for evaluation in evaluations:
        summaries = evaluation.summaries()
        own = summaries["fine-tuned"]
        on = f"{own.n_regions} regions in {own.n_loci} loci, {_left_out(evaluation.scheme)}"
        for field, title in (("mean_over_regions", "mean over regions"), ("wrong_labels", "share of all labels")):
            value = getattr(own, field)
            others = {tool: round(getattr(one, field).value, 4) for tool, one in summaries.items() if one is not own}
            where = f"{on}; {value.bounds()}"
            row = {"name": f"wrong labels, {title}", "value": round(value.value, 4), "on": where}
            rows.append(row | {"compared_with": others})
    if not rows:
        rows = [{"name": "wrong labels", "value": "not measured", "on": "nothing was left out"}]
    if tuned.held_out_before == tuned.held_out_before:
        row = {"name": "loss of held-out loci, where training stopped", "value": round(tuned.held_out_after, 4)}
        compared = {"pretrained": round(tuned.held_out_before, 4)}
        rows.append(row | {"on": "the loci on which the number of steps was chosen", "compared_with": compared})
    return rows


def _problem(base: PeakCallerEntry, data: PeakData, settings: TuningSettings | None, seed: int) -> "Problem":
    from epizoo.finetuning.cross_validation import Problem
    from epizoo.finetuning.samples import read_labels

    labels = read_labels(data)
    chosen = settings or TuningSettings(train=default_train(len(labels)))  # type: ignore[arg-type]
    return Problem(
        model=base.model(),  # type: ignore[arg-type]
        data=data,
        labels=labels,
        transform=base.config.transform,
        calling=base.config.calling,
        settings=replace(chosen, seed=seed),
    )


def _check_plan(base: PeakCallerEntry, problem: "Problem", plan: EvaluationPlan, seed: int) -> None:
    """Everything that measuring may refuse, before anything is trained."""
    from epizoo.finetuning.baselines import errors_of_calls
    from epizoo.finetuning.cross_validation import make_folds

    if plan.scheme is not None or plan.curve:
        make_folds(problem.labels, plan.scheme or "locus", plan.n_folds, seed)  # type: ignore[arg-type]
        check_pretrained_loci(base.zoo.trained_on.loci, problem.labels, plan.allow)
        files = [str(sample.bigwig) for sample in problem.data.samples]
        check_normalisation(files, files, plan.whole_file_scale, plan.allow)
        errors_of_calls(problem.data, problem.labels)
    tests = _tests(problem)
    if tests is not None:
        check_loci(problem.labels, tests.labels, plan.allow)
        check_pretrained_loci(base.zoo.trained_on.loci, tests.labels, plan.allow)
        tests.stretches(tests.labels, None)
        errors_of_calls(tests.data, tests.labels)


def _tests(problem: "Problem") -> "Problem | None":
    """The test samples and their labels."""
    from epizoo.finetuning.samples import read_labels

    if not problem.data.test_samples:
        return None
    data = problem.data.model_copy(update={"samples": problem.data.test_samples, "test_samples": []})
    return replace(problem, data=data, labels=read_labels(data))


def _fit(
    problem: "Problem",
    stretches: "list[Stretch]",
    target: Target,
    write: Callable[[dict], None],
    progress: Progress | None,
) -> "Tuned":
    from epizoo.finetuning.fitting import fine_tune

    return fine_tune(
        problem.model,
        stretches,
        problem.settings,
        checkpoint=target.run_folder / "checkpoint.safetensors",
        log=write,
        progress=_named(progress, "Fine-tuning"),
    )


def _evaluate(
    problem: "Problem", tuned: "Tuned", plan: EvaluationPlan, seed: int, progress: Progress | None
) -> "list[Evaluation]":
    """Cross-validation where a second locus allows it, and the test samples where there are any."""
    from epizoo.finetuning import cross_validation as measure

    found = []
    if plan.scheme is not None:
        methods = {measure.TUNED, measure.PRETRAINED, measure.MEAN, *([measure.SCRATCH] if plan.from_scratch else [])}
        found.append(
            measure.cross_validate(
                problem,
                plan.scheme,  # type: ignore[arg-type]
                plan.n_folds,
                methods=methods,
                seed=seed,
                allow=plan.allow,
                whole_file_scale=plan.whole_file_scale,
                progress=_named(progress, "Measuring on left-out loci"),
            )
        )
    tests = _tests(problem)
    if tests is not None:
        given = (tests.data, tests.labels, plan.allow, tuned.scale_factor)
        found.append(measure.measure_test_samples(problem, tuned.model, *given))
    return found


def _write_curve(
    problem: "Problem", plan: EvaluationPlan, seed: int, target: Target, progress: Progress | None
) -> None:
    from epizoo.finetuning.learning_curve import learning_curve, write_curve

    points = learning_curve(
        problem,
        plan.scheme or "locus",  # type: ignore[arg-type]
        plan.n_folds,
        seeds=range(seed, seed + plan.curve_seeds),
        allow=plan.allow,
        progress=_named(progress, "Learning curve"),
    )
    write_curve(points, target.run_folder / "learning_curve", f"{target.name}, fine-tuned")


def _arrays(tuned: "Tuned") -> dict[str, Any]:
    from epizoo.models.parameters import flatten_parameters

    return flatten_parameters(tuned.model)


def _config(base: PeakCallerEntry, problem: "Problem", tuned: "Tuned") -> dict[str, Any]:
    """The base's config, where anything was changed without its calibration, and with the factor of the scale."""
    if not _is_changed(tuned):
        return base.zoo.config
    factor = problem.transform.scale_factor * tuned.scale_factor
    return {**uncalibrated(base.zoo.config), "transform": replace(problem.transform, scale_factor=factor).to_dict()}


def _is_changed(tuned: "Tuned") -> bool:
    return tuned.n_steps > 0 or tuned.scale_factor != 1


def _story(base: PeakCallerEntry, problem: "Problem", tuned: "Tuned", command: str, seed: int) -> Story:
    data, labels, settings = problem.data, problem.labels, problem.settings
    n_loci = int(labels["locus"].max()) + 1
    change = (
        f"{settings.train} was trained for {tuned.n_steps} steps"
        if tuned.n_steps
        else "no change of the weights was better on held-out loci, so that they are the pretrained ones"
    )
    return Story(
        doc=f"{base.name} {base.version}, fine-tuned on {data.cell_type}. {base.kipoi['info']['doc']}",
        procedure=f"Fine-tuned from {base.name} {base.version} on {len(labels)} labels in {n_loci} loci of "
        f"{data.cell_type}: {change}; the number of steps was chosen on held-out loci.",
        limits=[
            f"Tuned on {len(labels)} labels in {n_loci} loci of {len(data.samples)} sample(s) of {data.cell_type}.",
            *hopeful(base, sorted(labels["chrom"].unique())),
            *(no_longer_calibrated(base) if _is_changed(tuned) else []),
            *limits_of(base),
        ],
        chromosomes=sorted(labels["chrom"].unique()),
        held_out=[chrom for chrom in base.zoo.trained_on.held_out_chromosomes if chrom not in set(labels["chrom"])],
        command=command,
        seed=seed,
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
    )


def _command(base: Entry, data: Path, target: Target, settings: TuningSettings) -> str:
    words = ["epizoo", "finetune", base.name, "--data", data.name, "--name", target.name.split("/")[1]]
    words += ["--train", settings.train, *(["--calibrate-scale"] if settings.calibrate_scale else [])]
    words += ["--seed", str(settings.seed), "-o", "FOLDER"]
    return shlex.join(words)


def _left_out(scheme: str) -> str:
    return "kept for the end" if scheme == "test samples" else f"each {scheme} left out once"


def _named(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(what, done, total)
