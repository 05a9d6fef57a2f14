"""Figures of samples as MultiQC's custom content (https://docs.seqera.io/multiqc/custom_content)."""

import os
from pathlib import Path
from typing import Any

import pandas as pd

from epizoo.errors import InputError
from epizoo.files import write_json
from epizoo.reports.peak_figures import FIGURES

_SUFFIX = "_mqc.json"


def require_multiqc_name(path: str | os.PathLike[str]) -> None:
    """Check that MultiQC would find a file by its name.

    Raises:
        InputError: the name does not end in _mqc.json.
    """
    if not Path(path).name.endswith(_SUFFIX):
        raise InputError(f"{path}: MultiQC finds files by their name; give one that ends in {_SUFFIX}")


def write_multiqc(path: str | os.PathLike[str], figures: pd.DataFrame) -> None:
    """Write the figures of samples as a table for MultiQC; what is not known is left out.

    Raises:
        InputError: the name does not end in _mqc.json, or the file cannot be written.
    """
    require_multiqc_name(path)
    known = [name for name in FIGURES if figures[name].notna().any()]
    content: dict[str, Any] = {
        "id": "epizoo_peaks",
        "section_name": "epizoo: peaks",
        "description": "Peaks of each sample and how much of the signal lies in them.",
        "plot_type": "table",
        "pconfig": {"id": "epizoo_peaks_table", "title": "epizoo: peaks", "namespace": "epizoo"},
        "headers": {name: _header(name) for name in known},
        "data": {
            str(sample): {name: float(row[name]) for name in known if pd.notna(row[name])}
            for sample, row in figures.iterrows()
        },
    }
    write_json(path, content)


def _header(name: str) -> dict[str, Any]:
    figure = FIGURES[name]
    header: dict[str, Any] = {"title": figure.title, "description": figure.meaning, "min": 0}
    if figure.is_share:
        return header | {"max": 1, "format": "{:,.3f}"}
    return header | {"format": "{:,.1f}" if name == "enrichment" else "{:,.0f}"}
