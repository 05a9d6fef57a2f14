"""`epizoo learn-states` and `epizoo select-states`."""

import shlex
import sys
from pathlib import Path
from typing import Any

from rich.table import Table

from epizoo.cli.app import OutputFolder, app, out, say
from epizoo.cli.file_roles import LISTING, STARTING_POINT
from epizoo.cli.option_groups import options_of
from epizoo.wording import counted

_LEARN_STATES = "epizoo.jobs.learn_states.learn_states"
_GROUPS = {
    "Marks": "binarized marks table controls cell stack peaks pairs signal_kind read_length_bp threshold chrom_sizes "
    "bin_bp hold_out",
    "Learning": "algorithm init restarts pseudo_count seed",
    "EM (algorithms em, squarem and incremental)": "max_iterations tolerance",
    "Gradient (algorithm gradient)": "steps learning_rate batch_bins",
}
_METAVARS = {"pairs": "HANDLING"}
_FILES = {"table": LISTING, "init": STARTING_POINT}
_ABOUT = "known_states assembly source license resume"


@app.command()
@options_of(
    _LEARN_STATES,
    {"": f"states name output {_ABOUT}", **_GROUPS},
    metavars=_METAVARS,
    files=_FILES,
    trailing="marks",
)
def learn_states(output: OutputFolder, **given: Any) -> None:
    """Learn chromatin states from marks, as ChromHMM's LearnModel does, and make an entry of them.

    The entry is FOLDER/chromatin_states/NAME: give that folder to `epizoo annotate`. ChromHMM's model_N.txt,
    emissions_N.txt and transitions_N.txt are in FOLDER/runs/NAME. States are named by their emissions, with a
    confidence; one whose emissions are unclear has its plain number (E7).
    """
    from epizoo.jobs.learn_states import learn_states as learn
    from epizoo.states.iterations import progress_bar

    command = shlex.join(["epizoo", *(word for word in sys.argv[1:] if word != "--resume")])
    with progress_bar(_iterations(given)) as report:
        entry = learn(output=output, **given, command=command, report=report)
    training = entry.zoo.training
    if given["algorithm"] == "gradient":
        after = f"{training['learning']['n_steps']:,} steps"
    else:
        stopped = "converged" if training["converged"] else "stopped at the maximum"
        after = f"{counted(len(training['trajectory']), 'iteration')} ({stopped})"
    likelihood = f"log-likelihood {training['log_likelihood']:,.3f}"
    say(f"Wrote {entry.folder}: {given['states']} states, {likelihood} after {after}.")
    known = [f"{state} in {n_bins:,}" for state, n_bins in training.get("known_states", {}).items()]
    if known:
        say(f"Known states, in bins that were learned from: {', '.join(known)}.")
    named = (f"{state.name} {state.confidence:.2f}" for state in entry.config.states if state.confidence is not None)
    say(f"Names, with their confidence: {', '.join(named) or 'none, since no mark is known to the rule'}.")
    run = Path(output) / "runs" / entry.name.split("/")[1]
    names = ", ".join(f"{kind}_{given['states']}.txt" for kind in ("model", "emissions", "transitions"))
    say(f"Wrote {run}: {names}.")
    for metric in entry.zoo.metrics:
        say(f"{metric.name}: {metric.value}, {metric.on}.")


@app.command()
@options_of(
    "epizoo.jobs.select_states.select_states",
    {"": "states output to", **_GROUPS},
    texts_of=_LEARN_STATES,
    metavars=_METAVARS,
    files=_FILES,
    trailing="marks",
)
def select_states(output: OutputFolder, **given: Any) -> None:
    """Learn models of several numbers of states and compare them: BIC, held-out likelihood, recovery of states.

    Writes model_N.txt of each, selection.tsv, selection.json and selection.png. A run that was killed continues where
    it stopped when the same is asked for again.
    """
    from epizoo.jobs.select_states import select_states as select
    from epizoo.states.iterations import progress_bar

    with progress_bar(_iterations(given)) as report:
        found = select(output=output, **given, report=report)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STATES", "LOG-LIKELIHOOD", "HELD OUT/BIN", "BIC", "RECOVERY", "LEAST", "RECOVERED"):
        table.add_column(column, justify="right")
    for number, row in found.iterrows():
        held = f"{row['held_out_per_bin']:.6f}" if "held_out_per_bin" in row else ""
        shares = (f"{row[key]:.3f}" for key in ("median_recovery", "least_recovery"))
        values = (f"{row['log_likelihood']:,.1f}", held, f"{row['bic']:,.0f}", *shares, f"{row['recovered']:.0%}")
        table.add_row(str(number), *values)
    out.print(table)
    say(f"Wrote {output}/selection.tsv, selection.json, selection.png and a model_N.txt for each number.")


def _iterations(given: dict[str, Any]) -> int:
    """Maximum number that the progress reaches: iterations of EM, or steps of gradients."""
    from epizoo.states.count_gradients import AdamConfig
    from epizoo.states.em import LearningConfig

    if given["algorithm"] == "gradient":
        return given.get("steps") or AdamConfig.n_steps
    return given.get("max_iterations") or LearningConfig.max_iterations
