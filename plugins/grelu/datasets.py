"""Datasets for gReLU's loaders and trainers: windows of coverage or marks in, labels of bins out.

They read signal as the Kipoi dataloaders do, once, into memory. A row is (channel + 2, bin) with the flanks that the
model crops; the last two channels are the frame of `epizoo.plugins.grelu.frame`. Positions are bins: ``bin_size`` is
their width, ``seq_len`` and ``max_pair_shift`` are counted in them.

Bins without a label (outside ``labelled``, without a segment, or outside the intervals in a window that reaches beyond
them) have the label 0 and are marked in the frame. The model takes them out of the loss: their loss and gradient are 0,
and since gReLU divides by all bins, every labelled bin weighs the same, in whichever full batch it stands. gReLU's
metrics do not know this: they count such bins as true negatives of peaks, and as bins of the first state.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from grelu.data.augment import Augmenter
from grelu.data.dataset import LabeledSeqDataset
from grelu.lightning import LightningModel
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from epizoo.errors import InputError
from epizoo.genome.binarize_bigwigs import BigWigBinarization
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.windows import CoverageWindows, Intervals, MarkWindows, WindowShape, interval_table
from epizoo.plugins.grelu.checkpoints import require_signal_model
from epizoo.plugins.grelu.frame import FRAME_CHANNELS
from epizoo.plugins.grelu.labels import Span, peak_labels, state_labels
from epizoo.plugins.grelu.models import ChromatinStateModel, PeakCallerModel, SignalModel

File = str | os.PathLike[str]


class SignalAugmenter(Augmenter):
    """gReLU's augmentation for signal: shifts, and reflection where DNA is reverse complemented."""

    def __call__(self, idx: int, seq: np.ndarray, label: np.ndarray | None = None) -> Any:
        """The `idx`-th version of signal (channel, bin) and label (task, bin)."""
        flip, _, offset, _ = self._split(idx) if self.mode == "serial" else self._get_random_idxs()
        arrays = [seq[:, offset : offset + self.seq_len]]
        if label is not None:
            arrays.append(label[:, offset : offset + self.label_len])
        arrays = [array[:, ::-1] if flip else array for array in arrays]
        return tuple(arrays) if label is not None else arrays[0]


CELL_SEPARATOR = "; "
"""Between the names of several cell types that a dataset was joined from."""
_ALIKE = ("bin_size", "seq_len", "label_len", "crop_len", "rc", "max_pair_shift")


