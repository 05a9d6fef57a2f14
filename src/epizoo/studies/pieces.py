"""The pieces of work that a study is made of: what each needs, makes and depends on, and how it is done.

A piece is known by the hash of everything that decides its result: the content of its files, its settings, the
fingerprint of its entry, and the pieces before it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from epizoo.errors import EpizooError, InputError
from epizoo.files import atomic_path
from epizoo.jobs.call_peaks import call_peaks
from epizoo.jobs.consensus import consensus
from epizoo.jobs.count import count
from epizoo.jobs.count_tables import PLACE, read_counts, write_counts
from epizoo.jobs.differential import differential
from epizoo.reports.libraries import read_libraries
from epizoo.studies.records import Outcome, Piece
from epizoo.studies.study_file import Sample, Study
from epizoo.studies.study_report import report_outputs, report_study
from epizoo.version import __version__
from epizoo.wording import counted

COUNT_SUFFIX = ".tsv.gz"
_ABOUT_SAMPLES = ("group", "assay", "entry", "treatment", "control")


def run_piece(piece: Piece, *before: Outcome) -> Outcome:
    """Do a piece after those that it needs; an error of the input is an outcome, so that it is not tried again."""
    failed = next((one for one in before if one.error), None)
    if failed is not None:
        return Outcome.not_done(piece.name, failed.name)
    if piece.is_finished():
        return Outcome(piece.name)
    for name in piece.outputs:
        (Path(piece.folder) / name).parent.mkdir(parents=True, exist_ok=True)
    try:
        notes = KINDS[piece.kind](piece)
    except EpizooError as error:
        return Outcome(piece.name, str(error))
    piece.finish()
    return Outcome(piece.name, notes=tuple(notes or ()))


def pieces_of(
    study: Study, folder: Path, hashes: Mapping[str, str], entries: Mapping[str, str], command: str = ""
) -> list[Piece]:
    """All pieces of a study, each after those that it needs.

    Args:
        study: the study.
        folder: where its results go.
        hashes: the hash of each file's content.
        entries: the fingerprint of each entry that calls peaks.
        command: the command that the report shows.
    """
    made: dict[str, Piece] = {}

    def add(
        name: str, kind: str, settings: dict[str, Any], outputs: tuple[str, ...], needs: tuple[str, ...], *facts: Any
    ) -> None:
        told = [__version__, kind, settings, facts, [made[need].key for need in needs]]
        key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        made[name] = Piece(name, kind, settings, str(folder), outputs, key, needs)

    shared = {"assembly": study.assembly, "blacklist": study.blacklist, "q_value": study.q_value}
    of_shared = [hashes.get(str(path)) for path in shared.values()]
    for sample in study.samples:
        contents = [hashes[path] for path in (*sample.treatment, *sample.control)]
        outputs = (f"peaks/{sample.sample}.narrowPeak", f"coverage/{sample.sample}.bw", f"settings/{sample.sample}.txt")
        settings = shared | _of_sample(sample)
        add(f"peaks/{sample.sample}", "peaks", settings, outputs, (), contents, of_shared, entries[sample.caller])
    for assay, samples in study.assays.items():
        _add_assay(add, study, assay, samples)
    settings = {"samples": [sample.sample for sample in study.samples], "assays": list(study.assays)}
    compared = {assay: made.get(f"{assay}/differential") for assay in study.assays}
    settings |= {"compared": {assay: _compared(piece) for assay, piece in compared.items() if piece is not None}}
    settings |= {"assembly": study.assembly, "email": study.email, "command": command}
    add("report", "report", settings, report_outputs(study.assembly, study.email), tuple(made))
    return list(made.values())


def _compared(piece: Piece) -> tuple[str, str]:
    """The group whose folds a piece of differential peaks computes, and the one that they are over."""
    base = piece.settings["reference"]
    return next(group for group in piece.settings["groups"].values() if group != base), base


def _of_sample(sample: Sample) -> dict[str, Any]:
    """The settings that a sample's own peaks and counts depend on, which its group is none of."""
    return {key: value for key, value in asdict(sample).items() if key != "group"} | {"entry": sample.caller}


