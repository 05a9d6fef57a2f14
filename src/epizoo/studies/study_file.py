"""Studies as files: YAML, or a table of samples."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from epizoo.errors import InputError
from epizoo.genome.assemblies import chrom_sizes, require_blacklist
from epizoo.genome.reads.alignments import alignment_sizes
from epizoo.genome.reads.read_files import is_alignment_file
from epizoo.jobs.count_tables import check_names
from epizoo.jobs.peak_inputs import File
from epizoo.jobs.sample_groups import read_sample_table
from epizoo.validation import Config, read_yaml

Assay = Literal["narrow", "broad", "point", "accessible", "any"]
ENTRIES: dict[str, str] = {
    "narrow": "peak_caller/universal",
    "broad": "peak_caller/h3k36me3",
    "point": "peak_caller/tf",
    "accessible": "peak_caller/atac",
    "any": "peak_caller/universal",
}
"""The entry for each assay, where a sample names none."""
_COLUMNS = ("sample", "group", "assay", "treatment", "control", "entry")


@dataclass(frozen=True)
class Sample(Config):
    """One sample of a study.

    Attributes:
        sample: its name, unique in the study, and that of its files.
        group: what it is a replicate of.
        treatment: files of reads, which are pooled.
        control: files of reads of its control.
        assay: kind of peaks: narrow, broad, point, accessible or any.
        entry: peak caller, if not that of the assay.
    """

    title: ClassVar[str] = "sample"
    sample: str
    group: str
    treatment: list[str]
    control: list[str] = ()  # type: ignore[assignment]
    assay: Assay = "any"
    entry: str = ""

    def __post_init__(self) -> None:
        if not self.sample or set(self.sample) & set(r"\/:*?") or self.sample.startswith("."):
            raise InputError(f"{self.sample!r} cannot be the name of a sample, since its files have it; choose another")
        check_names([self.sample])
        if not self.group or not self.treatment:
            raise InputError(f"{self.sample}: has no {'treatment' if self.group else 'group'}; state one")

    @property
    def caller(self) -> str:
        """The entry that calls its peaks."""
        return self.entry or ENTRIES[self.assay]


@dataclass(frozen=True)
class Study(Config):
    """A study: samples, and settings that all of them share.

    Attributes:
        samples: its samples.
        assembly: chromosome lengths, for reads without them: hg38, or a file of two columns.
        blacklist: peaks on it are left out: hg19, hg38, mm10, or a BED file.
        q_value: highest q-value of a peak; the entry's where None.
        min_support: number of samples of a group that must have a peak; see `epizoo.consensus`.
        email: address that a track hub names as its contact; no hub is made where None.
        reference: group that folds of differential peaks are over; that of the first sample where None.
    """

    title: ClassVar[str] = "study"
    samples: list[Sample]
    assembly: str | None = None
    blacklist: str | None = None
    q_value: float | None = None
    min_support: int | None = None
    reference: str | None = None
    email: str | None = None

    def __post_init__(self) -> None:
        names = [sample.sample for sample in self.samples]
        twice = [name for name in names if names.count(name) > 1]
        if not names or twice:
            raise InputError(
                f"two samples are called {twice[0]}; give each its own name" if twice else "has no samples"
            )
        if self.email is not None and (self.assembly is None or os.path.isfile(self.assembly)):
            raise InputError("email: given for a track hub, which needs an assembly by name; add one, such as hg38")
        groups = {sample.group for sample in self.samples}
        if self.reference is not None and self.reference not in groups:
            raise InputError(f"reference: there is no group {self.reference}, but {', '.join(sorted(groups))}")

    @property
    def assays(self) -> dict[str, list[Sample]]:
        """The samples of each assay, in the order of the study."""
        found: dict[str, list[Sample]] = {}
        for sample in self.samples:
            found.setdefault(sample.assay, []).append(sample)
        return found

    def files(self) -> list[str]:
        """All files that the study reads."""
        files = [path for sample in self.samples for path in (*sample.treatment, *sample.control)]
        shared = [path for path in (self.assembly, self.blacklist) if path is not None and os.path.isfile(path)]
        return list(dict.fromkeys([*files, *shared]))


def read_study(path: File, **settings: Any) -> Study:
    """The study of a YAML file, or of a table of samples (tab-separated); file names are relative to its folder.

    Args:
        path: the file.
        settings: settings of `Study` that the file does not state; their files are relative to the working folder.

    Raises:
        InputError: the file is missing, has unknown keys or columns, two samples of one name, a file that is not there,
            or samples of several assemblies; or a setting is stated there as well.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; give a study (YAML) or a table of samples (TSV)")
    try:
        plain = _of_yaml(path) if Path(path).suffix.lower() in (".yaml", ".yml") else _of_table(path)
        twice = sorted(settings.keys() & plain.keys())
        if twice:
            flag = "--" + twice[0].replace("_", "-")
            raise InputError(f"states {twice[0]} ({plain[twice[0]]}), and {flag} is given; state it once")
        study = Study.from_dict(plain | {name: _shared(value, Path.cwd()) for name, value in settings.items()})
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    for file in study.files():
        if not Path(file).is_file():
            raise InputError(f"{path}: {file}: no such file; correct the path, which is relative to the study's folder")
    if study.blacklist is not None:
        require_blacklist(study.blacklist)
    _check_twice(study)
    _check_assemblies(study)
    return study


