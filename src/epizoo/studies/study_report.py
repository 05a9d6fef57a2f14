"""The report of a study, and what genome browsers are given of it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epizoo.calling.peak_reader import read_peaks
from epizoo.reports.report import report
from epizoo.reports.track_hub import track_hub

REPORT, FIGURES, SESSION, HUB = "report.html", "report_mqc.json", "session.xml", "hub/hub.txt"
INPUTS = "records/inputs.json"
"""Record of a study: each file that it reads, with the hash of its content."""


def report_outputs(assembly: str | None, email: str | None) -> tuple[str, ...]:
    """The files of a study's report; a session and a hub need the name of an assembly.

    >>> report_outputs(None, None), report_outputs("hg38", "a@b.org")
    (('report.html', 'report_mqc.json'), ('report.html', 'report_mqc.json', 'session.xml', 'hub/hub.txt'))
    """
    if assembly is None or os.path.isfile(assembly):
        return REPORT, FIGURES
    return (REPORT, FIGURES, SESSION) if email is None else (REPORT, FIGURES, SESSION, HUB)


def report_study(folder: Path, settings: Mapping[str, Any], outputs: tuple[str, ...]) -> None:
    """Write the report of a study whose other results are there, and a hub where one is asked for.

    Args:
        folder: folder of the results.
        settings: samples, assays, those of them whose groups are compared, assembly, email and command of the study.
        outputs: what `report_outputs` says.
    """
    samples = settings["samples"]
    peaks = {sample: folder / f"peaks/{sample}.narrowPeak" for sample in samples}
    coverage = {sample: folder / f"coverage/{sample}.bw" for sample in samples}
    # Each input with the hash that decides which pieces are done again.
    hashes = {path: known for path, (_, known) in json.loads((folder / INPUTS).read_text(encoding="utf-8")).items()}
    named = settings["assembly"] if SESSION in outputs else None
    report(
        folder / REPORT,
        peaks=peaks,
        bigwigs=coverage,
        differential={
            f"{assay}, {group} over {base}": folder / assay / "differential.tsv"
            for assay, (group, base) in settings["compared"].items()
        },
        libraries=[folder / assay / "libraries.tsv" for assay in settings["assays"]],
        inputs=list(hashes),
        settings={sample: folder / f"settings/{sample}.txt" for sample in samples},
        assembly=named,
        multiqc=folder / FIGURES,
        session=folder / SESSION if named else None,
        notes=[_note(folder, assay) for assay in settings["assays"]],
        command=settings["command"],
        file_hashes=hashes,
    )
    if HUB in outputs:
        track_hub(
            folder / Path(HUB).parent,
            assembly=settings["assembly"],
            email=settings["email"],
            peaks=peaks,
            bigwigs=coverage,
        )


def _note(folder: Path, assay: str) -> str:
    """The number of consensus peaks of an assay."""
    return f"Assay {assay}: {len(read_peaks(folder / assay / 'consensus.narrowPeak')):,} consensus peaks."