class WindowDataset(LabeledSeqDataset):
    """Base of both datasets. The attributes are those of gReLU's own datasets.

    Attributes:
        seqs: signal (window, channel, bin) with flanks and room for shifts.
        labels: (window, task, bin), NaN where there is none.
        intervals: the windows with their flanks, as `LightningModel.input_intervals_to_output_intervals` takes them.
        tasks: a table whose index names the label tracks.
        entry: name of the entry; like the next three, gReLU keeps it in its checkpoints.
        family: family of the entry.
        source: where the data came from.
        transform: how coverage is normalised, if it is.
    """

    def __init__(
        self,
        model: SignalModel,
        windows: CoverageWindows | MarkWindows,
        tasks: Sequence[str],
        *,
        rc: bool = False,
        max_pair_shift: int = 0,
        seed: int | None = None,
        augment_mode: str = "serial",
        source: str = "",
        cell_type: str | None = None,
        assembly: str | None = None,
        transform: str | None = None,
    ) -> None:
        # The parent's own constructor reads DNA.
        Dataset.__init__(self)
        if len(set(tasks)) < len(tasks):
            raise InputError(f"tasks: {list(tasks)} are not distinct; name each label track once")
        if not len(windows):
            raise InputError("intervals: none of them holds a bin; give wider intervals")
        shape = windows.shape
        self.bin_size, self.label_len = shape.bin_bp, shape.window_bins
        self.seq_len = shape.input_bins - 2 * max_pair_shift
        self.padded_seq_len, self.padded_label_len = shape.input_bins, shape.window_bins + 2 * max_pair_shift
        self.crop_len = model.crop_len
        self.rc, self.max_pair_shift, self.max_seq_shift = rc, max_pair_shift, 0
        self.genome, self.end, self.predict, self.n_alleles = None, "both", False, 1
        self.tasks = pd.DataFrame(index=list(tasks))
        self.n_tasks = len(self.tasks)
        self.source, self.cell_type, self.assembly, self.transform = source, cell_type, assembly, transform
        self.family = model.family
        self.entry = None if model.zoo is None else str(model.zoo["name"])
        rows = list(windows)
        self.seqs = np.stack([row["inputs"][model.input_name].T for row in rows])
        self.n_seqs = len(self.seqs)
        self.spans = [self._span(row["metadata"]) for row in rows]
        self.intervals = self._input_intervals()
        self.valid_bins = [int(row["metadata"]["valid_bins"]) for row in rows]
        self.labels = np.zeros((self.n_seqs, 0, self.padded_label_len), np.float32)
        self.augmenter = SignalAugmenter(
            rc=rc,
            max_pair_shift=max_pair_shift,
            seq_len=self.seq_len,
            label_len=self.label_len,
            seed=seed,
            mode=augment_mode,
        )
        self.n_augmented = len(self.augmenter)

    def __len__(self) -> int:
        """Windows times their augmented versions."""
        return int(self.n_seqs * self.n_augmented)

    def __getitem__(self, idx: int) -> Tensor | tuple[Tensor, Tensor]:
        """Input (channel + 2, bin), and outside of predictions labels (task, bin)."""
        number, version = divmod(idx, self.n_augmented)
        if not 0 <= number < self.n_seqs:
            raise IndexError(f"window {number} of {self.n_seqs}")
        signal, label = self.augmenter(version, self.seqs[number], self.labels[number])
        frame = np.full((FRAME_CHANNELS, self.seq_len), self.bin_size, np.float32)
        if self.predict:
            frame[1] = 0
            return torch.from_numpy(np.concatenate([signal, frame]))
        if not self.n_tasks:
            raise InputError("labels: not given, and training and testing need them; give the dataset labels")
        frame[1] = self.n_tasks
        labelled = ~np.isnan(label).any(axis=0)
        frame[0, : self.crop_len] = frame[0, self.seq_len - self.crop_len :] = -self.bin_size
        frame[0, self.crop_len : self.seq_len - self.crop_len][~labelled] = -self.bin_size
        return torch.from_numpy(np.concatenate([signal, frame])), torch.from_numpy(np.where(labelled, label, 0))

    def get_labels(self) -> Float[np.ndarray, "window task bin"]:
        """The labels without augmentation, 0 where there is none, as `grelu.visualize` takes them."""
        first = self.max_pair_shift
        return np.nan_to_num(self.labels[..., first : first + self.label_len])

    @classmethod
    def joined(cls, datasets: Sequence[Self]) -> Self:
        """One dataset of the windows of several, of other samples perhaps.

        Raises:
            InputError: they differ in their tasks or in the shape of their windows.
        """
        whole = cls.__new__(cls)
        whole.__dict__.update(datasets[0].__dict__)
        for other in datasets[1:]:
            for name in (*_ALIKE, "assembly", "transform", "entry"):
                if getattr(other, name) != getattr(whole, name):
                    raise InputError(
                        f"datasets: {name} is {getattr(other, name)} and {getattr(whole, name)}; join datasets that "
                        "were made for one model with the same options"
                    )
            if list(other.tasks.index) != list(whole.tasks.index):
                raise InputError(
                    f"datasets: their tasks are {list(other.tasks.index)} and {list(whole.tasks.index)}; join datasets "
                    "of the same tasks"
                )
        whole.seqs = np.concatenate([dataset.seqs for dataset in datasets])
        whole.labels = np.concatenate([dataset.labels for dataset in datasets])
        whole.intervals = pd.concat([dataset.intervals for dataset in datasets], ignore_index=True)
        whole.spans = [span for dataset in datasets for span in dataset.spans]
        whole.valid_bins = [n for dataset in datasets for n in dataset.valid_bins]
        whole.n_seqs = len(whole.seqs)
        whole.source = ", ".join(dict.fromkeys(dataset.source for dataset in datasets))
        cells = dict.fromkeys(dataset.cell_type for dataset in datasets if dataset.cell_type)
        whole.cell_type = CELL_SEPARATOR.join(cells) or None
        return whole

    def _span(self, metadata: Mapping[str, Any]) -> Span:
        """The bins of a window's labels, with room for shifts."""
        first = int(metadata["ranges"]["start"]) // self.bin_size - self.max_pair_shift
        return Span(metadata["ranges"]["chr"], first, first + self.padded_label_len)

    def _input_intervals(self) -> pd.DataFrame:
        first = np.array([span.first_bin for span in self.spans]) + self.max_pair_shift - self.crop_len
        starts = first * self.bin_size
        chroms = [span.chrom for span in self.spans]
        return pd.DataFrame({"chrom": chroms, "start": starts, "end": starts + self.seq_len * self.bin_size})

    def _label(self, labels: Float[np.ndarray, "window task bin"]) -> None:
        """Take labels over, but for bins beyond the end of an interval."""
        for row, valid in zip(labels, self.valid_bins, strict=True):
            row[:, : self.max_pair_shift] = np.nan
            row[:, self.max_pair_shift + valid :] = np.nan
        if not (~np.isnan(labels)).any():
            raise InputError("labels: no bin of the intervals has one; give labels that overlap the intervals")
        self.labels = labels


