"""What must not stand on both sides of a comparison: loci, cell types, and the figures that normalise a file."""

from collections.abc import Collection, Iterable

import pandas as pd

from epizoo.errors import InputError
from epizoo.training.label_errors import LOCUS_GAP_BP

ALLOWANCES = ("locus", "cell-type", "normalisation")
"""What may be allowed by name where a check refuses it."""


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
    for label in test[["chrom", "start", "end"]].drop_duplicates().itertuples():
        near = (
            (train["chrom"] == label.chrom)
            & (train["start"] - LOCUS_GAP_BP < label.end)
            & (train["end"] + LOCUS_GAP_BP > label.start)
        )
        if near.any():
            raise LeakageError(
                f"{label.chrom}:{label.start}-{label.end}: this locus is trained on and measured, in whatever sample; "
                "leave it out on one side, or allow it with --allow locus"
            )


def check_cell_type(cell_type: str, trained_on: Iterable[str], allow: Collection[str] = ()) -> None:
    """Check that a new cell type is new to the pretrained model.

    Raises:
        LeakageError: the model was trained on a cell type of this name.
    """
    if "cell-type" in allow:
        return
    for known in trained_on:
        if _plain(cell_type) == _plain(known.split("(")[0]):
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


def _plain(name: str) -> str:
    letters = "".join(letter for letter in name.lower() if letter.isalnum())
    return letters.removesuffix("s")
