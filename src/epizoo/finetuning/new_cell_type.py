"""The YAML file of a new cell type: files, labels, and their source and licence."""

import os
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from epizoo.errors import InputError
from epizoo.files import sha256


def _beside(path: Path, info: ValidationInfo) -> Path:
    """A path as seen from the folder of the YAML file that names it, which must exist."""
    full = (info.context or {}).get("folder", Path()) / path.expanduser()
    if not full.exists():
        raise ValueError(f"{full}: no such file; paths are seen from the folder of the YAML file")
    return full


File = Annotated[Path, AfterValidator(_beside)]


class _Strict(BaseModel):
    """A record without unknown keys: a misspelt key is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PeakSample(_Strict):
    """One bigWig and its labels.

    Attributes:
        bigwig: signal of the experiment.
        name: what to call it; the file's name where not given.
        signal_kind: what the bigWig holds; detected where not given.
        known_regions: BED of where an absent value means 0, for a bigWig of a part of the genome.
        labels: PeakError's region labels; see `epizoo.metrics.label_files`.
        peaks: BED of all peaks of `regions`.
        regions: BED of what was looked through for `peaks`.
        calls: peaks of other tools on the same bigWig, by their name, to stand beside the model: BED or narrowPeak.
    """

    bigwig: File
    name: str = ""
    signal_kind: str | None = None
    known_regions: File | None = None
    labels: File | None = None
    peaks: File | None = None
    regions: File | None = None
    calls: dict[str, File] = {}

    @model_validator(mode="after")
    def _peaks_and_regions_belong_together(self) -> "PeakSample":
        if (self.peaks is None) != (self.regions is None):
            raise ValueError("peaks and regions belong together: peaks says where, regions what was looked through")
        return self

    @property
    def label(self) -> str:
        """The name of the sample, by default that of its file."""
        return self.name or self.bigwig.stem


class PeakData(_Strict):
    """The new cell type of a peak caller.

    Attributes:
        cell_type: its name.
        assembly: of the positions, such as hg38.
        source: where the data come from, for the card.
        license: of the data.
        samples: bigWigs with their labels.
        test_samples: more of them, of other loci, which are never trained on and measured at the end.
        other_cell_types: bigWigs of the cell types that the model was trained on, for the baseline that takes the mean
            of their peak probabilities.
    """

    cell_type: str
    assembly: str = "unknown"
    source: str = "private"
    license: str = "unknown"
    samples: list[PeakSample] = Field(min_length=1)
    test_samples: list[PeakSample] = []
    other_cell_types: list[File] = []

    def files(self) -> list[Path]:
        """Every file that is read."""
        found = list(self.other_cell_types)
        for sample in [*self.samples, *self.test_samples]:
            named = (sample.bigwig, sample.known_regions, sample.labels, sample.peaks, sample.regions)
            found += [path for path in named if path is not None] + list(sample.calls.values())
        return found


class StateData(_Strict):
    """The new cell type of a chromatin-state model: a folder of binarised marks, or a bigWig for each mark.

    Attributes:
        cell_type: its name.
        assembly, source, license: as in `PeakData`.
        binarized: folder of ChromHMM's binarised text.
        cell: which cell type of that folder.
        marks: or mark to bigWig, with `signal_kind` and what it needs.
        signal_kind, read_length_bp, threshold: how bigWigs are binarised; see `epizoo annotate`.
        chromosomes: what to learn on; all that are not held out where empty.
        held_out_chromosomes: never learned on, measured at the end; those that the pretrained entry held out where not
            named, unless there are no others.
        annotation: BED of the states' names, to learn from instead of EM without labels.
        allow_missing: whether marks of the model may be absent.
        ignore_marks: marks of the folder that the model lacks, to be left out.
    """

    cell_type: str
    assembly: str = "unknown"
    source: str = "private"
    license: str = "unknown"
    binarized: File | None = None
    cell: str | None = None
    marks: dict[str, File] = {}
    signal_kind: str | None = None
    read_length_bp: int | None = None
    threshold: float | None = None
    chromosomes: list[str] = []
    held_out_chromosomes: list[str] | None = None
    annotation: File | None = None
    allow_missing: bool = False
    ignore_marks: list[str] = []

    @model_validator(mode="after")
    def _one_source_of_marks(self) -> "StateData":
        if (self.binarized is None) == (not self.marks):
            raise ValueError("give either binarized (a folder) or marks (mark to bigWig)")
        both = sorted(set(self.chromosomes) & set(self.held_out_chromosomes or []))
        if both:
            raise ValueError(f"{both[0]} is among chromosomes and held_out_chromosomes; keep it in one of them")
        return self

    def files(self) -> list[Path]:
        """Every file that is read."""
        folder = [] if self.binarized is None else sorted(path for path in self.binarized.iterdir() if path.is_file())
        return [*folder, *self.marks.values(), *([] if self.annotation is None else [self.annotation])]


def read_peak_data(path: str | os.PathLike[str]) -> PeakData:
    """Read the ``new.yaml`` of a peak caller.

    Raises:
        InputError: it is not YAML, a key is missing, unknown or wrong, or a file that it names does not exist.
    """
    return _read(Path(path), PeakData)


def read_state_data(path: str | os.PathLike[str]) -> StateData:
    """Read the ``new.yaml`` of a chromatin-state model.

    Raises:
        InputError: as `read_peak_data`.
    """
    return _read(Path(path), StateData)


def file_hashes(data: PeakData | StateData, folder: Path) -> dict[str, str]:
    """SHA-256 of every file that is read, by its path seen from a folder, or its name where it lies elsewhere."""
    hashes = {}
    for path in data.files():
        inside = path.resolve().is_relative_to(folder.resolve())
        name = str(path.resolve().relative_to(folder.resolve())) if inside else path.name
        hashes[name if name not in hashes else str(path)] = sha256(path)
    return hashes


def _read(path: Path, kind: Any) -> Any:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a YAML file of the new data") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not a YAML file ({' '.join(str(error).split())}); correct it") from None
    try:
        return kind.model_validate(content, context={"folder": path.parent})
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"])) or "the file"
        message = problem["msg"].removeprefix("Value error, ")
        known = f"; the keys are {', '.join(kind.model_fields)}" if problem["type"] == "extra_forbidden" else ""
        more = f" (and {error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
        raise InputError(f"{path}: {key}: {message[:1].lower()}{message[1:]}{known}{more}") from None
