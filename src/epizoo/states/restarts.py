"""Learning chromatin states from several first parameters, of which the best result is kept."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from epizoo.errors import InputError
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.run_lengths import Parameters
from epizoo.states.em import Learned, LearningConfig, expectation_maximization, log_prior
from epizoo.states.iterations import Report


def learn_best(
    counter: RunCounter,
    starts: Iterable[Parameters],
    config: LearningConfig | None = None,
    *,
    trial_iterations: int = 0,
    finalists: int = 1,
    keep_first: bool = False,
    checkpoints: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> tuple[Learned, list[Learned]]:
    """Learn from several starts: the one of highest likelihood and prior (the first of equals), and all results.

    Args:
        counter: the sequences.
        starts: first parameters.
        config: settings.
        trial_iterations: if not 0, learn for so many iterations from every start, and only then to the end, from
            what the best of them gave.
        finalists: number of trials to learn from to the end.
        keep_first: learn from the first start to the end in any case, so that more starts cannot do worse.
        checkpoints: a folder that keeps the state of learning from each start; see `expectation_maximization`.
        report: see `epizoo.states.iterations.Report`.

    Returns:
        The best result, and all of them: of the trials, in the order of the starts, then of the finalists, whose
        trajectories begin with those of their trials.

    Raises:
        InputError: there is no start, or one does not fit the sequences.
    """
    config = config or LearningConfig()
    starts = list(starts)
    if not starts:
        raise InputError("no first parameters were given to learn from; give at least one start")

    def learn_all(kind: str, starts: Iterable[Parameters], config: LearningConfig) -> list[Learned]:
        folder = None if checkpoints is None else Path(checkpoints)
        return [
            expectation_maximization(
                counter, start, config, checkpoint=folder and folder / f"{kind}-{number}.checkpoint", report=report
            )
            for number, start in enumerate(starts, start=1)
        ]

    def worse(learned: Learned) -> float:
        return -(learned.log_likelihood + log_prior(learned.parameters, config))

    results: list[Learned] = []
    if trial_iterations:
        trial = replace(config, max_iterations=min(trial_iterations, config.max_iterations))
        results = learn_all("trial", starts, trial)
        chosen = sorted(results, key=worse)[:finalists]
        if keep_first and all(learned is not results[0] for learned in chosen):
            chosen.append(results[0])
        starts = [learned.parameters for learned in chosen]
        before = [learned.trajectory for learned in chosen]
        learned_on = learn_all("start", starts, config)
        # What was tried is the first part of what was learned.
        results += [
            learned._replace(trajectory=np.concatenate([tried, learned.trajectory]))
            for tried, learned in zip(before, learned_on, strict=True)
        ]
    else:
        results = learn_all("start", starts, config)
    return min(results, key=worse), results
