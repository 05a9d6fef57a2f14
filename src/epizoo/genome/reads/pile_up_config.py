"""Settings of how reads become coverage."""

import os
from dataclasses import dataclass
from typing import Literal, get_args

from epizoo.errors import InputError

FRAGMENT_LENGTH_BP = 200
ATAC_WIDTH_BP = 150
MAX_FRAGMENT_BP = 2_000

Pairs = Literal["template", "as-single"]
KeepDuplicates = int | Literal["auto", "all"]
_PAIRS: tuple[str, ...] = get_args(Pairs)


@dataclass(frozen=True)
class PileUpConfig:
    """Settings by which reads become coverage.

    Attributes:
        fragment_length_bp: single reads are extended from their 5' end to this length; with `atac`, the width around a
            cut site. None: 200, and 150 with `atac`. Pairs span what lies between their outer ends.
        keep_duplicates: how many reads of one 5' end and strand (pairs of the same ends) count, over all files that are
            pooled: a number, ``all``, or ``auto``, as many as chance gives
            (`epizoo.genome.reads.duplicates.likely_most`). Reads that are marked as duplicates count unless this is 1.
        min_mapping_quality: reads of a lower one are left out, and pairs of which either mate has a lower one; BAM, SAM
            and CRAM alone state it.
        atac: pile up cut sites of the transposase: 5' ends, of both mates, moved by 4 bp on the forward and -5 bp on
            the reverse strand, in the middle of `fragment_length_bp`. Ends of single cells' fragments have been moved
            before.
        pairs: how reads that were sequenced in pairs count: ``template``, proper pairs from end to end; ``as-single``,
            the first mate (or the second, where the first is not mapped) as a single read, properly paired or not, and
            both with `atac`.
        min_fragment_bp: shorter pairs and fragments are left out.
        max_fragment_bp: longer ones are left out: a few of 100 kb would cover more than all others.
        reference: FASTA of the reference genome of a CRAM. Positions are read without it.

    Raises:
        InputError: a value is out of range or unknown.
    """

    fragment_length_bp: int | None = None
    keep_duplicates: KeepDuplicates = 1
    min_mapping_quality: int = 0
    atac: bool = False
    pairs: Pairs = "template"
    min_fragment_bp: int = 1
    max_fragment_bp: int = MAX_FRAGMENT_BP
    reference: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.fragment_length_bp is not None and self.fragment_length_bp < 1:
            raise InputError(f"the fragment length is {self.fragment_length_bp} bp, expected 1 bp or more; correct it")
        if not 0 <= self.min_mapping_quality <= 255:
            raise InputError(f"the least mapping quality is {self.min_mapping_quality}, expected 0 to 255; correct it")
        is_number = isinstance(self.keep_duplicates, int) and not isinstance(self.keep_duplicates, bool)
        if self.keep_duplicates not in ("auto", "all") and not (is_number and self.keep_duplicates >= 1):  # type: ignore[operator]
            raise InputError(f"duplicates to keep: {self.keep_duplicates!r} found, expected auto, all or 1 or more")
        if self.pairs not in _PAIRS:
            raise InputError(f"pairs: {self.pairs!r} found, expected {' or '.join(_PAIRS)}")
        if not 1 <= self.min_fragment_bp <= self.max_fragment_bp:
            raise InputError(
                f"fragments of {self.min_fragment_bp} to {self.max_fragment_bp} bp were asked for, expected at least "
                "1 bp, the least length first; correct it"
            )
        if self.reference is not None and not os.path.isfile(self.reference):
            raise InputError(f"{self.reference}: no such file; give the reference genome of the CRAM, a FASTA file")

    @property
    def width_bp(self) -> int:
        """Length of an extended read, or width around a cut site."""
        return self.fragment_length_bp or (ATAC_WIDTH_BP if self.atac else FRAGMENT_LENGTH_BP)
