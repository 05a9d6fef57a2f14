"""States and posteriors of a genome as HDF5, for programs.

Layout, in bins from 0 of each chromosome::

    /                             attributes: format, model, model_version, weights_sha256, bin_bp
    /state_names   (state)        UTF-8 text; states count from 0 in every array
    /state_colors  (state, 3)     uint8: red, green, blue
    /marks         (mark)         UTF-8 text
    /chromosomes/CHROM            a group; attributes: length_bp, n_bins, log_likelihood (nats), missing_marks
        state          (bin)         uint8: the most probable state of each bin
        viterbi_path   (bin)         uint8: the most probable path, where it was asked for
        posteriors     (bin, state)  float32: probability of each state, to four decimals
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from jaxtyping import Float, UInt8

from epizoo.calling.state_colors import StateStyle
from epizoo.files import atomic_path

FORMAT = "epizoo chromatin states 1"
_DECIMALS = 4
_CHUNK_BINS = 16_384


class StateHDF5Writer:
    """A context manager that writes an HDF5 file chromosome by chromosome; on any failure no file is left.

    Args:
        path: The file to write.
        styles: Name and colour of every state.
        marks: Names of the model's marks.
        attributes: What else to say of the whole file: ``model``, ``bin_bp``, ….

    Raises:
        InputError: the file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        styles: Sequence[StateStyle],
        marks: Sequence[str],
        attributes: Mapping[str, Any],
    ) -> None:
        self.path = path
        self._styles, self._marks, self._attributes = styles, marks, attributes
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # Closed before the file is renamed or removed, because contexts end in reverse.
            self._file = stack.enter_context(h5py.File(stack.enter_context(atomic_path(self.path)), "w"))
            self._file.attrs.update({"format": FORMAT, **self._attributes})
            text = h5py.string_dtype()
            self._file.create_dataset("state_names", data=[style.name for style in self._styles], dtype=text)
            self._file.create_dataset("state_colors", data=np.array([style.color for style in self._styles], np.uint8))
            self._file.create_dataset("marks", data=list(self._marks), dtype=text)
            self._file.create_group("chromosomes")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def add(
        self,
        chrom: str,
        states: UInt8[np.ndarray, " bin"],
        posteriors: Float[np.ndarray, "bin state"],
        viterbi_path: UInt8[np.ndarray, " bin"] | None,
        attributes: Mapping[str, Any],
    ) -> None:
        """Write one chromosome and what is known of it."""
        group = self._file["chromosomes"].create_group(chrom)
        group.attrs.update({"n_bins": len(states), **attributes})
        self._write(group, "state", states)
        if viterbi_path is not None:
            self._write(group, "viterbi_path", viterbi_path)
        self._write(group, "posteriors", np.round(posteriors, _DECIMALS).astype(np.float32))

    @staticmethod
    def _write(group: h5py.Group, name: str, values: np.ndarray) -> None:
        # An empty chromosome has no chunk to compress.
        packing: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        chunks = (min(_CHUNK_BINS, len(values)), *values.shape[1:])
        group.create_dataset(name, data=values, **({"chunks": chunks, **packing} if len(values) else {}))
