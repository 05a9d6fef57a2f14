"""Fine-tuning an entry on a new cell type: an entry and the new data in, a new entry out."""

import os
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from epizoo.errors import InputError
from epizoo.finetuning.self_training import SelfTrainingSettings
from epizoo.finetuning.state_adaptation import STATE_TRAIN, StateSettings, StateTrain
from epizoo.finetuning.trainable import Train
from epizoo.jobs.finetune_peaks import EvaluationPlan, Progress, prepare_labelled
from epizoo.jobs.finetune_states import prepare_states
from epizoo.jobs.finetune_unlabelled import prepare_unlabelled
from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry
from epizoo.zoo.loading import load, load_peak_caller
from epizoo.zoo.new_entries import Prepared, build_tuned_entry, make_target, running

File = str | os.PathLike[str]

# Each option belongs to some cases, so that none is ignored in silence.
_EVALUATION = ("evaluate", "folds", "from_scratch", "learning_curve", "allow", "whole_file_scale")
_OPTIONS = {
    "labelled": ("train", "calibrate_scale", "steps", "training_log", *_EVALUATION, "resume"),
    "unlabelled": ("unlabelled", "train"),
    "states": ("train", "strength", "fraction", "restarts", "resume"),
}


def finetune(
    entry: Entry | File,
    data: File,
    name: str,
    output: File,
    *,
    train: Train | StateTrain | None = None,
    calibrate_scale: bool = False,
    unlabelled: bool = False,
    steps: int | None = None,
    training_log: Collection[str] | None = None,
    evaluate: Literal["locus", "chromosome", "none"] | None = None,
    folds: int | None = None,
    from_scratch: bool = False,
    learning_curve: bool = False,
    allow: Collection[str] | None = None,
    whole_file_scale: bool = False,
    strength: float | None = None,
    fraction: float | None = None,
    restarts: int | None = None,
    seed: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
) -> Entry:
    """Fine-tune an entry on a new cell type, evaluate the result and build a new entry.

    Peak callers take the arguments from `train` to `whole_file_scale`, chromatin states `train` and those from
    `strength` to `restarts`; `data` is read as `epizoo.finetuning.new_cell_type.PeakData` or `StateData`. The same
    arguments give the same weights, to the last bit on one machine. Peak callers are fitted to region labels or, with
    `unlabelled`, to the signal alone; chromatin states are adapted by EM with a prior centred on the pretrained model.
    States keep their emissions, and so their meaning, unless `train` is ``emissions``; a state whose emissions then
    move too far is named anew.

    Args:
        entry: The pretrained entry, its name or its folder.
        data: YAML file that names the files and labels of the new cell type.
        name: Name of the new entry, such as muscle (letters, digits, ., - and _).
        output: Folder of a zoo; the entry is written to ``output/FAMILY/NAME``, logs and reports to
            ``output/runs/NAME``.
        train: Parameters to train: of a peak caller threshold (default below 13 labels), head, adapters (default) or
            all; of chromatin states transitions (default), or emissions too (default with an annotation).
        calibrate_scale: First fit a factor of the files' scale to the labels.
        unlabelled: Use no labels: fit the scale and train on the model's own confident calls.
        steps: Number of training steps (default: the best on held-out loci).
        training_log: Log to csv, tensorboard or wandb (offline).
        evaluate: Hold out each locus (default) or chromosome in turn, or none.
        folds: Number of folds of loci (default: 5).
        from_scratch: Also evaluate training from scratch on the new labels.
        learning_curve: Also evaluate with 5 to 100% of the labels, as a table and a figure.
        allow: Allow a leak: locus, cell-type or normalisation.
        whole_file_scale: Estimate the scale on the test loci too (requires ``--allow normalisation``).
        strength: Weight of the pretrained model, in bins per state (default: 100); 0 is plain EM.
        fraction: Share of the bins to learn from (default: 1); less is faster.
        restarts: Further starts from randomly moved parameters (default: 0).
        seed: Seed of all random numbers.
        resume: Continue an interrupted run of this name.
        progress: Called with a title, the steps done and their number.

    Returns:
        The new entry.

    Raises:
        InputError: an option does not apply, the data cannot be used, the name exists already, or an evaluation would
            leak.
        EntryError: the pretrained entry cannot be used.
    """
    options = {key: value for key, value in locals().items() if key in {*sum(_OPTIONS.values(), ())}}
    given = {key: value for key, value in options.items() if not (value is None or value is False or value in ([], ()))}
    base, path = entry if isinstance(entry, Entry) else load(entry), Path(data)
    if not isinstance(base, ChromatinStateEntry):
        base = load_peak_caller(base)
    _require_applicable(base, given)
    if isinstance(base, ChromatinStateEntry):
        states = {key: value for key, value in given.items() if key != "resume"}
        prepared = prepare_states(base, path, StateSettings(**states, seed=seed))
    elif isinstance(base, PeakCallerEntry) and unlabelled:
        self_training = SelfTrainingSettings(train=given.get("train", SelfTrainingSettings.train), seed=seed)
        prepared = prepare_unlabelled(base, path, self_training, progress=progress)
    else:
        assert isinstance(base, PeakCallerEntry)
        plan = EvaluationPlan(
            scheme=None if evaluate == "none" else evaluate or "locus",
            n_folds=EvaluationPlan.n_folds if folds is None else folds,
            from_scratch=from_scratch,
            curve=learning_curve,
            allow=allow or (),
            whole_file_scale=whole_file_scale,
        )
        settings = {"train": train, "steps": steps, "calibrate_scale": calibrate_scale, "seed": seed}
        prepared = prepare_labelled(base, path, settings, plan, log=training_log or (), progress=progress)
    given.pop("resume", None)
    return make_entry(base, name, output, prepared, command=_words(given | {"seed": seed}), seed=seed, resume=resume)


