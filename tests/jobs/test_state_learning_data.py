"""BED files of known states: which bins they tell, how they are numbered, and what is refused."""

import numpy as np
import pytest

from epizoo.errors import InputError
from epizoo.jobs.learn_states import known_names, named_states
from epizoo.jobs.state_learning_data import LearningMarks, read_known_states
from epizoo.models.hmm.run_lengths import Float64Parameters, from_values
from epizoo.states.learning_plan import LearningPlan, LearningSequence, learn


def marks_of(*cells):
    sequences = [
        LearningSequence(cell, chrom, f"{cell}_{chrom}", from_values(np.zeros((n_bins, 2), np.uint8)))
        for cell in cells
        for chrom, n_bins in (("chr1", 10), ("chr2", 4))
    ]
    return LearningMarks(("K4", "K27"), sequences, [])


def bed(path, *rows):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


def test_whole_bins_in_an_interval_get_its_state_numbered_by_first_appearance(tmp_path):
    # The first bin of Enh is 3, since 2 lies in it in part; Far and Thin have no whole bin of these marks.
    path = bed(
        tmp_path / "x.bed",
        *(("chr7", 0, 4000, "Far"), ("chr1", 500, 1150, "Enh"), ("chr1", 1000, 1199, "Thin")),
        *(("chr2", 400, 999, "Tss"), ("chr1", 1400, 2000, "Tss"), ("chr1", 1600, 2000, "Tss")),
    )
    data = read_known_states(marks_of("A"), {"": path}, 2)
    assert data.known_names == ("Enh", "Tss")
    assert data.sequences[0].known.tolist() == [-1, -1, -1, 0, 0, -1, -1, 1, 1, 1]
    assert data.sequences[1].known.tolist() == [-1, -1, 1, 1]
    assert data.sources == [path]


def test_each_cell_type_has_its_own_file_and_the_names_are_shared(tmp_path):
    first = bed(tmp_path / "a.bed", ("chr1", 0, 400, "Tss"))
    second = bed(tmp_path / "b.bed", ("chr2", 0, 200, "Enh"), ("chr2", 200, 400, "Tss"))
    data = read_known_states(marks_of("A", "B", "C"), {"A": first, "B": second}, 3)
    found = {one.name: one.known if one.known is None else one.known.tolist()[:3] for one in data.sequences}
    assert found == {"A_chr1": [0, 0, -1], "B_chr2": [1, 0, -1], "A_chr2": None, "B_chr1": None} | dict.fromkeys(
        ["C_chr1", "C_chr2"]
    )
    of_model = read_known_states(marks_of("A"), {"": first}, 3, names=("Quies", "Enh", "Tss"))
    assert of_model.sequences[0].known.tolist()[:3] == [2, 2, -1]
    assert known_names(of_model, of_model.sequences) == {2: "Tss"}


@pytest.mark.parametrize(
    ("rows", "names", "message"),
    [
        ([("chr1", 0, 400)], (), r"x\.bed: .*fourth column"),
        ([("chr1", 0, 4, "a")], (), r"x\.bed: .*200 bp"),
        ([("chr1", 0, 400, "a"), ("chr1", 200, 600, "b")], (), r"x\.bed: .*chr1:200-600.*\bb\b"),
        ([("chr1", 0, 2200, "a")], (), r"x\.bed: .*chr1:2200.*\b2000\b"),
        ([("1", 0, 400, "a")], (), r"x\.bed: .*\b1\b.*chr1, chr2"),
        ([("chr1", 200 * i, 200 * i + 200, f"s{i}") for i in range(4)], (), r"4 found in .*s0, s1, s2, s3.*\b3\b"),
        (
            [("chr1", 0, 400, "a")],
            ("b", "c", "d"),
            r"x\.bed: .*'a'.*b, c, d",
        ),
        ([("chr1", 400, 0, "a")], (), r"x\.bed: line 1: .*\b400\b.*\b0\b"),
        ([("chr1", 0)], (), r"x\.bed: line 1: .*chrom, start"),
        ([], (), r"x\.bed: .*no interval"),
    ],
)
def test_bad_files_are_named_with_what_was_found_and_expected(tmp_path, rows, names, message):
    with pytest.raises(InputError, match=message):
        read_known_states(marks_of("A"), {"": bed(tmp_path / "x.bed", *rows)}, 3, names=names)


@pytest.mark.parametrize(
    ("cells", "given", "message"),
    [
        (("A", "B"), [""], r"\bA, B\b.* A=.*x\.bed"),
        (("A",), ["C"], r"x\.bed.*\bC\b.*\bA\b"),
        (("A",), ["A", ""], r"x\.bed.*cell type"),
    ],
)
def test_files_of_other_cell_types_are_refused(tmp_path, cells, given, message):
    path = bed(tmp_path / "x.bed", ("chr1", 0, 400, "a"))
    with pytest.raises(InputError, match=message):
        read_known_states(marks_of(*cells), dict.fromkeys(given, path), 3)


def test_the_end_of_a_chromosome_may_lie_in_the_bin_that_marks_leave_out(tmp_path):
    path = bed(tmp_path / "x.bed", ("chr1", 1800, 2199, "a"))
    assert read_known_states(marks_of("A"), {"": path}, 3).sequences[0].known.tolist() == [-1] * 9 + [0]


def test_states_that_are_known_on_held_out_chromosomes_alone_are_refused(tmp_path):
    path = bed(tmp_path / "x.bed", ("chr1", 0, 400, "Tss"), ("chr2", 0, 400, "Enh"))
    data = read_known_states(marks_of("A"), {"": path}, 3)
    training, _ = data.split(["chr2"])
    with pytest.raises(InputError, match=r"Enh\b.*held out"):
        known_names(data, training)


def test_an_algorithm_that_does_not_heed_known_states_is_refused(tmp_path):
    path = bed(tmp_path / "x.bed", ("chr1", 0, 400, "Tss"))
    data = read_known_states(marks_of("A"), {"": path}, 3)
    with pytest.raises(InputError, match=r"\bem\b.*\bgradient\b"):
        learn(data.sequences, LearningPlan(3, "em", "random"))


def test_a_known_state_whose_name_is_in_the_table_has_its_colour():
    emission = np.array([[0.002, 0.002, 0.001], [0.9, 0.02, 0.02], [0.02, 0.9, 0.02]])
    parameters = Float64Parameters(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), emission)
    states, order = named_states(parameters, ("H3K4me3", "H3K36me3", "H3K27me3"), {0: "TssA", 2: "Mine"})
    found = {number: states[place] for place, number in enumerate(order.tolist())}
    assert (found[0].name, found[0].color) == ("TssA", "255,0,0")
    assert found[0].description == "a known state; by its emissions Quies"
    # A name of one's own has the colour of what its emissions are like.
    assert (found[2].name, found[2].color) == ("Mine", "0,128,0")
