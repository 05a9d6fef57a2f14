"""The benchmark: any set of callers on the public experiments, scored on independent truths."""

import importlib.metadata
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from epizoo.bench.callers import BenchCaller, Call, FilesOfPeaks, entry_caller
from epizoo.bench.experiments import TRUTHS, Experiment, experiments
from epizoo.bench.figures import Figure, figure_table
from epizoo.bench.fingerprints import fingerprint
from epizoo.bench.macs3 import macs3_callers
from epizoo.bench.peak_truths import SCORERS, n_best_of_pairs
from epizoo.bench.state_truths import function_figures
from epizoo.calling.peaks import NARROWPEAK_COLUMNS
from epizoo.errors import EpizooError, InputError
from epizoo.files import check_outputs, write_json
from epizoo.genome.table_files import check_tables, write_table
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.loading import load

File = str | os.PathLike[str]


class BenchResults(NamedTuple):
    """Figures of all callers.

    Attributes:
        figures: a row for each figure, see `epizoo.bench.figures.Figure`.
        callers: what each caller is, by name; of an entry its fingerprint, see `epizoo.bench.fingerprints`.
    """

    figures: pd.DataFrame
    callers: dict[str, dict[str, Any]]


def bench(
    data: File,
    *,
    entries: Sequence[str] = (),
    macs3: File | None = None,
    peaks: Mapping[str, File] | None = None,
    truths: Sequence[str] = (),
    output: File | None = None,
    table: File | None = None,
    picture: File | None = None,
    keep: File | None = None,
    backend: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BenchResults:
    """Score callers of peaks on independent truths, with 95% bootstrap intervals over loci.

    Args:
        data: Folder of the public data.
        entries: Entry that is scored, by name or folder, or an entry for each assay (narrow, broad, point, accessible)
            under a name, as in ``zoo=narrow:peak_caller/h3k4me3,point:peak_caller/tf``.
        macs3: Also run MACS3, whose command this is, with the settings of ``epizoo.bench.macs3``.
        peaks: Also score the peaks in a folder, ``EXPERIMENT.narrowPeak``.
        truths: Only score on this truth: labels, tss, controls, replicates, depth or function (default: all).
        output: Write all figures as JSON.
        table: Write all figures as a tab-separated table, or as Parquet.
        picture: Draw all figures: .png, .svg or .pdf.
        keep: Keep all peaks in a folder as ``CALLER/EXPERIMENT.narrowPeak``, for `peaks`; made where there is none.
        backend: Engine that computes: jax, onnx or torch (default: the fastest that is installed).
        progress: Called after each experiment with those that are done and those there are.

    Raises:
        InputError: there is no caller, two have one name, a truth is unknown, or a file is missing or cannot be used.
        EntryError: an entry is unknown or damaged.
    """
    from epizoo.figures.bench import draw_bench
    from epizoo.figures.page import require_picture

    check_outputs([path for path in (output, table, picture) if path is not None], [])
    check_tables([table])
    if picture is not None:
        require_picture(picture)
    wanted = tuple(truths) or tuple(TRUTHS)
    chosen = experiments(Path(data), wanted)
    annotators = {text: loaded for text in entries if (loaded := _annotator(text)) is not None}
    callers = _callers([text for text in entries if text not in annotators], macs3, peaks or {}, backend)
    _check_names([*annotators, *(caller.name for caller in callers)])
    calls = _call_all(callers, chosen, Path(data), progress)
    if keep is not None:
        _keep(Path(keep), calls)
    rows = _figures(calls, chosen, Path(data), wanted)
    if "function" in wanted:
        rows += [row for name, entry in annotators.items() for row in function_figures(name, entry, Path(data))]
    about = {caller.name: caller.about() for caller in callers}
    about |= {name: {"kind": "entries", "entries": {"any": fingerprint(entry)}} for name, entry in annotators.items()}
    found = BenchResults(figure_table(rows), about)
    if output is not None:
        write_results(output, found)
    if table is not None:
        write_table(table, found.figures, float_format="%.6g")
    if picture is not None:
        draw_bench(picture, found.figures, TRUTHS)
    return found


def write_results(path: File, found: BenchResults) -> None:
    """Write results as JSON; what is not defined is null.

    Raises:
        InputError: the file cannot be written.
    """
    figures = found.figures.round({"value": 6, "low": 6, "high": 6}).to_dict("records")
    version = importlib.metadata.version("epizoo")
    write_json(path, {"epizoo": version, "callers": found.callers, "figures": figures})


def _callers(
    entries: Sequence[str], macs3: File | None, peaks: Mapping[str, File], backend: str | None
) -> list[BenchCaller]:
    found: list[BenchCaller] = [entry_caller(text, backend) for text in entries]
    if macs3 is not None:
        found += macs3_callers(os.fspath(macs3))
    for name, folder in peaks.items():
        if not Path(folder).is_dir():
            raise InputError(f"{folder}: no such folder; --peaks wants a folder with a file of peaks per experiment")
        found.append(FilesOfPeaks(name, Path(folder)))
    return found


def _annotator(text: str) -> ChromatinStateEntry | None:
    """The entry, where it annotates states."""
    if "=" in text:
        return None
    loaded = load(text)
    return loaded if isinstance(loaded, ChromatinStateEntry) else None


def _check_names(names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not names:
        problem = f"{repeated[0]} is the name of two callers" if repeated else "no caller given"
        raise InputError(f"bench: {problem}; give entries, MACS3 or folders of peaks, each with a name of its own")


def _call_all(
    callers: Sequence[BenchCaller],
    chosen: Sequence[Experiment],
    data: Path,
    progress: Callable[[int, int], None] | None,
) -> dict[str, dict[str, Call]]:
    calls: dict[str, dict[str, Call]] = {caller.name: {} for caller in callers}
    done, total = 0, len(callers) * len(chosen)
    # All callers of one experiment after each other: what they read is read once.
    for experiment in chosen:
        for caller in callers:
            try:
                call = caller.call(experiment, data)
            except EpizooError as error:
                raise InputError(f"{caller.name}, {experiment.name}: {error}") from error
            if call is not None:
                calls[caller.name][experiment.name] = call
            done += 1
            if progress is not None:
                progress(done, total)
    return calls


def _figures(
    calls: Mapping[str, Mapping[str, Call]], chosen: Sequence[Experiment], data: Path, wanted: Sequence[str]
) -> list[Figure]:
    rows: list[Figure] = []
    for truth, scorer in SCORERS.items():
        if truth not in wanted:
            continue
        own = [one for one in chosen if truth in one.truths]
        extra = {"n_best": n_best_of_pairs(calls, own)} if truth == "replicates" else {}
        for caller, of_caller in calls.items():
            rows += scorer(caller, of_caller, own, data, **extra)
    return rows


def _keep(folder: Path, calls: Mapping[str, Mapping[str, Call]]) -> None:
    for caller, of_caller in calls.items():
        own = folder / caller.replace("/", "_").replace(" ", "_")
        own.mkdir(parents=True, exist_ok=True)
        for name, call in of_caller.items():
            peaks = call.peaks.assign(name=".", strand=".")
            peaks[list(NARROWPEAK_COLUMNS)].to_csv(own / f"{name}.narrowPeak", sep="\t", header=False, index=False)