def make_entry(
    base: Entry,
    name: str,
    output: File,
    prepared: Prepared,
    *,
    command: Collection[str] = (),
    seed: int = 0,
    resume: bool = False,
) -> Entry:
    """Run a prepared fine-tuning and build the entry of it, which ``command``, the words of options, makes again.

    Raises:
        InputError: the name exists already, or the training cannot be resumed.
    """
    target = make_target(base.family, name, output, resume)
    with running(target):
        tuning = prepared.train(target)
    words = ["epizoo", "finetune", base.name, "--data", prepared.path.name, "--name", target.name.split("/")[1]]
    new = build_tuned_entry(target, base, prepared, tuning, shlex.join([*words, *command, "-o", "FOLDER"]), seed)
    for checkpoint in target.run_folder.glob("checkpoint.*"):
        checkpoint.unlink()
    return new


def _require_applicable(base: Entry, given: Mapping[str, Any]) -> None:
    """Check that each option applies to the entry.

    Raises:
        InputError: an option does not, or the entry needs a control track.
    """
    is_peak_caller = isinstance(base, PeakCallerEntry)
    case = "states" if not is_peak_caller else "unlabelled" if "unlabelled" in given else "labelled"
    of_family = {*_OPTIONS["labelled"], *_OPTIONS["unlabelled"]} if is_peak_caller else {*_OPTIONS["states"]}
    for key in given:
        if key not in of_family:
            raise InputError(f"--{key.replace('_', '-')}: is not for {base.name}; leave it out")
        if case == "unlabelled" and key not in _OPTIONS[case]:
            why = "is not for" if key == "resume" else "requires labels, which are not read with"
            raise InputError(f"--{key.replace('_', '-')}: {why} --unlabelled; leave it out")
    if not is_peak_caller and given.get("train", STATE_TRAIN[0]) not in STATE_TRAIN:
        found, expected = given["train"], " or ".join(STATE_TRAIN)
        raise InputError(f"--train: {found} is not for {base.name}; expected {expected}")
    without = {"none": ("folds", "from_scratch", "learning_curve", "whole_file_scale"), "chromosome": ("folds",)}
    for key in without.get(given.get("evaluate", ""), ()):
        if key in given:
            option = f"--{key.replace('_', '-')}"
            raise InputError(f"{option}: has no effect with --evaluate {given['evaluate']}; leave it out")
    if len(base.channels) != 1 and is_peak_caller:
        raise InputError(f"{base.name}: takes a control track, which fine-tuning does not read; use another entry")


def _words(given: Mapping[str, Any]) -> list[str]:
    """Options as the words of a command.

    >>> _words({"steps": 3, "from_scratch": True, "training_log": ["csv", "wandb"]})
    ['--steps', '3', '--from-scratch', '--training-log', 'csv', '--training-log', 'wandb']
    """
    words = []
    for key, value in given.items():
        values = value if isinstance(value, list | tuple | set | frozenset) else [value]
        for one in values:
            words += [f"--{key.replace('_', '-')}", *([] if one is True else [f"{one}"])]
    return words
