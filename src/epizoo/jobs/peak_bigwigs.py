"""The bigWigs that come with peaks: probabilities, and denoised coverage where the entry gives it."""

import math
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np

from epizoo.calling.chunked_prediction import Piece
from epizoo.errors import InputError
from epizoo.genome.bigwig_writer import BigWigWriter
from epizoo.genome.windows import CoverageWindows
from epizoo.zoo.catalogue import ZOO_FOLDER, list_entries
from epizoo.zoo.description import DENOISED
from epizoo.zoo.entry import PeakCallerEntry, load_peak_caller
from epizoo.zoo.windows import File

OUTPUTS = ("peak_probabilities",)
"""What peaks are made of."""
_SIGNIFICANT_DIGITS = 4


class PeakBigWigs:
    """A context manager that writes bigWigs piece by piece; on any failure none is left.

    Args:
        probabilities: the file of peak probabilities, if any.
        denoised: the file of denoised coverage, if any.
        windows: where the signal comes from.

    Raises:
        InputError: denoised coverage is asked of -log10 p, or a file cannot be written.
    """

    def __init__(self, probabilities: File | None, denoised: File | None, windows: CoverageWindows) -> None:
        self._fitted = windows.fitted[0]
        if denoised is not None and self._fitted.kind == "log10_p":
            raise InputError(
                f"{windows.bigwigs[0].path}: holds -log10 p, which has no depth to denoise at; give the coverage itself"
            )
        # A few significant digits of the background, whatever the unit.
        decimals = max(_SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(self._fitted.background)), 0)
        sizes, bin_bp = windows.bigwigs[0].chrom_sizes, windows.shape.bin_bp
        self._writers: dict[str, BigWigWriter] = {}
        if probabilities is not None:
            self._writers[OUTPUTS[0]] = BigWigWriter(probabilities, sizes, bin_bp)
        if denoised is not None:
            self._writers[DENOISED] = BigWigWriter(denoised, sizes, bin_bp, decimals)
        self._stack = ExitStack()

    @property
    def needed(self) -> tuple[str, ...]:
        """The outputs that peaks and bigWigs are made of."""
        return (*OUTPUTS, DENOISED) if DENOISED in self._writers else OUTPUTS

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for writer in self._writers.values():
                stack.enter_context(writer)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def add(self, chrom: str, piece: Piece) -> None:
        """Append a piece, which must follow all that were added before (chromosomes by name)."""
        for name, writer in self._writers.items():
            values = piece.outputs[name]
            # The inverse of the transform, arcsinh(signal / scale).
            signal = np.sinh(values) * self._fitted.scale if name == DENOISED else values
            writer.add(chrom, piece.start_bin, signal)


def require_denoising(entry: PeakCallerEntry) -> None:
    """Check that an entry gives denoised coverage.

    Raises:
        InputError: it does not; the message names those of the zoo that do.
    """
    if entry.denoises:
        return
    names = [name for name in list_entries() if name.startswith("peak_caller/")]
    able = [name for name in names if load_peak_caller(ZOO_FOLDER / name).denoises]
    raise InputError(
        f"denoised coverage: {entry.name} gives none; choose an entry that does: {', '.join(able) or 'none does yet'}"
    )
