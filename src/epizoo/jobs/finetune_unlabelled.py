"""Adapting a peak caller to a cell type of which nothing is labelled, with a report of where it changed its mind."""

import os
import shlex
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epizoo.calling.peaks import PeakCallingConfig
from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.finetuning import self_training as unlabelled
from epizoo.finetuning.data_file import PeakData, read_peak_data
from epizoo.finetuning.self_training import SelfTrainingSettings
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.zoo.entry import Entry, PeakCallerEntry, load
from epizoo.zoo.new_entries import (
    Story,
    build_tuned_entry,
    limits_of,
    make_target,
    no_longer_calibrated,
    running,
    uncalibrated,
    write_json,
)

if TYPE_CHECKING:
    from epizoo.metrics.label_errors import ErrorSummary

File = str | os.PathLike[str]


def finetune_unlabelled(
    entry: Entry | File,
    data: File,
    name: str,
    output: File,
    *,
    settings: SelfTrainingSettings | None = None,
    normalise: bool = True,
    self_train: bool = True,
    seed: int = 0,
    command: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PeakCallerEntry:
    """Adapt the scale and the weights of a peak caller to new bigWigs without labels, and build an entry of it.

    There is nothing to measure the gain on, unless the data name test samples: look at ``changed.bed`` in the run
    folder, the stretches of the sampled windows where the judgement is another one, before you trust it.

    Args:
        entry: the pretrained entry, its name or folder.
        data: the YAML file of `epizoo.finetuning.data_file.PeakData`; labels of its samples are not read.
        name: of the new entry, ``TAG`` or ``FAMILY/TAG``.
        output: folder of a zoo; reports are in ``output/runs/TAG``.
        settings: of self-training.
        normalise: look for the factor of the scale at which the model is surest.
        self_train: learn from the model's own sure judgements.
        seed: of everything random.
        command: what to note as the command that makes the entry again.
        progress: called with the steps that are done and those there are.

    Raises:
        InputError: the data cannot be used, the name exists already, or nothing is asked for.
        EntryError: the pretrained entry cannot be used.
    """
    base = entry if isinstance(entry, Entry) else load(entry)
    if not isinstance(base, PeakCallerEntry) or len(base.channels) != 1:
        raise InputError(f"{base.name}: is no peak caller of one track; use finetune_states for states")
    if not (normalise or self_train):
        raise InputError("unlabelled: neither normalisation nor self-training is asked for; ask for one of them")
    path, chosen = Path(data), replace(settings or SelfTrainingSettings(), seed=seed)
    content = read_peak_data(path)
    transform = base.config.transform
    model: PeakCaller = base.model()  # type: ignore[assignment]
    windows = unlabelled.read_windows(content, transform, model, chosen.n_windows, seed)
    calling = base.config.calling
    before = _measured(content, model, transform, calling)
    target = make_target(base.family, name, output, resume=False)
    with running(target):
        factor = unlabelled.find_scale_factor(model, windows) if normalise else 1.0
        there = windows._replace(scale=windows.scale * factor)
        tuned = unlabelled.self_train(model, there, chosen, progress) if self_train else model
    changed = unlabelled.changed_minds(model, tuned, windows, factor, calling)
    report = unlabelled.summary(model, tuned, windows, factor)
    with atomic_path(target.run_folder / "changed.bed") as temporary:
        changed.round({"score": 3}).to_csv(temporary, sep="\t", header=False, index=False)
    write_json(target.run_folder / "movement.json", report)
    moved = replace(transform, scale_factor=transform.scale_factor * factor)
    config = {**uncalibrated(base.zoo.config), "transform": moved.to_dict()}
    after = _measured(content, tuned, moved, calling)
    metrics = [*_test_metrics(before, after), *_metrics(content, report)]
    words = ["epizoo", "finetune", base.name, "--data", path.name, "--name", target.name.split("/")[1], "--unlabelled"]
    story = _story(base, content, chosen, report, command or shlex.join([*words, "--seed", str(seed), "-o", "FOLDER"]))
    arrays = flatten_parameters(tuned)
    return build_tuned_entry(target, base, content, path.parent, story, arrays, config, metrics)  # type: ignore[return-value]


def _measured(
    data: PeakData, model: PeakCaller, transform: CoverageTransform, calling: PeakCallingConfig
) -> "ErrorSummary | None":
    """Wrong labels of the test samples, where there are any."""
    if not data.test_samples:
        return None
    from epizoo.finetuning.cross_validation import Problem
    from epizoo.finetuning.samples import read_labels
    from epizoo.finetuning.settings import TuningSettings
    from epizoo.metrics.label_errors import summarise

    test = data.model_copy(update={"samples": data.test_samples, "test_samples": []})
    labels = read_labels(test)
    problem = Problem(model, test, labels, transform, calling, TuningSettings())
    return summarise(problem.errors(model, problem.stretches(labels, None)))


def _test_metrics(before: "ErrorSummary | None", after: "ErrorSummary | None") -> list[dict[str, Any]]:
    if before is None or after is None:
        return []
    rate = after.mean_over_regions
    on = f"test samples, {after.n_regions} regions; {rate.bounds()}"
    row = {"name": "wrong labels, mean over regions", "value": round(rate.value, 4), "on": on}
    return [row | {"compared_with": {"pretrained": round(before.mean_over_regions.value, 4)}}]


def _metrics(data: PeakData, report: dict[str, Any]) -> list[dict[str, Any]]:
    on = f"{report['windows']} windows of {data.cell_type}, without labels"
    peaks, entropy = report["bins_in_peaks"], report["entropy_per_bin"]
    return [
        {"name": "share of bins whose judgement changed", "value": round(report["bins_changed"], 5), "on": on},
        {
            "name": "share of bins in peaks",
            "value": round(peaks["after"], 5),
            "on": on,
            "compared_with": {"pretrained": round(peaks["before"], 5)},
        },
        {
            "name": "mean entropy of the probability (nats)",
            "value": round(entropy["after"], 5),
            "on": on,
            "compared_with": {"pretrained": round(entropy["before"], 5)},
        },
    ]


def _story(
    base: PeakCallerEntry, data: PeakData, settings: SelfTrainingSettings, report: dict[str, Any], command: str
) -> Story:
    return Story(
        doc=f"{base.name} {base.version}, adapted to {data.cell_type} without labels. {base.kipoi['info']['doc']}",
        procedure=f"{base.name} {base.version} adapted to {report['windows']} windows of {data.cell_type} without "
        f"labels: the scale was multiplied by {report['scale_factor']:g}, where the model is surest, and it learned "
        "from its own sure judgements of thinned, rescaled and mirrored signal.",
        limits=[
            f"Nothing of {data.cell_type} was labelled: being surer is not being right, and the gain was not measured.",
            *no_longer_calibrated(base),
            *limits_of(base),
        ],
        chromosomes=[],
        held_out=base.zoo.trained_on.held_out_chromosomes,
        command=command,
        seed=settings.seed,
        details={"settings": asdict(settings), "movement": report},
    )
