"""Kipoi dataloaders over an entry's windows. Pure NumPy: Kipoi forks its loader workers, and a forked JAX hangs."""

import os
import warnings
from collections.abc import Iterator
from typing import Any

from kipoi.data import Dataset
from kipoi.metadata import GenomicRanges

from epizoo.errors import EntryError, InputError
from epizoo.plugins.kipoi.patches import mend_kipoi, protect_inputs
from epizoo.zoo.entry import Entry
from epizoo.zoo.kipoi_yaml import required_arguments
from epizoo.zoo.loading import load

mend_kipoi()


class EntryDataset(Dataset):
    """Rows of an entry's windows. Kipoi writes the entry's folder onto the class (``source_dir``) when it loads it.

    Everything that can be checked is checked by the constructor, before Kipoi opens any writer.
    """

    entry_folder: str | None = None

    # By this very name, which Kipoi takes to mean all arguments of dataloader.yaml.
    def __init__(self, **kwargs: Any) -> None:
        folder = self.entry_folder or self.source_dir
        if folder is None:
            raise EntryError(
                f"{type(self).__name__}: belongs to no entry; take it from kipoi.get_dataloader_factory or of_entry()"
            )
        entry = load(folder)
        for name in required_arguments(entry.zoo.family):
            if kwargs.get(name) is None:
                required = " and ".join(required_arguments(entry.zoo.family))
                raise InputError(f"{name}: not given, {entry.name} needs {required}; add it to --dataloader_args")
        self.entry = entry
        self.windows = entry.windows(**kwargs)
        marks = kwargs.get("marks") or {}
        values = [*kwargs.values(), *marks.values()]
        protect_inputs(value for value in values if isinstance(value, str | os.PathLike) and os.path.exists(value))

    @classmethod
    def of_entry(cls, entry: Entry) -> type["EntryDataset"]:
        """The dataloader class of an entry, without Kipoi's sources."""
        return type(cls.__name__, (cls,), {"source_dir": os.fspath(entry.folder)})

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.windows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One window: ``inputs``, and ``metadata`` with its ranges and how many of its bins are valid."""
        row = self.windows[index]
        ranges = GenomicRanges(**row["metadata"]["ranges"])
        return {"inputs": row["inputs"], "metadata": {**row["metadata"], "ranges": ranges}}

    def batch_iter(self, *args: Any, **kwargs: Any) -> Iterator[dict[str, Any]]:
        """Batches of windows; see Kipoi's `Dataset.batch_iter`."""
        with warnings.catch_warnings():
            # JAX warns of every fork, but the forked workers run these dataloaders alone, and they do not touch JAX.
            warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called", category=RuntimeWarning)
            return super().batch_iter(*args, **kwargs)


class CoverageDataset(EntryDataset):
    """Windows of normalised coverage from a bigWig, for peak callers; see `epizoo.zoo.windows.coverage_windows`."""


class CandidateDataset(EntryDataset):
    """Candidate peaks in a bigWig, for peak scorers; see `epizoo.zoo.windows.candidate_windows`."""


class MarkDataset(EntryDataset):
    """Windows of binarised marks, for chromatin-state annotators; see `epizoo.zoo.windows.mark_windows`."""
