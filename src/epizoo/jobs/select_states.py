"""Learning models of several numbers of chromatin states, and comparing them."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from epizoo.errors import InputError
from epizoo.figures.model_selection import draw_selection
from epizoo.files import atomic_path, write_json
from epizoo.genome.reads.read_counts import Pairs
from epizoo.jobs.learn_states import chromhmm_model
from epizoo.jobs.state_learning_data import LearningMarks, read_learning_marks, read_start
from epizoo.states.chromhmm_models import write_model
from epizoo.states.iterations import Report
from epizoo.states.learning_plan import LearningPlan, learn, log_likelihood_per_bin, make_plan
from epizoo.states.model_selection import selection_table

File = str | os.PathLike[str]


def select_states(  # noqa: D417 - the others are described once, in learn_states
    states: int | Sequence[int],
    output: File,
    *,
    to: int | None = None,
    binarized: File | Sequence[File] | None = None,
    marks: Mapping[str, File] | None = None,
    table: File | None = None,
    cell: str | Sequence[str] | None = None,
    stack: bool = False,
    signal_kind: str | None = None,
    read_length_bp: int | None = None,
    threshold: float | None = None,
    chrom_sizes: File | None = None,
    controls: Mapping[str, File] | None = None,
    peaks: bool = False,
    pairs: Pairs | None = None,
    bin_bp: int = 200,
    init: str = "information",
    restarts: int = 0,
    algorithm: str = "em",
    pseudo_count: float = 0.0,
    max_iterations: int | None = None,
    tolerance: float | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    batch_bins: int | None = None,
    seed: int = 0,
    hold_out: Collection[str] = (),
    report: Report | None = None,
) -> pd.DataFrame:
    """Learn models of several numbers of states and compare them: BIC, held-out likelihood, recovery of states.

    Writes ``model_N.txt`` of each model, ``selection.tsv``, ``selection.json`` and ``selection.png`` into a folder. A
    run that was killed continues from its checkpoints when the same is asked for again. All other arguments are those
    of `epizoo.jobs.learn_states.learn_states`.

    Args:
        states: Number of states; several numbers, or one together with `to`.
        output: The folder, made where there is none.
        to: Compare every number from `states` to this one.

    Returns:
        See `epizoo.states.model_selection.selection_table`.

    Raises:
        InputError: a file or an option cannot be used, a number is given twice, or the data cannot be learned from.
    """
    data = read_learning_marks(
        binarized,
        marks,
        table=table,
        cell=cell,
        stack=stack,
        controls=controls,
        peaks=peaks,
        pairs=pairs,
        signal_kind=signal_kind,
        read_length_bp=read_length_bp,
        threshold=threshold,
        chrom_sizes=chrom_sizes,
        bin_bp=bin_bp,
    )
    numbers = [states] if isinstance(states, int) else list(states)
    if to is not None:
        if len(numbers) != 1 or to < numbers[0]:
            raise InputError(f"to: {to} found, expected one number of states, and a number from there on")
        numbers = list(range(numbers[0], to + 1))
    start = init if init in ("information", "random") else read_start(init, data.marks).parameters
    plans = [
        make_plan(
            number,
            algorithm,
            start,
            restarts=restarts,
            seed=seed,
            pseudo_count=pseudo_count,
            max_iterations=max_iterations,
            tolerance=tolerance,
            steps=steps,
            learning_rate=learning_rate,
            batch_bins=batch_bins,
        )
        for number in numbers
    ]
    return compare_plans(data, plans, output, held_out=hold_out, report=report)


def compare_plans(
    data: LearningMarks,
    plans: Sequence[LearningPlan],
    output: File,
    *,
    held_out: Collection[str] = (),
    report: Report | None = None,
) -> pd.DataFrame:
    """Learn from marks that were read by several plans, one for each number of states, and compare the models.

    Returns:
        See `epizoo.states.model_selection.selection_table`.

    Raises:
        InputError: the folder cannot be made, two plans have one number of states, or the data cannot be learned from.
    """
    folder = Path(output)
    numbers = [plan.n_states for plan in plans]
    if len(set(numbers)) < max(len(numbers), 1):
        raise InputError(f"states: {', '.join(map(str, numbers)) or 'none'} found, expected different numbers")
    if len(data.marks) < 2:
        raise InputError(
            f"marks: only {', '.join(data.marks)} found, expected two or more, since states are compared by the "
            "correlation of their emissions"
        )
    training, left_out = data.split(held_out)
    learned = {}
    for plan in plans:
        checkpoints = folder / "checkpoints" / str(plan.n_states)
        try:
            checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made ({error.strerror}); give another folder") from error
        found = learned[plan.n_states] = learn(training, plan, checkpoints=checkpoints, report=report)
        write_model(folder / f"model_{plan.n_states}.txt", chromhmm_model(found, found.parameters, data.marks))
    measured = {n: log_likelihood_per_bin(one.parameters, left_out) for n, one in learned.items()} if left_out else None
    n_bins = sum(len(one.marks.codes) for one in training)
    table = selection_table(learned, data.marks, n_bins, measured)
    with atomic_path(folder / "selection.tsv") as path:
        table.to_csv(path, sep="\t", float_format="%.6f", lineterminator="\n")
    write_json(folder / "selection.json", table.reset_index().to_dict("records"))
    draw_selection(folder / "selection.png", table)
    return table
