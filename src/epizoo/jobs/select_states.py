"""Learning models of several numbers of chromatin states, and comparing them."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from epizoo.errors import InputError
from epizoo.figures.model_selection import draw_selection
from epizoo.files import atomic_path
from epizoo.jobs.learn_states import chromhmm_model
from epizoo.jobs.learning_marks import LearningMarks
from epizoo.states.chromhmm_models import write_model
from epizoo.states.em import Report
from epizoo.states.learning import LearningPlan, learn, log_likelihood_per_bin
from epizoo.states.model_selection import selection_table
from epizoo.zoo.new_entries import write_json

File = str | os.PathLike[str]


def select_states(
    data: LearningMarks,
    plans: Sequence[LearningPlan],
    output: File,
    *,
    held_out: Collection[str] = (),
    report: Report | None = None,
) -> pd.DataFrame:
    """Learn models of several numbers of states and compare them.

    Writes ``model_N.txt`` of each, ``selection.tsv``, ``selection.json`` and ``selection.png`` into a folder; models
    that are being learned keep checkpoints there, and go on from them when the same is asked for again.

    Args:
        data: the marks.
        plans: one for each number of states.
        output: the folder, made where there is none.
        held_out: chromosomes not to learn from, whose likelihood is measured.
        report: see `epizoo.states.em.Report`.

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
        learned[plan.n_states] = learn(training, plan, checkpoints=checkpoints, report=report)
        found = learned[plan.n_states]
        write_model(folder / f"model_{plan.n_states}.txt", chromhmm_model(found, found.parameters, data.marks))
    measured = {n: log_likelihood_per_bin(one.parameters, left_out) for n, one in learned.items()} if left_out else None
    n_bins = sum(len(one.marks.codes) for one in training)
    table = selection_table(learned, data.marks, n_bins, measured)
    with atomic_path(folder / "selection.tsv") as path:
        table.to_csv(path, sep="\t", float_format="%.6f", lineterminator="\n")
    write_json(folder / "selection.json", table.reset_index().to_dict("records"))
    draw_selection(folder / "selection.png", table)
    return table