class SignalDataset(WindowDataset):
    """Coverage in, labels of peaks out, for a `PeakCallerModel`.

    Args:
        model: the model (or gReLU's `LightningModel` of it) that says how wide bins and windows are and how coverage
            is normalised.
        intervals: a table or BED file, as `grelu.data.preprocess.split` and its kin give tables; tiled into windows.
        bigwigs: the treatment, and the control for a model that takes one (or may take one); join datasets of several
            samples.
        labels: task to its peaks or to a bigWig of labels; see `epizoo.plugins.grelu.labels.peak_labels`. None for
            predictions alone.
        labelled: where labels are known (a table or BED); everywhere in the intervals where None.
        window_bins: bins of output of a window; the entry's where None.
        rc: whether to add reflected windows, which is what gReLU's name stands for where there are no strands.
        max_pair_shift: also shift windows by up to so many bins, in either direction.
        seed, augment_mode: as in gReLU's datasets, ``serial`` (all versions) or ``random`` (one at a time).
        signal_kind, known_regions, blacklist: see `epizoo.genome.windows.CoverageWindows`.
        transform: how coverage is normalised; the entry's where None.
        cell_type, assembly: what the data is, kept in checkpoints.

    Raises:
        InputError: a file cannot be used, or the model is no peak caller or takes another number of bigWigs.
    """

    def __init__(
        self,
        model: LightningModel | PeakCallerModel,
        intervals: Intervals,
        bigwigs: Sequence[File],
        labels: Mapping[str, Intervals] | None = None,
        *,
        labelled: Intervals | None = None,
        window_bins: int | None = None,
        signal_kind: str | None = None,
        known_regions: Intervals | None = None,
        blacklist: Intervals | None = None,
        transform: CoverageTransform | None = None,
        **options: Any,
    ) -> None:
        signal = _of_type(model, PeakCallerModel)
        bigwigs = [bigwigs] if isinstance(bigwigs, str | os.PathLike) else list(bigwigs)
        n_needed = 1 if signal.config.optional_control else len(signal.channels)
        if not n_needed <= len(bigwigs) <= len(signal.channels):
            raise InputError(
                f"bigwigs: {len(bigwigs)} given, the model takes {len(signal.channels)} tracks "
                f"({', '.join(signal.channels)}); give a bigWig for each, and join datasets of several samples"
            )
        if transform is None:
            settings = {} if signal.zoo is None else signal.zoo["config"].get("transform", {})
            transform = CoverageTransform.from_dict(settings)
        windows = CoverageWindows(
            bigwigs[0],
            _fresh(intervals),
            _shape(signal, window_bins, options.get("max_pair_shift", 0)),
            transform,
            control=bigwigs[1] if len(bigwigs) == 2 else None,
            n_tracks=len(signal.channels),
            kind=signal_kind,
            known_regions=known_regions,
            blacklist=blacklist,
        )
        options |= {"source": ", ".join(os.path.basename(path) for path in bigwigs)}
        super().__init__(signal, windows, list(labels or {}), transform=json.dumps(transform.to_dict()), **options)
        if labels is not None:
            self._label(peak_labels(labels, self.spans, self.bin_size, labelled))


