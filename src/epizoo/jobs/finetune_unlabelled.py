"""Fine-tuning a peak caller on a new cell type without labels, with a report of the calls that changed."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from epizoo.files import atomic_path, write_json
from epizoo.finetuning.cross_validation import measure_test_samples
from epizoo.finetuning.new_cell_type import PeakData, read_peak_data
from epizoo.finetuning.self_training import (
    SelfTrainingSettings,
    changed_calls,
    find_scale_factor,
    read_windows,
    self_train,
    summary,
)
from epizoo.jobs.finetune_peaks import Progress, error_rows, problem_of, titled
from epizoo.models.parameters import flatten_parameters
from epizoo.zoo.entry import PeakCallerEntry
from epizoo.zoo.new_entries import Prepared, Target, Tuning, limits_of, no_longer_calibrated, uncalibrated


def prepare_unlabelled(
    base: PeakCallerEntry, path: Path, settings: SelfTrainingSettings, *, progress: Progress | None = None
) -> Prepared:
    """Read the signal on which the scale and the weights are fitted, before anything is written.

    The gain can only be evaluated on test samples with labels. Without them, look at ``changed.bed`` in the run folder,
    the regions of the sampled windows whose call changed, before trusting the entry.

    Raises:
        InputError: the data cannot be used.
    """
    content = read_peak_data(path)
    problem = problem_of(base, content, pd.DataFrame(columns=["chrom", "start", "end"]))
    model = problem.model
    windows = read_windows(content, problem.transform, model, settings.n_windows, settings.seed)
    tests = problem.tests()
    if tests is not None:
        tests.stretches(tests.labels, None)

    def run(target: Target) -> Tuning:
        factor = find_scale_factor(model, windows)
        rescaled = windows._replace(scale=windows.scale * factor)
        tuned = self_train(model, rescaled, settings, titled(progress, "Adapting"))
        changed = changed_calls(model, tuned, windows, factor, problem.calling)
        with atomic_path(target.run_folder / "changed.bed") as temporary:
            changed.round({"score": 3}).to_csv(temporary, sep="\t", header=False, index=False)
        report = summary(model, tuned, windows, factor)
        write_json(target.run_folder / "movement.json", report)
        metrics = _metrics(content, report)
        if tests is not None:
            metrics = error_rows(measure_test_samples(problem, tuned, tests, scale_factor=factor)) + metrics
        moved = replace(problem.transform, scale_factor=problem.transform.scale_factor * factor)
        config = {**uncalibrated(base.zoo.config), "transform": moved.to_dict()}
        return Tuning(
            **_describe(base, content, settings, report),
            arrays=flatten_parameters(tuned),
            config=config,
            metrics=metrics,
        )

    return Prepared(content, path, run)


def _metrics(data: PeakData, report: dict[str, Any]) -> list[dict[str, Any]]:
    on = f"{report['windows']} windows of {data.cell_type}, without labels"
    rows = [{"name": "share of bins whose judgement changed", "value": round(report["bins_changed"], 5), "on": on}]
    for key, name in (
        ("bins_in_peaks", "share of bins in peaks"),
        ("entropy_per_bin", "mean entropy of the probability (nats)"),
    ):
        before, after = (round(report[key][when], 5) for when in ("before", "after"))
        rows.append({"name": name, "value": after, "on": on, "compared_with": {"pretrained": before}})
    return rows


def _describe(
    base: PeakCallerEntry, data: PeakData, settings: SelfTrainingSettings, report: dict[str, Any]
) -> dict[str, Any]:
    return {
        "doc": f"{base.name} {base.version}, adapted to {data.cell_type} without labels. {base.kipoi['info']['doc']}",
        "procedure": f"{base.name} {base.version} adapted to {report['windows']} windows of {data.cell_type} without "
        f"labels: the scale was multiplied by {report['scale_factor']:g}, where the model is most confident, and it "
        "was trained on its own confident calls of thinned, rescaled and mirrored signal.",
        "limits": [
            f"No labels of {data.cell_type} were used: more confident calls may still be wrong, and the gain was not "
            "measured.",
            *no_longer_calibrated(base),
            *limits_of(base),
        ],
        "held_out": base.zoo.trained_on.held_out_chromosomes,
        "details": {"settings": asdict(settings), "movement": report},
    }
