"""Checks that nothing is both trained on and evaluated: loci, cell types, and the scale of a file."""

from collections.abc import Collection, Iterable

import pandas as pd

from epizoo.errors import InputError
from epizoo.metrics.label_errors import LOCUS_GAP_BP

ALLOWANCES = ("locus", "cell-type", "normalisation")
"""Names of the leaks that can be allowed."""


class LeakageError(InputError):
    """A measurement would see what the model has learned from; the message names the allowance that overrides it."""


def check_allowances(allow: Iterable[str]) -> frozenset[str]:
    """The allowances as a set.

    Raises:
        InputError: one is unknown.
    """
    given = frozenset(allow)
    for name in sorted(given - set(ALLOWANCES)):
        raise InputError(f"allow: {name!r} is unknown; expected some of {', '.join(ALLOWANCES)}")
    return given


def check_loci(train: pd.DataFrame, test: pd.DataFrame, allow: Collection[str] = ()) -> None:
    """Check that no locus is trained on and measured.

    Args:
        train: chrom, start and end of the labels that are trained on.
        test: those of the labels that are measured.
        allow: with "locus" nothing is checked.

    Raises:
        LeakageError: labels of both lie within 50 kb of each other.
    """
    if "locus" in allow:
        return
    places = test[["chrom", "start", "end"]].drop_duplicates()
    for chrom, start, end in zip(places["chrom"], places["start"], places["end"], strict=True):
        if is_near(train, chrom, start, end).any():
            raise LeakageError(
                f"{chrom}:{start}-{end}: this locus is trained on and measured, in whatever sample; leave it out on "
                "one side, or allow it with --allow locus"
            )


def is_near(labels: pd.DataFrame, chrom: str, start: int, end: int) -> pd.Series:
    """Mask of the labels within 50 kb of an interval: in its locus."""
    reaches = (labels["start"] - LOCUS_GAP_BP < end) & (labels["end"] + LOCUS_GAP_BP > start)
    return (labels["chrom"] == chrom) & reaches


def check_pretrained_loci(loci: Iterable[str], test: pd.DataFrame, allow: Collection[str] = ()) -> None:
    """Check that what is measured is none of the loci that the pretrained model was trained on, where they are known.

    Args:
        loci: as ``chr2:1000-2000``.
        test: chrom, start and end of the labels that are measured.
        allow: with "locus" nothing is checked.

    Raises:
        LeakageError: a label lies within 50 kb of one of them.
    """
    parts = [locus.rpartition(":") for locus in loci]
    rows = [(chrom, *map(int, span.split("-"))) for chrom, _, span in parts]
    seen = pd.DataFrame(rows, columns=["chrom", "start", "end"])
    try:
        check_loci(seen, test, allow)
    except LeakageError as error:
        place = str(error).split(": ")[0]
        raise LeakageError(
            f"{place}: the pretrained model was trained on this locus, so its figures there would be optimistic; "
            "label others, or allow it with --allow locus"
        ) from None


def check_cell_type(cell_type: str, trained_on: Iterable[str], allow: Collection[str] = ()) -> None:
    """Check that a new cell type is new to the pretrained model.

    Names are compared by their words, without capitals and plurals: a CD4 T cell is a T cell.

    Raises:
        LeakageError: the model was trained on a cell type of this name, or all words of one name are in the other.
    """
    if "cell-type" in allow:
        return
    for known in trained_on:
        if _alike(cell_type, known.split("(")[0]):
            raise LeakageError(
                f"cell_type: the pretrained model was trained on {known}, so that figures on {cell_type} would not be "
                "those of a new cell type; give another one, or allow it with --allow cell-type"
            )


def check_normalisation(
    scale_sees: Iterable[str], test_files: Iterable[str], sees_test_loci: bool, allow: Collection[str] = ()
) -> None:
    """Check that the scale of a file is not estimated on what is measured.

    Args:
        scale_sees: files from which scales are estimated.
        test_files: files that are measured.
        sees_test_loci: whether the estimate includes the test loci.
        allow: with "normalisation" nothing is checked.

    Raises:
        LeakageError: a file is in both, with its test loci.
    """
    shared = sorted(set(map(str, scale_sees)) & set(map(str, test_files)))
    if shared and sees_test_loci and "normalisation" not in allow:
        raise LeakageError(
            f"{shared[0]}: its scale would be estimated on the test loci too; estimate it without them, or allow it "
            "with --allow normalisation"
        )


def _alike(name: str, other: str) -> bool:
    """True if two names differ in spelling alone, or all words of one are in the other.

    >>> _alike("CD4 T cells", "T cell"), _alike("tcell", "T cell"), _alike("B cell", "T cell")
    (True, True, False)
    """
    words, others = (set(_words(text)) for text in (name, other))
    contained = bool(words and others) and (words <= others or others <= words)
    return contained or "".join(_words(name)) == "".join(_words(other))


def _words(name: str) -> list[str]:
    found = "".join(letter if letter.isalnum() else " " for letter in name.lower()).split()
    return [word.removesuffix("s") if len(word) > 2 else word for word in found]
