"""Choosing the number of chromatin states: BIC, and recovery of a large model's states by smaller models."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float64

from epizoo.metrics.state_comparison import Emissions, compare_models
from epizoo.models.hmm.run_lengths import Parameters
from epizoo.states.em import Learned

RECOVERED = 0.95
"""Correlation of emissions from which on a state counts as recovered."""


def n_free_parameters(parameters: Parameters) -> int:
    """Free parameters of a model: first states, transitions and emissions; what is zero for good counts as none.

    >>> from epizoo.models.hmm.run_lengths import Float64Parameters
    >>> n_free_parameters(Float64Parameters(np.full(2, 0.5), np.full((2, 2), 0.5), np.full((2, 3), 0.5)))
    9
    """
    n_states, n_marks = parameters.emission.shape
    transitions = int((np.asarray(parameters.transition) > 0).sum()) - n_states
    return n_states - 1 + transitions + n_states * n_marks


def bic(log_likelihood: float, n_parameters: int, n_bins: int) -> float:
    """Schwarz's criterion, in nats times -2: the lower the better.

    Bins that lie side by side are not independent, so it leans towards too many states; the held-out log-likelihood and
    the recovery of states stand beside it for that.

    >>> round(bic(-1000.0, 10, 5000), 3)
    2085.172
    """
    return n_parameters * float(np.log(n_bins)) - 2 * log_likelihood


def selection_table(
    learned: Mapping[int, Learned], marks: Sequence[str], n_bins: int, held_out: Mapping[int, float] | None = None
) -> pd.DataFrame:
    """A row for each number of states: likelihoods, BIC, and the recovery of the largest model's states.

    Args:
        learned: number of states to what was learned, on the same data.
        marks: names of the marks.
        n_bins: bins of the training data.
        held_out: number of states to the log-likelihood per bin on data that were not learned on.

    Returns:
        Index ``states``; columns ``log_likelihood``, ``held_out_per_bin`` (where given), ``parameters``, ``bic``,
        ``median_recovery`` and ``least_recovery`` (correlation of emissions of the largest model's states with the most
        similar state, as in ChromHMM's CompareModels), ``recovered`` (the share of them at 0.95 or above).
    """
    largest = max(learned)
    models = [_emissions(number, learned[number], marks) for number in sorted(learned)]
    recovery = compare_models(_emissions(largest, learned[largest], marks), models)
    rows = []
    for place, number in enumerate(sorted(learned)):
        found = learned[number]
        n_parameters = n_free_parameters(found.parameters)
        correlation: Float64[np.ndarray, " state"] = recovery.iloc[:, place].to_numpy(np.float64)
        row = {
            "states": number,
            "log_likelihood": found.log_likelihood,
            "parameters": n_parameters,
            "bic": bic(found.log_likelihood, n_parameters, n_bins),
            "median_recovery": float(np.nanmedian(correlation)),
            "least_recovery": float(np.nanmin(correlation)),
            "recovered": float((correlation >= RECOVERED).mean()),
        }
        rows.append(row | ({} if held_out is None else {"held_out_per_bin": held_out[number]}))
    return pd.DataFrame(rows).set_index("states")


def _emissions(number: int, learned: Learned, marks: Sequence[str]) -> Emissions:
    states = tuple(str(state) for state in range(1, number + 1))
    return Emissions(f"{number} states", states, tuple(marks), np.asarray(learned.parameters.emission))
