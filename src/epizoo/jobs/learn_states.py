"""Learning chromatin states from marks: a new entry, and the model as ChromHMM's files."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from epizoo.errors import InputError
from epizoo.files import scratch_folder, write_json, write_yaml
from epizoo.genome.marks import BinarizedChromosome
from epizoo.genome.reads.read_counts import Pairs
from epizoo.jobs.learned_state_descriptions import (
    about_entry,
    describe_training,
    known_names,
    measured_metrics,
    named_states,
)
from epizoo.jobs.state_learning_data import LearningMarks, read_known_states, read_learning_marks, read_start
from epizoo.models.hmm.annotator import ChromatinStateConfig
from epizoo.models.hmm.reference import HMMParameters
from epizoo.models.hmm.run_lengths import Float64Parameters, reorder
from epizoo.states.chromhmm_models import ChromHMMModel, write_emissions, write_model, write_transitions
from epizoo.states.em import Learned
from epizoo.states.iterations import Report
from epizoo.states.learning_plan import LearningPlan, LearningSequence, learn, make_plan
from epizoo.zoo.build import write_entry
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.new_entries import Target, make_target, running, write_metrics
from epizoo.zoo.state_runs import write_excerpt, write_model_files

File = str | os.PathLike[str]


def learn_states(
    states: int,
    name: str,
    output: File,
    *,
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
    known_states: File | Mapping[str, File] | None = None,
    max_iterations: int | None = None,
    tolerance: float | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    batch_bins: int | None = None,
    seed: int = 0,
    hold_out: Collection[str] = (),
    assembly: str = "unknown",
    source: str = "private",
    license: str = "unknown",
    resume: bool = False,
    command: str = "epizoo.learn_states",
    report: Report | None = None,
) -> ChromatinStateEntry:
    """Learn chromatin states from marks, as ChromHMM's LearnModel does, and build an entry of them.

    Args:
        states: Number of states.
        name: Name of the new entry (letters, digits, '.', '-' and '_').
        output: Folder of a zoo: the entry is ``output/chromatin_states/NAME``; ``model_N.txt``, ``emissions_N.txt`` and
            ``transitions_N.txt`` are in ``output/runs/NAME``.
        binarized: Folder of marks binarised by ChromHMM or `epizoo binarize`; all its cell types are learned from
            together, and those of several folders.
        marks: Instead of that folder, a bigWig, or a file of reads (BAM, BED), for each mark of one cell type.
        table: Instead of that folder, ChromHMM's cell-mark table of reads or peaks; its files lie beside it.
        cell: Use only this cell type, or these; with `marks`, the name of the cell type. Several: repeat the option.
        stack: Learn a stacked model, of a mark CELL_MARK for each mark of each cell type.
        signal_kind: Kind of signal in the bigWigs: counts, coverage, cpm, fold_change or log10_p.
        read_length_bp: Length of the reads that make up coverage, in bp.
        threshold: A mark is present where the mean of its bigWig reaches this, instead of ChromHMM's Poisson rule.
        chrom_sizes: File of chromosome lengths, or an assembly such as hg38; required for reads that are no BAM.
        controls: Control reads for each mark, with `marks`.
        peaks: Files are peaks (BED, narrowPeak, broadPeak): a mark is present in every bin that one touches.
        pairs: Handling of paired reads in BAM: single (default), paired or mixed; see `epizoo binarize --help`.
        bin_bp: Width of the bins, in bp.
        init: First parameters: information (ChromHMM's), random, an entry, or a model_N.txt of ChromHMM.
        restarts: Number of further starts; the best result is kept.
        algorithm: Algorithm: em (ChromHMM's -p, with the same result), squarem (accelerated EM; may end in another
            optimum), incremental (ChromHMM's default) or gradient (Adam on mini-batches).
        pseudo_count: Added to every expected count, as a prior. With 0, EM sets transitions below 1e-8 to zero, as
            ChromHMM does.
        known_states: BED file whose fourth column names the states of some bins of a cell type (gradient only); one
            file for each cell type if there are several.
        max_iterations: Maximum number of passes over the data for each start (default: 200).
        tolerance: Stop when an iteration gains less than this, in nats (default: 0.001).
        steps: Number of steps of Adam (default: 1000).
        learning_rate: Initial learning rate, which falls to zero along a cosine (default: 0.1).
        batch_bins: Approximate number of bins in a step (default: 65536).
        seed: Seed of restarts, random starts and mini-batches.
        hold_out: Chromosomes not to learn from, on which the model is measured.
        assembly: Assembly of the positions, such as hg38, for the card.
        source: Source of the data, for the card.
        license: Licence of the data and of the weights, for the card.
        resume: Continue a run of this name that was killed, with the same result.
        command: The command that makes the entry again, for the card.
        report: See `epizoo.states.iterations.Report`.

    Raises:
        InputError: a file or an option cannot be used, the name exists already, or the data cannot be learned from.
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
    start = None if init in ("information", "random") else read_start(init, data.marks)
    plan = make_plan(
        states,
        algorithm,
        init if start is None else start.parameters,
        restarts=restarts,
        seed=seed,
        pseudo_count=pseudo_count,
        max_iterations=max_iterations,
        tolerance=tolerance,
        steps=steps,
        learning_rate=learning_rate,
        batch_bins=batch_bins,
    )
    if known_states:
        if algorithm != "gradient":
            raise InputError(
                f"known_states: given with algorithm {algorithm}, which does not use them; choose gradient"
            )
        files = known_states if isinstance(known_states, Mapping) else {"": known_states}
        names = () if start is None else start.names
        data = read_known_states(data, files, states, names=names, bin_bp=bin_bp)
    return learn_entry(
        data,
        plan,
        name,
        output,
        held_out=hold_out,
        provenance={"assembly": assembly, "source": source, "license": license, "command": command},
        bin_bp=bin_bp,
        resume=resume,
        report=report,
    )


def learn_entry(
    data: LearningMarks,
    plan: LearningPlan,
    name: str,
    output: File,
    *,
    held_out: Collection[str] = (),
    provenance: Mapping[str, str] | None = None,
    bin_bp: int = 200,
    resume: bool = False,
    report: Report | None = None,
) -> ChromatinStateEntry:
    """Learn states from marks that were read, by a plan, and build an entry of them; see `learn_states`.

    ``provenance`` is assembly, source and license of the data, and the command that makes the entry again.

    Raises:
        InputError: the name exists already, or the data cannot be learned from.
    """
    unknown = {"assembly": "unknown", "source": "private", "license": "unknown", "command": "epizoo.learn_states"}
    provenance = {**unknown, **(provenance or {})}
    training, left_out = data.split(held_out)
    known = known_names(data, training)
    target = make_target("chromatin_states", name, output, resume)
    run = target.run_folder
    with running(target):
        learned = learn(training, plan, checkpoints=run, report=report)
    states, order = named_states(learned.parameters, data.marks, known)
    parameters = reorder(learned.parameters, order)
    config = ChromatinStateConfig(marks=data.marks, n_states=plan.n_states, bin_bp=bin_bp)
    write_model_files(run, config, HMMParameters(*parameters), states, "U")
    write_chromhmm_files(run, chromhmm_model(learned, parameters, data.marks), [state.name for state in states])
    write_yaml(run / "about.yaml", about_entry(data, known, plan, provenance["license"]))
    write_metrics(run, measured_metrics(parameters, order, training, left_out))
    told = describe_training(data, training, known, plan, learned, held_out, provenance)
    write_json(run / "training.json", told)
    entry = _build(target, data.marks, left_out or training, bin_bp)
    for checkpoint in run.glob("*.checkpoint"):
        checkpoint.unlink()
    return entry


def write_chromhmm_files(folder: Path, model: ChromHMMModel, names: list[str]) -> None:
    """Write ``model_N.txt``, ``emissions_N.txt`` and ``transitions_N.txt``."""
    write_model(folder / f"model_{len(names)}.txt", model)
    write_emissions(folder / f"emissions_{len(names)}.txt", model, names)
    write_transitions(folder / f"transitions_{len(names)}.txt", model, names)


def chromhmm_model(learned: Learned, parameters: Float64Parameters, marks: tuple[str, ...]) -> ChromHMMModel:
    """The model as ChromHMM's files hold it."""
    return ChromHMMModel(HMMParameters(*parameters), marks, "U", learned.log_likelihood, len(learned.trajectory))


def _build(
    target: Target, marks: tuple[str, ...], sequences: Sequence[LearningSequence], bin_bp: int
) -> ChromatinStateEntry:
    """The entry, whose example is an excerpt of the longest chromosome that was held out, or of all."""
    one = max(sequences, key=lambda sequence: len(sequence.marks.codes))
    chromosome = BinarizedChromosome(one.cell, one.chrom, marks, one.marks.marks[one.marks.codes])
    with scratch_folder(target.run_folder) as folder:
        example = write_excerpt(chromosome, folder, bin_bp)
        entry = write_entry(target.run_folder, target.name, example, zoo_folder=target.zoo_folder, graph=True)
    assert isinstance(entry, ChromatinStateEntry)
    return entry