def _of_yaml(path: File) -> dict[str, object]:
    content = read_yaml(path, InputError)
    if not isinstance(content, dict) or not isinstance(content.get("samples"), list):
        raise InputError("expected the key samples, a list of samples; see docs/study.md")
    folder = Path(path).resolve().parent
    samples = [
        _resolved(dict(sample), folder) if isinstance(sample, Mapping) else sample for sample in content["samples"]
    ]
    shared = {name: _shared(content[name], folder) for name in ("assembly", "blacklist") if name in content}
    return {**content, **shared, "samples": samples}


def _of_table(path: File) -> dict[str, object]:
    rows = read_sample_table(path)
    unknown = [name for row in rows for name in row if name not in _COLUMNS]
    if unknown:
        raise InputError(f"unknown column {unknown[0]!r}, expected {', '.join(_COLUMNS)}; correct or remove it")
    folder = Path(path).resolve().parent
    filled = [{name: value for name, value in row.items() if value} for row in rows]
    return {"samples": [_resolved(dict(row), folder) for row in filled]}


def _resolved(sample: dict[str, object], folder: Path) -> dict[str, object]:
    """Files as lists of absolute paths, since workers may run elsewhere; a text is a list separated by commas."""
    for name in ("treatment", "control"):
        given = sample.get(name)
        if isinstance(given, str):
            given = next(csv.reader([given], skipinitialspace=True), [])
        if isinstance(given, list) and all(isinstance(file, str) for file in given):
            sample[name] = [str(folder / file) for file in given]
    return sample


def _shared(value: object, folder: Path) -> object:
    """A file of the study's folder, or the name of an assembly."""
    return str(folder / value) if isinstance(value, str) and (folder / value).is_file() else value


def _check_twice(study: Study) -> None:
    """Check that no file is the treatment of two samples, by another path neither."""
    known: dict[str, str] = {}
    for sample in study.samples:
        for path in sample.treatment:
            other = known.setdefault(os.path.realpath(path), sample.sample)
            if other != sample.sample:
                raise InputError(
                    f"{sample.sample}: {path} is the treatment of {other}, too, and would be its own replicate; give "
                    "each sample its own files"
                )


def _check_assemblies(study: Study) -> None:
    """Check that all files with lengths of chromosomes have the same, and that the others are given them."""
    known: dict[str, tuple[int, str]] = {}
    if study.assembly is not None:
        known = {chrom: (size, study.assembly) for chrom, size in chrom_sizes(study.assembly).items()}
    for sample in study.samples:
        for path in (*sample.treatment, *sample.control):
            if not is_alignment_file(Path(path)):
                if study.assembly is None:
                    raise InputError(
                        f"{path}: states no chromosome lengths, as BAM does; give the study an assembly, with "
                        "--assembly or in its YAML file"
                    )
                continue
            sizes = alignment_sizes(Path(path))
            if known and not set(known) & set(sizes):
                other_file = next(iter(known.values()))[1]
                raise InputError(
                    f"{sample.sample}: {path} has no chromosome of {other_file}; give all samples one assembly"
                )
            for chrom, size in sizes.items():
                other, where = known.setdefault(chrom, (size, path))
                if other != size:
                    raise InputError(
                        f"{sample.sample}: {chrom} is {size:,} bp long in {path}, but {other:,} bp in {where}; give "
                        "all samples of a study one assembly"
                    )
