"""A whole study: peaks and coverage of each sample, consensus, counts and differential peaks of each assay."""

import json
import logging
import os
import shlex
from dataclasses import replace
from pathlib import Path

from epizoo.errors import InputError
from epizoo.files import remove_leftovers, require_writable, sha256, write_json
from epizoo.jobs.peak_inputs import File, Progress
from epizoo.studies.engine import run_pieces
from epizoo.studies.pieces import pieces_of
from epizoo.studies.records import RECORDS, Outcome, remove_stale
from epizoo.studies.study_file import Study, read_study
from epizoo.studies.study_report import INPUTS
from epizoo.validation import stated
from epizoo.version import __version__
from epizoo.zoo.loading import load_peak_caller

logger = logging.getLogger(__name__)
_ABOUT = "study.json"


def run_study(
    study: File,
    output: File,
    *,
    assembly: File | None = None,
    blacklist: File | None = None,
    q_value: float | None = None,
    min_support: int | None = None,
    reference: str | None = None,
    email: str | None = None,
    workers: int = 2,
    memory: str | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Run a study: call the peaks of all samples, join, count and compare them.

    Finished pieces are kept: a run that was stopped, or whose samples or settings changed, does only what is new.

    Args:
        study: Study: a YAML file, or a tab-separated table of samples with the columns sample, group, treatment, and
            optionally assay, control and entry.
        output: Folder of the results; made where there is none.
        assembly: Chromosome lengths, for reads without them, and the name in a session and a hub: hg38, or a file of
            two columns. A YAML file can state this and the next five itself.
        blacklist: Leave out peaks on it: hg19, hg38, mm10, or a BED file.
        q_value: Highest q-value of a peak (default: the entry's).
        min_support: Samples of a group that must have a peak (default: half of the group, at least 2).
        reference: Group that folds of differential peaks are over (default: that of the first sample).
        email: Contact of a track hub, which is made where this is given.
        workers: Number of processes on this machine.
        memory: Limit of memory of each process, such as 4GB (default: an even share of the machine).
        scheduler: Address of a Dask scheduler whose workers do the pieces, such as tcp://host:8786; they need the same
            files under the same paths.
        progress: Called after each piece with the pieces that are done and those there are.

    Returns:
        The outcomes of all pieces, in the order in which they came.

    Raises:
        InputError: the study cannot be used, the folder holds results of another version of epizoo, the scheduler does
            not answer, or a piece failed: all others that do not need it are done first.
        EntryError: an entry is unknown.
        MissingDependencyError: Dask is not installed.
    """
    if not 1 <= workers <= 1024:
        raise InputError(f"--workers: {workers} given, expected 1 to 1,024")
    settings = stated(
        assembly=_text(assembly),
        blacklist=_text(blacklist),
        q_value=q_value,
        min_support=min_support,
        reference=reference,
        email=email,
    )
    found = read_study(study, **settings)
    folder = Path(output).resolve()
    _prepare(folder, found)
    callers = {name: load_peak_caller(name) for name in {sample.caller for sample in found.samples}}
    entries = {name: f"{caller.version} {caller.sha256} {caller.config}" for name, caller in callers.items()}
    options = [text for name, value in settings.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    command = shlex.join(["epizoo", "run", str(Path(study).resolve()), "-o", str(folder), *options])
    pieces = pieces_of(found, folder, _hashes(folder, found), entries, command)
    for name in remove_stale(folder, pieces):
        logger.info("removed %s: of an earlier run, and no longer in the study.", name)
    _say_what_is_not_done(found)
    done = 0

    def report(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        logger.info("%s: %s", outcome.name, outcome.error or " ".join(outcome.notes) or "done.")
        if progress is not None:
            progress(done, len(pieces))

    outcomes = [Outcome(piece.name, is_new=False) for piece in pieces if piece.is_finished()]
    for outcome in outcomes:
        report(outcome)
    kept = {outcome.name for outcome in outcomes}
    left = [piece for piece in pieces if piece.name not in kept]
    if left:
        # What is finished needs no waiting for.
        open_needs = [replace(piece, needs=tuple(set(piece.needs) - kept)) for piece in left]
        outcomes += run_pieces(open_needs, scheduler=scheduler, workers=workers, memory=memory, report=report)
    failed = [outcome for outcome in outcomes if outcome.has_failed]
    if failed:
        more = f" (and {len(failed) - 1} more pieces failed)" if len(failed) > 1 else ""
        raise InputError(f"{failed[0].name}: {failed[0].error}{more}; finished pieces are kept")
    return outcomes


def _text(path: File | None) -> str | None:
    return None if path is None else os.fspath(path)


def _prepare(folder: Path, study: Study) -> None:
    """Make the folder, or check that its results are of this version."""
    require_writable(folder / _ABOUT) if folder.is_dir() else require_writable(folder)
    folder.mkdir(exist_ok=True)
    (folder / RECORDS).mkdir(exist_ok=True)
    about = folder / _ABOUT
    if about.is_file():
        try:
            version = json.loads(about.read_text(encoding="utf-8"))["epizoo"]
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{about}: is no record of a study; give another folder with --output") from None
        if version != __version__:
            raise InputError(
                f"{folder}: holds results of epizoo {version}, and this is {__version__}; give another folder, so that "
                "results of two versions do not mix"
            )
    elif any(path.name != RECORDS for path in folder.iterdir()):
        raise InputError(f"{folder}: holds files of something else; give a folder of its own, or one that is not there")
    write_json(about, {"epizoo": __version__, "study": study.to_dict()})
    # Folders whose pieces are finished are not written to again, which would clean them.
    remove_leftovers(folder)


def _hashes(folder: Path, study: Study) -> dict[str, str]:
    """SHA-256 of each file's content; those of files of the same size and time as before are remembered."""
    memory = folder / INPUTS
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    found = {}
    for path in study.files():
        stat = os.stat(path)
        stamp = f"{stat.st_size} {stat.st_mtime_ns}"
        old = known.get(path)
        found[path] = old if isinstance(old, list) and old[0] == stamp else [stamp, sha256(path)]
    write_json(memory, found)
    return {path: content for path, (_, content) in found.items()}


def _say_what_is_not_done(study: Study) -> None:
    """Name the assays whose groups cannot be compared."""
    for assay, samples in study.assays.items():
        groups = [sample.group for sample in samples]
        sizes = {group: groups.count(group) for group in dict.fromkeys(groups)}
        if len(sizes) != 2 or min(sizes.values()) < 2:
            text = ", ".join(f"{group} ({number})" for group, number in sizes.items())
            logger.warning(
                "%s: no differential peaks, which need exactly two groups of two samples or more; found %s", assay, text
            )
