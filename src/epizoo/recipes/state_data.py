"""Inputs of the recipes of chromatin states: marks of whole genomes and Roadmap's published models."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64, UInt16

from epizoo.errors import InputError
from epizoo.states.chromhmm_models import ChromHMMModel, read_model

HELD_OUT = ("chr8", "chr11", "chr19")
CELLS = ("GM12878", "K562")


class ReferenceStates(NamedTuple):
    """States of a published model; colours are "r,g,b"."""

    marks: tuple[str, ...]
    emission: Float64[np.ndarray, "state mark"]
    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    colors: tuple[str, ...]


class Published(NamedTuple):
    """Files of a published model in ``states/published_models``, and what is known about its training."""

    model: str
    states: str
    cell_types: str
    title: str

    def paths(self, data: Path) -> tuple[Path, Path]:
        """The model and the table of its states."""
        folder = data / "states" / "published_models"
        return folder / self.model, folder / self.states


ROADMAP = {
    15: Published(
        "model_15_coreMarks.txt",
        "human_Roadmap_Consortium_127_sample_hg19_15.tsv",
        "60 of the 127 epigenomes of Roadmap and ENCODE, those of the highest quality",
        "core 15-state model (5 marks, 127 epigenomes)",
    ),
    18: Published(
        "model_18_core_K27ac.txt",
        "human_Roadmap_Consortium_127_sample_hg19_18.tsv",
        "epigenomes of Roadmap and ENCODE that have H3K27ac (98 are annotated with the model)",
        "expanded 18-state model (6 marks, 98 epigenomes)",
    ),
}


def codes_path(data: Path, cell: str) -> Path:
    """The file of `read_codes`."""
    return data / "states" / "wholegenome_hg19" / f"{cell}_codes9.npz"


def read_codes(data: Path, cell: str) -> tuple[tuple[str, ...], dict[str, UInt16[np.ndarray, " bin"]]]:
    """Marks of a cell type over the whole genome: their names, and a code per bin for each chromosome.

    Raises:
        InputError: the data hold no such cell type.
    """
    path = codes_path(data, cell)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the folder of the data and one of its cell types")
    with np.load(path, allow_pickle=False) as file:
        return tuple(str(mark) for mark in file["marks"]), {name: file[name] for name in file.files if name != "marks"}


def read_published(data: Path, n_states: int) -> tuple[ChromHMMModel, ReferenceStates]:
    """Roadmap Epigenomics' model of 15 or 18 states, and the names, descriptions and colours of its states.

    Raises:
        InputError: a file is missing or in another format, or the two differ in their number of states.
    """
    model_path, states_path = ROADMAP[n_states].paths(data)
    model, rows = read_model(model_path), read_states(states_path)
    if len(rows) != len(model.parameters.initial):
        raise InputError(
            f"{states_path}: {len(rows)} names found for {len(model.parameters.initial)} states of "
            f"{model_path.name}; fetch the files again"
        )
    columns = (tuple(row[key] for row in rows) for key in ("name", "description", "color"))
    return model, ReferenceStates(model.marks, np.asarray(model.parameters.emission), *columns)


def read_states(path: Path) -> list[dict[str, str]]:
    """Names, descriptions and colours ("r,g,b") of the states, in their order, from the portal's table.

    Raises:
        InputError: the file is missing or lacks a column.
    """
    try:
        table = pd.read_csv(path, sep="\t").sort_values("one_index")
        return [
            {
                "name": str(name),
                "description": str(description),
                "color": ",".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5)),
            }
            for name, description, color in zip(table["short_name"], table["long_name"], table["hex"], strict=True)
        ]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as a table with one_index, short_name, long_name and hex ({error}); give the "
            "folder of the data"
        ) from None


def order_like(
    reference: ReferenceStates, emission: Float64[np.ndarray, "state mark"], marks: tuple[str, ...]
) -> Int64[np.ndarray, " state"]:
    """The order of states that puts each where the nearest published state stands, the nearest of several first.

    Distances are root mean squares over the marks that both have. Published states that show another mark with at least
    0.3 are left out, and states that show no shared mark with 0.2, but another with 0.5, come last.

    Raises:
        InputError: the models share no mark.
    """
    shared = [mark for mark in reference.marks if mark in marks]
    if not shared:
        raise InputError(f"marks {', '.join(marks)}: none is among those of the model, {', '.join(reference.marks)}")
    ours = emission[:, [marks.index(mark) for mark in shared]]
    lacking = [number for number, mark in enumerate(reference.marks) if mark not in marks]
    told = (reference.emission[:, lacking] < 0.3).all(axis=1)
    theirs = reference.emission[:, [reference.marks.index(mark) for mark in shared]]
    distance = np.where(told, np.sqrt(((ours[:, None] - theirs) ** 2).mean(axis=2)), np.inf)
    others = emission[:, [number for number, mark in enumerate(marks) if mark not in reference.marks]]
    is_other = (ours.max(axis=1) < 0.2) & (others.max(axis=1, initial=0) >= 0.5)
    return np.lexsort((distance.min(axis=1), np.where(is_other, len(theirs), distance.argmin(axis=1))))
