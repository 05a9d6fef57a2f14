"""The report of a study, and what genome browsers are given of it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epizoo.reports.report import report
from epizoo.reports.track_hub import track_hub

REPORT, FIGURES, SESSION, HUB = "report.html", "report_mqc.json", "session.xml", "hub/hub.txt"


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
        settings: samples, assays, assembly, email and command of the study.
        outputs: what `report_outputs` says.
    """
    samples = settings["samples"]
    peaks = {sample: folder / f"peaks/{sample}.narrowPeak" for sample in samples}
    coverage = {sample: folder / f"coverage/{sample}.bw" for sample in samples}
    named = settings["assembly"] if SESSION in outputs else None
    report(
        folder / REPORT,
        peaks=peaks,
        bigwigs=coverage,
        libraries=[folder / assay / "libraries.tsv" for assay in settings["assays"]],
        inputs=[folder / "records/inputs.json"],
        settings={sample: folder / f"settings/{sample}.txt" for sample in samples},
        assembly=named,
        multiqc=folder / FIGURES,
        session=folder / SESSION if named else None,
        command=settings["command"],
    )
    if HUB in outputs:
        track_hub(
            folder / Path(HUB).parent,
            assembly=settings["assembly"],
            email=settings["email"],
            peaks=peaks,
            bigwigs=coverage,
        )
