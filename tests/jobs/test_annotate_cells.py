"""Several cell types in one run equal one run for each; sources of marks that cannot be told apart are refused."""

import filecmp

import numpy as np
import pandas as pd
import pytest

import epizoo
from epizoo.errors import InputError
from epizoo.genome.marks import BinarizedChromosome, write_binarized
from epizoo.jobs.annotate_cells import annotate_cells
from epizoo.jobs.binarize import binarize
from epizoo.jobs.state_learning_data import read_learning_marks

MARKS = ("H3K4me3", "H3K27ac", "H3K36me3")


@pytest.fixture(scope="module")
def entry(random_zoo):
    return epizoo.load(random_zoo.folder / "chromatin_states/random")


def write_marks(folder, cells, seed=0, marks=MARKS, n_bins=(300, 170)):
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for cell in cells:
        for chrom, n in zip(("chr1", "chr2"), n_bins, strict=False):
            values = (rng.random((n, len(marks))) < 0.3).astype(np.uint8)
            write_binarized(folder / f"{cell}_{chrom}_binary.txt", BinarizedChromosome(cell, chrom, marks, values))
    return folder


def write_reads(path, seed, hot=0.4):
    rng = np.random.default_rng(seed)
    starts = np.where(rng.random(400) < hot, rng.normal(20_000, 900, 400), rng.integers(0, 39_000, 400)).astype(int)
    path.write_text("".join(f"chr1\t{at}\t{at + 36}\tr\t0\t{'+-'[at % 2]}\n" for at in starts))


def test_many_cells_are_one_run_for_each(entry, tmp_path):
    first, second = write_marks(tmp_path / "1", ("A", "B"), 0), write_marks(tmp_path / "2", ("C",), 1)
    options = {"hdf5": tmp_path / "bins", "posteriors": tmp_path / "posteriors", "chromhmm": tmp_path / "chromhmm"}
    found = annotate_cells(entry, tmp_path / "many", [first, second], cells=("C", "A"), **options)
    assert list(found) == ["C", "A"]
    for cell, folder in (("A", first), ("C", second)):
        alone = entry.annotate(folder, cell=cell, output=tmp_path / f"{cell}.bed")
        pd.testing.assert_frame_equal(found[cell].segments, alone.segments)
        assert filecmp.cmp(tmp_path / "many" / f"{cell}.bed", tmp_path / f"{cell}.bed", shallow=False)
        assert (tmp_path / "bins" / f"{cell}.h5").is_file()
        assert len(list((tmp_path / "posteriors" / cell).iterdir())) == entry.config.model.n_states
        assert len(list((tmp_path / "chromhmm").glob(f"{cell}_*_segments.bed"))) == 1
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["A.bed", "C.bed"]


def test_one_cell_is_one_file(entry, tmp_path):
    marks = write_marks(tmp_path / "marks", ("A", "B"))
    found = annotate_cells(entry, tmp_path / "a.bed", marks, cells=("A",))
    assert list(found) == ["A"]
    assert (tmp_path / "a.bed").is_file()


def test_reads_of_a_table_are_annotated_as_their_binarised_marks(entry, tmp_path):
    rows = []
    for seed, (cell, mark) in enumerate((cell, mark) for cell in "AB" for mark in MARKS):
        write_reads(tmp_path / f"{cell}{mark}.bed", seed)
        rows.append(f"{cell}\t{mark}\t{cell}{mark}.bed\tinput.bed\n")
    write_reads(tmp_path / "input.bed", 9, hot=0)
    (tmp_path / "table.txt").write_text("".join(rows))
    (tmp_path / "sizes.txt").write_text("chr1\t40000\n")
    binarize(tmp_path / "marks", tmp_path / "table.txt", chrom_sizes=tmp_path / "sizes.txt")
    by_folder = annotate_cells(entry, tmp_path / "1", tmp_path / "marks")
    by_table = annotate_cells(entry, tmp_path / "2", table=tmp_path / "table.txt", chrom_sizes=tmp_path / "sizes.txt")
    assert list(by_folder) == list(by_table) == ["A", "B"]
    for cell in "AB":
        pd.testing.assert_frame_equal(by_folder[cell].segments, by_table[cell].segments)
        assert by_folder[cell].log_likelihood == by_table[cell].log_likelihood
    learned = read_learning_marks(tmp_path / "marks")
    from_reads = read_learning_marks(table=tmp_path / "table.txt", chrom_sizes=tmp_path / "sizes.txt")
    assert set(learned.marks) == set(from_reads.marks)
    order = [learned.marks.index(mark) for mark in from_reads.marks]
    for one, other in zip(learned.sequences, from_reads.sequences, strict=True):
        assert (one.cell, one.chrom) == (other.cell, other.chrom)
        np.testing.assert_array_equal(one.marks.marks[one.marks.codes][:, order], other.marks.marks[other.marks.codes])


