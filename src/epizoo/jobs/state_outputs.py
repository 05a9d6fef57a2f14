"""The files that an annotation of chromatin states is written to, chromosome by chromosome."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd

from epizoo.calling import chromhmm_files
from epizoo.calling.bed9 import check_state_file, state_writer
from epizoo.calling.state_colors import StateStyle
from epizoo.errors import InputError
from epizoo.files import check_outputs, inside
from epizoo.genome.bigwig.writer import BigWigWriter, check_bigwigs
from epizoo.states.regulatory_activity import RegulatoryHead, activity_along

if TYPE_CHECKING:
    from epizoo.calling.state_hdf5 import StateHDF5Writer
    from epizoo.models.hmm.decoding import Decoding

File = str | os.PathLike[str]


@dataclass(frozen=True)
class ChromHMMFolder:
    """ChromHMM's own files: CELL_N_segments.bed, CELL_N_dense.bed and CELL_N_expanded.bed, and others on demand.

    Attributes:
        folder: where to write them; made where there is none.
        states_by_line: also STATEBYLINE/CELL_N_CHROM_statebyline.txt.
        posteriors: also POSTERIOR/CELL_N_CHROM_posterior.txt.
    """

    folder: File
    states_by_line: bool = False
    posteriors: bool = False

    @property
    def folders(self) -> list[Path]:
        """All folders that files are written to, outer ones first."""
        inner = [("STATEBYLINE", self.states_by_line), ("POSTERIOR", self.posteriors)]
        return [Path(self.folder), *(Path(self.folder, name) for name, is_wanted in inner if is_wanted)]


@dataclass(frozen=True)
class StateOutputs:
    """Files to write; none where all are None.

    Attributes:
        bed: the states' names and colours, as BED9 or Parquet by its suffix.
        track: a line for UCSC's genome browser to begin it with.
        posteriors_folder: a bigWig of posteriors for each state in this folder; made where there is none.
        hdf5: states and posteriors in the layout of `epizoo.calling.state_hdf5`.
        chromhmm: ChromHMM's own files.
        regulatory: a bigWig of regulatory activity.
    """

    bed: File | None = None
    track: str | None = None
    posteriors_folder: File | None = None
    hdf5: File | None = None
    chromhmm: ChromHMMFolder | None = None
    regulatory: File | None = None

    @property
    def needs_posteriors(self) -> bool:
        """True if a file holds posteriors, or what is made of them."""
        of_chromhmm = self.chromhmm is not None and self.chromhmm.posteriors
        return of_chromhmm or any(path is not None for path in (self.posteriors_folder, self.hdf5, self.regulatory))

    @contextmanager
    def folders(self) -> Iterator[None]:
        """Make the folders; those that were made and are empty go again where the block fails.

        Raises:
            InputError: a folder cannot be made.
        """
        wanted = [] if self.posteriors_folder is None else [Path(self.posteriors_folder)]
        if self.chromhmm is not None:
            wanted += self.chromhmm.folders
        new = [folder for folder in wanted if not folder.exists()]
        try:
            for folder in wanted:
                _make_folder(folder)
            yield
        except BaseException:
            for folder in reversed(new):
                with suppress(OSError):
                    folder.rmdir()
            raise

    def check(self, styles: Sequence[StateStyle], inputs: Sequence[File]) -> None:
        """Check, before any work is done, that the files can be written.

        Raises:
            InputError: a file cannot be written or would overwrite an input.
        """
        single = [path for path in (self.bed, self.hdf5, self.regulatory) if path is not None]
        check_outputs([*single, *self.posterior_paths(styles)], inputs)
        check_bigwigs([self.regulatory])
        if self.bed is not None:
            check_state_file(self.bed, self.track)

    def posterior_paths(self, styles: Sequence[StateStyle]) -> list[Path]:
        """The bigWig of each state."""
        if self.posteriors_folder is None:
            return []
        # Names such as ZNF/Rpts are no file names.
        names = [re.sub(r"[^\w.-]", "_", style.name) for style in styles]
        return [Path(self.posteriors_folder, f"state_{number}_{name}.bw") for number, name in enumerate(names, start=1)]


class AnnotatedGenome(NamedTuple):
    """Description of the whole genome for the files.

    Attributes:
        styles: name and colour of each state.
        marks: of the model.
        sizes: length in bp of each chromosome.
        bin_bp: width of a bin.
        cell: what ChromHMM's files call the cell type.
        order: ChromHMM's letter of the states' order.
        model: name, version and hash of the model, by the attributes' names in HDF5.
        regulatory_head: what makes regulatory activity of posteriors, where that is written.
    """

    styles: Sequence[StateStyle]
    marks: Sequence[str]
    sizes: dict[str, int]
    bin_bp: int
    cell: str
    order: str
    model: dict[str, str]
    regulatory_head: RegulatoryHead | None = None


class StateWriter:
    """A context manager that writes the files of an annotation; each whole or not at all.

    Args:
        outputs: what to write.
        genome: what is annotated.
        chroms: the chromosomes that will come, in their order.
        inputs: files that must not be overwritten.

    Raises:
        InputError: a file cannot be written or would overwrite an input.
    """

    def __init__(
        self, outputs: StateOutputs, genome: AnnotatedGenome, chroms: Sequence[str], inputs: Sequence[File]
    ) -> None:
        self._outputs, self._genome = outputs, genome
        self._prefix = f"{genome.cell}_{len(genome.styles)}"
        self._segments: list[pd.DataFrame] = []
        self._stack = ExitStack()
        self._bigwigs: list[BigWigWriter] = []
        self._hdf5: StateHDF5Writer | None = None
        self._regulatory: BigWigWriter | None = None
        self._write_bed: Callable[[pd.DataFrame], None] | None = None
        if outputs.chromhmm is not None:
            check_outputs(self._chromhmm_paths(outputs.chromhmm, chroms), inputs)

    def __enter__(self) -> Self:
        genome = self._genome
        with ExitStack() as stack:
            for path in self._outputs.posterior_paths(genome.styles):
                self._bigwigs.append(stack.enter_context(BigWigWriter(path, genome.sizes, genome.bin_bp)))
            if self._outputs.hdf5 is not None:
                from epizoo.calling.state_hdf5 import StateHDF5Writer

                attributes: dict[str, Any] = {**genome.model, "bin_bp": genome.bin_bp}
                writer = StateHDF5Writer(self._outputs.hdf5, genome.styles, genome.marks, attributes)
                self._hdf5 = stack.enter_context(writer)
            if self._outputs.regulatory is not None:
                track = BigWigWriter(self._outputs.regulatory, genome.sizes, genome.bin_bp)
                self._regulatory = stack.enter_context(track)
            if self._outputs.bed is not None:
                bed = state_writer(self._outputs.bed, genome.styles, self._outputs.track)
                self._write_bed = stack.enter_context(bed)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def add(self, chrom: str, segments: pd.DataFrame, decoding: "Decoding", missing: Sequence[str]) -> None:
        """Write one chromosome, and keep its segments for `finish`."""
        self._segments.append(segments)
        if self._write_bed is not None:
            self._write_bed(segments)
        posteriors = decoding.posteriors
        if posteriors is not None:
            for writer, posterior in zip(self._bigwigs, posteriors.T, strict=False):
                writer.add(chrom, 0, posterior)
            if self._regulatory is not None and self._genome.regulatory_head is not None:
                activity = activity_along(self._genome.regulatory_head, posteriors, self._genome.bin_bp)
                self._regulatory.add(chrom, 0, activity)
            if self._hdf5 is not None:
                about = {
                    "length_bp": self._genome.sizes[chrom],
                    "log_likelihood": decoding.log_likelihood,
                    "missing_marks": ",".join(missing),
                }
                self._hdf5.add(chrom, decoding.states, posteriors, decoding.viterbi_path, about)
        if self._outputs.chromhmm is not None:
            self._add_chromhmm(self._outputs.chromhmm, chrom, decoding)

    def finish(self) -> None:
        """Write ChromHMM's files, which need all chromosomes together."""
        outputs, styles = self._outputs, self._genome.styles
        if outputs.chromhmm is not None:
            segments = pd.concat(self._segments, ignore_index=True)
            prefix = str(Path(outputs.chromhmm.folder, self._prefix))
            looks = (
                self._prefix,
                [style.color for style in styles],
                self._genome.order,
                [style.name for style in styles],
            )
            chromhmm_files.write_segments(f"{prefix}_segments.bed", segments, self._genome.order)
            chromhmm_files.write_dense(f"{prefix}_dense.bed", segments, *looks)
            chromhmm_files.write_expanded(f"{prefix}_expanded.bed", segments, *looks)

    def _chromhmm_paths(self, wanted: ChromHMMFolder, chroms: Sequence[str]) -> list[Path]:
        paths = [inside(wanted.folder, f"{self._prefix}_{kind}.bed") for kind in ("segments", "dense", "expanded")]
        for is_wanted, make in ((wanted.states_by_line, self._states_path), (wanted.posteriors, self._posteriors_path)):
            if is_wanted:
                paths += [make(wanted, chrom) for chrom in chroms]
        return paths

    def _states_path(self, wanted: ChromHMMFolder, chrom: str) -> Path:
        return inside(Path(wanted.folder, "STATEBYLINE"), f"{self._prefix}_{chrom}_statebyline.txt")

    def _posteriors_path(self, wanted: ChromHMMFolder, chrom: str) -> Path:
        return inside(Path(wanted.folder, "POSTERIOR"), f"{self._prefix}_{chrom}_posterior.txt")

    def _add_chromhmm(self, wanted: ChromHMMFolder, chrom: str, decoding: "Decoding") -> None:
        cell, order = self._genome.cell, self._genome.order
        if wanted.states_by_line:
            chromhmm_files.write_states_by_line(
                self._states_path(wanted, chrom), chosen_states(decoding), cell, chrom, order
            )
        if wanted.posteriors and decoding.posteriors is not None:
            chromhmm_files.write_posteriors(
                self._posteriors_path(wanted, chrom), decoding.posteriors, cell, chrom, order
            )


def chosen_states(decoding: "Decoding") -> np.ndarray:
    """The most probable path where it was asked for, else each bin's most probable state."""
    return decoding.states if decoding.viterbi_path is None else decoding.viterbi_path


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); give a folder that can be written") from error
