import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.finetuning.leakage import (
    LeakageError,
    check_allowances,
    check_cell_type,
    check_loci,
    check_normalisation,
    check_pretrained_loci,
)


def labels(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


@pytest.mark.parametrize(
    ("test", "leaks"),
    [
        (("chr1", 1_000, 2_000), True),
        (("chr1", 51_999, 60_000), True),
        (("chr1", 52_000, 60_000), False),
        (("chr2", 1_000, 2_000), False),
    ],
)
def test_a_locus_on_both_sides_is_an_error_that_names_its_override(test, leaks):
    train = labels(("chr1", 1_000, 2_000))
    if leaks:
        with pytest.raises(LeakageError, match=r"chr1:.*--allow locus"):
            check_loci(train, labels(test))
    else:
        check_loci(train, labels(test))
    check_loci(train, labels(test), allow={"locus"})


@pytest.mark.parametrize(
    "name", ["T cell", "t-cells", "Tcells", "Monocyte", "CD4 T cell", "cd4+ t-cells", "CD14 monocytes"]
)
def test_a_cell_type_that_the_model_has_seen_is_an_error(name):
    seen = ["T cell (19 samples)", "monocyte (6 samples)"]
    with pytest.raises(LeakageError, match=r"cell_type: .*--allow cell-type"):
        check_cell_type(name, seen)
    check_cell_type(name, seen, allow={"cell-type"})
    for other in ("skeletal muscle", "B cell", "CD34 progenitor"):
        check_cell_type(other, seen)


def test_loci_of_the_pretrained_model_are_an_error_where_they_are_known():
    new = labels(("chr2", 60_000, 70_000))
    with pytest.raises(LeakageError, match=r"^chr2:60000-70000: .*--allow locus"):
        check_pretrained_loci(["chr1:1-9", "chr2:1000-20000"], new)
    check_pretrained_loci(["chr2:1000-20000"], new, allow={"locus"})
    check_pretrained_loci(["chr2:1000-9000", "chr3:60000-70000"], new)
    check_pretrained_loci([], new)


def test_a_scale_that_sees_the_test_loci_is_an_error():
    with pytest.raises(LeakageError, match=r"a.bw: .*--allow normalisation"):
        check_normalisation(["a.bw"], ["a.bw"], sees_test_loci=True)
    check_normalisation(["a.bw"], ["a.bw"], sees_test_loci=False)
    check_normalisation(["a.bw"], ["b.bw"], sees_test_loci=True)
    check_normalisation(["a.bw"], ["a.bw"], sees_test_loci=True, allow={"normalisation"})


def test_an_unknown_allowance_is_refused():
    with pytest.raises(InputError, match=r"allow: 'everything'.*locus, cell-type"):
        check_allowances(["everything"])