def test_peaks_are_annotated_as_their_binarised_marks(entry, tmp_path):
    paths = {mark: tmp_path / f"{mark}.narrowPeak" for mark in MARKS}
    for number, path in enumerate(paths.values()):
        path.write_text("".join(f"chr1\t{at}\t{at + 450}\t.\t0\t.\n" for at in range(500 * number, 30_000, 3_000)))
    (tmp_path / "sizes.txt").write_text("chr1\t40000\n")
    binarize(tmp_path / "marks", marks=paths, chrom_sizes=tmp_path / "sizes.txt", peaks=True)
    expected = entry.annotate(tmp_path / "marks").segments
    found = entry.annotate(marks=paths, chrom_sizes=tmp_path / "sizes.txt", peaks=True).segments
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(InputError, match=r"narrowPeak: holds peaks .*--peaks"):
        entry.annotate(marks=paths, chrom_sizes=tmp_path / "sizes.txt")


def test_several_cells_for_one_file_are_refused(entry, tmp_path):
    marks = write_marks(tmp_path / "marks", ("A", "B"))
    with pytest.raises(InputError, match=r"x\.bed: is one file.*A, B.*--cell"):
        annotate_cells(entry, tmp_path / "x.bed", marks)
    assert not (tmp_path / "x.bed").exists()


def test_a_name_of_a_cell_leads_out_of_no_folder(entry, tmp_path):
    marks = write_marks(tmp_path / "marks", ("A",))
    values = np.zeros((300, len(MARKS)), np.uint8)
    write_binarized(marks / "B_chr1_binary.txt", BinarizedChromosome("../evil", "chr1", MARKS, values))
    for options in ({}, {"hdf5": tmp_path / "bins"}, {"posteriors": tmp_path / "posteriors"}):
        with pytest.raises(InputError, match=r"'\.\./evil.*': cannot be a file's name"):
            annotate_cells(entry, tmp_path / "states", marks, **options)
    assert list(tmp_path.iterdir()) == [marks]


def test_a_cell_of_two_folders_or_of_none_is_refused(entry, tmp_path):
    first, second = write_marks(tmp_path / "1", ("A",)), write_marks(tmp_path / "2", ("A",))
    with pytest.raises(InputError, match="holds cell type A, as does"):
        annotate_cells(entry, tmp_path / "out", [first, second])
    with pytest.raises(InputError, match="no cell type B; it holds A"):
        annotate_cells(entry, tmp_path / "out", first, cells=("B",))
    with pytest.raises(InputError, match=r"binarized, table, marks: .*expected one of them"):
        annotate_cells(entry, tmp_path / "out")
    with pytest.raises(InputError, match=r"as does .*A_chr1"):
        read_learning_marks([first, second])
    with pytest.raises(InputError, match="no cell type B; it holds A"):
        read_learning_marks([first], cell=["A", "B"])


def test_marks_that_are_all_missing_are_refused(entry, tmp_path):
    folder = tmp_path / "marks"
    folder.mkdir()
    values = np.full((50, 3), 2, np.uint8)
    write_binarized(folder / "A_chr1_binary.txt", BinarizedChromosome("A", "chr1", MARKS, values))
    with pytest.raises(InputError, match=r"marks: A has all marks missing"):
        entry.annotate(folder)


def test_cells_of_several_folders_are_learned_from_together(tmp_path):
    first, second = write_marks(tmp_path / "1", ("A", "B"), 0), write_marks(tmp_path / "2", ("C",), 1)
    found = read_learning_marks([first, second], cell=["C", "B"])
    assert sorted({one.cell for one in found.sequences}) == ["B", "C"]
    assert len(found.sequences) == 4


def test_stacked_marks_have_a_column_for_each_mark_of_each_cell(tmp_path):
    folders = [write_marks(tmp_path / cell, (cell,), seed) for seed, cell in enumerate("AB")]
    apart, stacked = read_learning_marks(folders), read_learning_marks(folders, stack=True)
    assert stacked.marks == tuple(f"{cell}_{mark}" for cell in "AB" for mark in apart.marks)
    assert [(one.cell, one.chrom) for one in stacked.sequences] == [("genome", "chr1"), ("genome", "chr2")]
    for one in stacked.sequences:
        columns = [x.marks.marks[x.marks.codes] for x in apart.sequences if x.chrom == one.chrom]
        np.testing.assert_array_equal(one.marks.marks[one.marks.codes], np.concatenate(columns, axis=1))
    other = write_marks(tmp_path / "C", ("C",), n_bins=(299, 170))
    with pytest.raises(InputError, match=r"chr1 has different numbers of bins, 300 of A, 299 of C"):
        read_learning_marks([folders[0], other], stack=True)


@pytest.fixture(scope="module")
def stacked_entry(tmp_path_factory):
    """An entry learned from the marks of A and B side by side."""
    folder = tmp_path_factory.mktemp("stacked")
    marks = write_marks(folder / "marks", ("A", "B"))
    return epizoo.learn_states(3, "stacked", folder / "zoo", binarized=marks, stack=True, max_iterations=3)