class MarkDataset(WindowDataset):
    """Marks in, labels of states out, for a `ChromatinStateModel`.

    Args:
        model: the model (or gReLU's `LightningModel` of it) that says which marks it takes and what its states are.
        intervals: a table or BED file; tiled into windows. All that is binarised where None.
        binarized: folder of marks that ChromHMM has binarised, or
        bigwigs: mark to bigWig, with `binarization`.
        binarization: how the bigWigs are binarised.
        segments: states as segments with names, a table or BED as of ``epizoo annotate``; None for predictions alone.
        tasks: names of the states, in the order of the model's tasks; its own where None.
        window_bins: bins of output of a window; the entry's where None.
        cell: which cell type, where the folder holds several.
        allow_missing: go on without the marks that are not there.
        blacklist: stretches to leave out.
        **options: rc, max_pair_shift, seed, augment_mode, cell_type, assembly: see `SignalDataset`.

    Raises:
        InputError: a file cannot be used, the model is no chromatin-state model, or a segment's name is no task.
    """

    def __init__(
        self,
        model: LightningModel | ChromatinStateModel,
        intervals: Intervals | None = None,
        *,
        binarized: File | None = None,
        bigwigs: Mapping[str, File] | None = None,
        binarization: BigWigBinarization | None = None,
        segments: Intervals | None = None,
        tasks: Sequence[str] | None = None,
        window_bins: int | None = None,
        cell: str | None = None,
        allow_missing: bool = False,
        blacklist: Intervals | None = None,
        **options: Any,
    ) -> None:
        signal = _of_type(model, ChromatinStateModel)
        shape = _shape(signal, window_bins, options.get("max_pair_shift", 0))
        common: dict[str, Any] = {"allow_missing": allow_missing, "blacklist": blacklist}
        where = None if intervals is None else _fresh(intervals)
        if binarized is not None and bigwigs is None:
            windows = MarkWindows.from_binarized(binarized, signal.channels, where, shape, cell=cell, **common)
        elif binarized is None and bigwigs is not None and binarization is not None:
            windows = MarkWindows.from_bigwigs(
                bigwigs, signal.channels, where, shape, binarization=binarization, **common
            )
        else:
            raise InputError("binarized, bigwigs: expected either a folder, or bigWigs with a binarization; give one")
        sources = [binarized] if bigwigs is None else list(bigwigs.values())
        options |= {"source": ", ".join(os.path.basename(str(path)) for path in sources)}
        names = list(tasks) if tasks is not None else _state_names(model, signal)
        super().__init__(signal, windows, names if segments is not None else [], **options)
        if segments is not None:
            self._label(state_labels(segments, names, self.spans, self.bin_size))


def _of_type(model: Any, kind: type) -> Any:
    inner = require_signal_model(model)
    if not isinstance(inner, kind):
        raise InputError(
            f"model: {type(inner).__name__} found, expected {kind.__name__}; coverage belongs to peak callers "
            "(SignalDataset), marks to chromatin states (MarkDataset)"
        )
    return inner


def _fresh(intervals: Intervals) -> Intervals:
    """Filtered tables keep the row numbers of the whole one."""
    table = interval_table(intervals, "the intervals")
    return table.reset_index(drop=True)


def _shape(model: SignalModel, window_bins: int | None, max_pair_shift: int) -> WindowShape:
    bins = window_bins or (None if model.zoo is None else model.zoo["window_bins"])
    if bins is None:
        raise InputError(
            "window_bins: not given, and the model comes from no entry that has one; give a number of bins"
        )
    return WindowShape(int(bins), model.crop_len + max_pair_shift, model.bin_bp)


def _state_names(model: Any, inner: ChromatinStateModel) -> list[str]:
    found = getattr(model, "data_params", {}).get("tasks", {}).get("name")
    return list(found) if found else [f"state {number}" for number in range(1, inner.head.n_tasks + 1)]