def _add_assay(add: Any, study: Study, assay: str, samples: list[Sample]) -> None:
    """The pieces of all samples of an assay together."""
    names = [sample.sample for sample in samples]
    groups = {sample.sample: sample.group for sample in samples}
    called = tuple(f"peaks/{name}" for name in names)
    outputs = (f"{assay}/consensus.narrowPeak", f"{assay}/support.tsv")
    add(f"{assay}/consensus", "consensus", {"groups": groups, "min_support": study.min_support}, outputs, called)
    for sample in samples:
        settings = {"assembly": study.assembly, "consensus": outputs[0], **_of_sample(sample)}
        made = (f"{assay}/counts/{sample.sample}{COUNT_SUFFIX}", f"{assay}/counts/{sample.sample}.libraries.tsv")
        add(f"counts/{sample.sample}", "counts", settings, made, (f"{assay}/consensus",))
    counted = tuple(f"counts/{name}" for name in names)
    tables = (f"{assay}/counts.tsv", f"{assay}/libraries.tsv")
    add(f"{assay}/counts", "tables", {"assay": assay, "samples": names}, tables, counted)
    about = {sample.sample: {"group": sample.group, **_of_sample(sample)} for sample in samples}
    settings = {"assay": assay, "samples": about}
    add(f"{assay}/anndata", "anndata", settings, (f"{assay}/counts.h5ad",), (f"{assay}/counts",))
    sizes = [list(groups.values()).count(group) for group in set(groups.values())]
    if len(sizes) == 2 and min(sizes) > 1:
        reference = study.reference if study.reference in groups.values() else samples[0].group
        settings = {"groups": groups, "reference": reference, "counts": tables[0]}
        add(f"{assay}/differential", "differential", settings, (f"{assay}/differential.tsv",), (f"{assay}/counts",))


def _peaks(piece: Piece) -> tuple[str, ...]:
    settings = piece.settings
    peaks = call_peaks(
        settings["entry"],
        reads=settings["treatment"],
        control_reads=settings["control"] or None,
        chrom_sizes=settings["assembly"],
        blacklist=settings["blacklist"],
        q_value=settings["q_value"],
        atac=settings["assay"] == "accessible",
        output=piece.path(0),
        coverage=piece.path(1),
    )
    assert peaks.decided is not None
    with atomic_path(piece.path(2)) as temporary:
        temporary.write_text("\n".join([*peaks.decided.notes, peaks.decided.summary()]) + "\n", encoding="utf-8")
    return (f"{counted(len(peaks), 'peak')} by {peaks.decided.caller}.",)


def _consensus(piece: Piece) -> tuple[str, ...]:
    groups = piece.settings["groups"]
    files = {sample: Path(piece.folder) / f"peaks/{sample}.narrowPeak" for sample in groups}
    found = consensus(
        files,
        groups=groups,
        min_support=piece.settings["min_support"],
        output=piece.path(0),
        support=piece.path(1),
        assembly_is_checked=True,
    )
    if found.peaks.empty:
        raise InputError("nowhere do enough samples of one group have a peak; look at the peaks of each sample")
    return (f"{len(found.peaks):,} consensus peaks.",)


def _counts(piece: Piece) -> None:
    settings = piece.settings
    count(
        Path(piece.folder) / settings["consensus"],
        reads={settings["sample"]: settings["treatment"]},
        chrom_sizes=settings["assembly"],
        atac=settings["assay"] == "accessible",
        output=piece.path(0),
        libraries=piece.path(1),
    )


def _tables(piece: Piece) -> None:
    folder, names = Path(piece.folder) / piece.settings["assay"] / "counts", piece.settings["samples"]
    columns = [read_counts(folder / f"{name}{COUNT_SUFFIX}") for name in names]
    table = pd.concat([columns[0][PLACE], *(part.drop(columns=PLACE) for part in columns)], axis=1)
    libraries = read_libraries([folder / f"{name}.libraries.tsv" for name in names])
    write_counts(piece.path(0), table, libraries)
    with atomic_path(piece.path(1)) as temporary:
        libraries.to_csv(temporary, sep="\t", lineterminator="\n")


def _anndata(piece: Piece) -> None:
    """Samples are rows of AnnData, which says what each is."""
    folder, samples = Path(piece.folder) / piece.settings["assay"], piece.settings["samples"]
    about = pd.DataFrame.from_dict(samples, orient="index")[list(_ABOUT_SAMPLES)]
    files = {name: about[name].map(", ".join) for name in ("treatment", "control")}
    libraries = read_libraries([folder / "libraries.tsv"])
    write_counts(piece.path(0), read_counts(folder / "counts.tsv"), libraries.join(about.assign(**files)))


def _differential(piece: Piece) -> tuple[str, ...]:
    settings = piece.settings
    found = differential(
        Path(piece.folder) / settings["counts"],
        settings["groups"],
        reference=settings["reference"],
        output=piece.path(0),
    )
    differs = found[found["q_value"] <= 0.05]
    compared = next(group for group in settings["groups"].values() if group != settings["reference"])
    n_higher = int((differs["log2_fold"] > 0).sum())
    return (
        f"{counted(len(differs), 'differential peak')} (q-value <= 0.05): {n_higher:,} higher in {compared}, "
        f"{len(differs) - n_higher:,} in {settings['reference']}.",
    )


def _report(piece: Piece) -> None:
    report_study(Path(piece.folder), piece.settings, piece.outputs)


KINDS: dict[str, Any] = {
    "peaks": _peaks,
    "consensus": _consensus,
    "counts": _counts,
    "tables": _tables,
    "anndata": _anndata,
    "differential": _differential,
    "report": _report,
}
"""The work of each kind of piece."""