def written_side_by_side(folders, folder):
    """One folder of what the model sees, the columns joined line by line."""
    folder.mkdir()
    for chrom in ("chr1", "chr2"):
        lines = [(one / f"{cell}_{chrom}_binary.txt").read_text().splitlines() for cell, one in folders.items()]
        names = [f"{cell}_{mark}" for cell, of in zip(folders, lines, strict=True) for mark in of[1].split("\t")]
        rows = ["\t".join(row) for row in zip(*(of[2:] for of in lines), strict=True)]
        text = "\n".join([f"genome\t{chrom}", "\t".join(names), *rows, ""])
        (folder / f"genome_{chrom}_binary.txt").write_text(text)
    return folder


def test_a_stacked_model_sees_the_marks_of_each_cell_side_by_side(stacked_entry, tmp_path):
    # The order of cells and marks is another one than the model's, and C is no part of it.
    first = write_marks(tmp_path / "1", ("B", "C"), 7, tuple(reversed(MARKS)))
    second = write_marks(tmp_path / "2", ("A",), 8)
    joined = written_side_by_side({"B": first, "A": second}, tmp_path / "joined")
    expected = stacked_entry.annotate(joined, output=tmp_path / "one.bed")
    found = annotate_cells(stacked_entry, tmp_path / "many.bed", [first, second], stack=True)
    assert list(found) == ["genome"]
    assert found["genome"].log_likelihood == expected.log_likelihood
    assert filecmp.cmp(tmp_path / "one.bed", tmp_path / "many.bed", shallow=False)
    assert {path.name.partition("_")[0] for path in found["genome"].sources} == {"A", "B"}
    regions = pd.DataFrame({"chrom": ["chr2"], "start": [400], "end": [4_000]})
    in_regions = stacked_entry.annotate([first, second], stack=True, regions=regions)
    pd.testing.assert_frame_equal(in_regions.segments, stacked_entry.annotate(joined, regions=regions).segments)


def test_reads_of_a_stacked_model_are_annotated_as_their_binarised_marks(stacked_entry, tmp_path):
    rows = []
    for seed, (cell, mark) in enumerate((cell, mark) for cell in "CBA" for mark in MARKS):
        write_reads(tmp_path / f"{cell}{mark}.bed", seed)
        rows.append(f"{cell}\t{mark}\t{cell}{mark}.bed\n")
    (tmp_path / "table.txt").write_text("".join(rows))
    (tmp_path / "sizes.txt").write_text("chr1\t40000\n")
    binarize(tmp_path / "marks", tmp_path / "table.txt", chrom_sizes=tmp_path / "sizes.txt", stack=True)
    given = {"table": tmp_path / "table.txt", "chrom_sizes": tmp_path / "sizes.txt"}
    found = annotate_cells(stacked_entry, tmp_path / "a.bed", stack=True, chromhmm=tmp_path / "out", **given)
    expected = stacked_entry.annotate(tmp_path / "marks")
    pd.testing.assert_frame_equal(found["genome"].segments, expected.segments)
    assert (tmp_path / "out" / "genome_3_segments.bed").is_file()


def test_a_stacked_model_refuses_what_it_cannot_see(stacked_entry, tmp_path):
    folder, output = write_marks(tmp_path / "1", ("A",)), tmp_path / "a.bed"
    with pytest.raises(InputError, match=r"1: has no mark B_H3K4me3, B_H3K27ac, B_H3K36me3; found A_H3K4me3.*--allow"):
        annotate_cells(stacked_entry, output, folder, stack=True)
    found = annotate_cells(stacked_entry, output, folder, stack=True, allow_missing=True)
    assert found["genome"].missing_marks == {f"B_{mark}": 1.0 for mark in MARKS}
    with pytest.raises(InputError, match="cell: A given, but a stacked model"):
        annotate_cells(stacked_entry, output, folder, stack=True, cells=("A",))
    with pytest.raises(InputError, match="name these CELL_MARK and leave --stack out"):
        annotate_cells(stacked_entry, output, stack=True, marks={"A_H3K4me3": folder / "no.bw"})
    other = write_marks(tmp_path / "2", ("B",), n_bins=(299, 170))
    with pytest.raises(InputError, match=r"chr1 has different numbers of bins, 300 of A, 299 of B"):
        annotate_cells(stacked_entry, output, [folder, other], stack=True)
    lacking = write_marks(tmp_path / "4", ("B",))
    (lacking / "B_chr2_binary.txt").unlink()
    with pytest.raises(InputError, match=r"has no chr2 of cell type B, which A has.*--allow-missing"):
        annotate_cells(stacked_entry, output, [folder, lacking], stack=True)
    assert annotate_cells(stacked_entry, output, [folder, lacking], stack=True, allow_missing=True)
    with pytest.raises(InputError, match=r"A_chr1.*: holds cell type A, as does"):
        annotate_cells(stacked_entry, output, [folder, write_marks(tmp_path / "3", ("A",))], stack=True)
    (tmp_path / "reads.bed").write_text("chr1\t1\t40\tr\t0\t+\n")
    (tmp_path / "table.txt").write_text("A\tCTCF\treads.bed\n")
    with pytest.raises(InputError, match=r"table.txt: has no mark of .*stacked, which expects A_H3K4me3"):
        annotate_cells(stacked_entry, output, table=tmp_path / "table.txt", stack=True)
