import gzip
import re

import numpy as np
import pytest

from epizoo.errors import InputError
from epizoo.genome.marks import (
    BinarizedChromosome,
    arrange_marks,
    decode,
    find_binarized,
    find_one_cell,
    read_binarized,
    read_binarized_header,
    read_chromosomes,
    write_binarized,
)


def random_marks(n_bins=101, marks=("CTCF", "H3K4me3", "WCE"), seed=0, cell="K562", chrom="chr7"):
    values = np.random.default_rng(seed).integers(0, 3, (n_bins, len(marks))).astype(np.uint8)
    return BinarizedChromosome(cell, chrom, marks, values)


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
def test_values_of_any_kind_and_order_are_written_alike(tmp_path, suffix):
    expected = random_marks()
    for name, values in {
        "plain": expected.values,
        "wide": expected.values.astype(np.int64),
        "turned": np.asfortranarray(expected.values),
    }.items():
        write_binarized(tmp_path / f"{name}_binary{suffix}", expected._replace(values=values))
        assert (tmp_path / f"{name}_binary{suffix}").read_bytes() == (tmp_path / f"plain_binary{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
@pytest.mark.parametrize("marks", [("one",), ("CTCF", "H3K4me3", "WCE")])
def test_text_comes_back_as_it_went(tmp_path, suffix, marks):
    path = tmp_path / f"K562_chr7_binary{suffix}"
    written = random_marks(marks=marks)
    write_binarized(path, written)
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if suffix.endswith("gz") else raw).decode()
    rows = ["\t".join(map(str, row)) for row in written.values.tolist()]
    assert text == "\n".join(["K562\tchr7", "\t".join(marks), *rows]) + "\n"
    found = read_binarized(path)
    assert found[:3] == written[:3]
    np.testing.assert_array_equal(found.values, written.values)
    assert read_binarized_header(path)[1:] == written[:3]


@pytest.mark.parametrize("text", ["c\tchr1\na\tb\n0\t1\n2\t0", "c\tchr1\r\na\tb\r\n0\t1\r\n2\t0\r\n"])
def test_other_line_ends_are_read(tmp_path, text):
    path = tmp_path / "c_chr1_binary.txt"
    path.write_bytes(text.encode())
    found = read_binarized(path)
    assert found.marks == ("a", "b")
    assert found.values.tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1 .*cell and chromosome"),
        ("chr1\t0\t5\tx\nchr1\t7\t9\ty\n", "line 1 .*cell and chromosome"),
        ("c\tchr1\na\tb\n", "no bin"),
        ("c\tchr1\na\ta\n0\t0\n", "line 2 .*once"),
        ("c\tchr1\na\tb\n0\t1\n0\n", r"line 4 .*\b1 columns.*\b2\b"),
        ("c\tchr1\na\tb\n0\t1\n0\t", "line 4 .*''.*0, 1 or 2"),
        ("c\tchr1\na\tb\n0\t1\n0\t1\t1\n", r"line 4 .*\b3 columns.*\b2\b"),
        ("c\tchr1\na\tb\n0\t1\n0\t3\n", "line 4 .*'3'.*0, 1 or 2"),
        ("c\tchr1\na\tb\n0\t1\n0\t12\n", "line 4 .*'12'"),
        ("c\tchr1\na\tb\n0 1\n0\t1\n", r"line 3 .*\b1 columns"),
        # As long as good lines are, with a separator of the other kind, and with neighbours of the digits.
        ("c\tchr1\na\tb\n0\t1\t0\t1\n", r"line 3 .*\b4 columns"),
        ("c\tchr1\na\tb\n0\n1\n0\t1\n", r"line 3 .*\b1 columns"),
        ("c\tchr1\na\tb\n0\t1\n/\t1\n", "line 4 .*'/'"),
        ("c\tchr1\na\tb\n0\t1\n0\t:\n", "line 4 .*':'"),
    ],
)
def test_bad_text_is_refused_by_line(tmp_path, text, sentence):
    path = tmp_path / "c_chr1_binary.txt"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_binarized(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert re.search(sentence, str(caught.value))


def test_a_cut_gzip_and_a_missing_file_are_refused(tmp_path):
    path = tmp_path / "c_chr1_binary.txt.gz"
    write_binarized(path, random_marks())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="damaged"):
        read_binarized(path)
    with pytest.raises(InputError, match="no such file"):
        read_binarized(tmp_path / "none.txt")


def test_values_that_are_no_marks_are_not_written(tmp_path):
    bad = random_marks()._replace(values=np.full((3, 3), 7, np.uint8))
    with pytest.raises(InputError, match=r"0, 1 or 2 .*\b3 columns"):
        write_binarized(tmp_path / "x_binary.txt", bad)
    assert not list(tmp_path.iterdir())


def test_files_are_found_by_cell_and_chromosome(tmp_path):
    for cell, chrom in (("K562", "chr2"), ("K562", "chr10"), ("GM12878", "chr2")):
        write_binarized(tmp_path / f"{cell}_{chrom}_binary.txt.gz", random_marks(cell=cell, chrom=chrom))
    (tmp_path / "notes.txt").write_text("not marks")
    assert [(file.cell, file.chrom) for file in find_binarized(tmp_path)] == [
        ("GM12878", "chr2"), ("K562", "chr10"), ("K562", "chr2"),
    ]  # fmt: skip
    assert {file.chrom for file in find_binarized(tmp_path, cell="GM12878")} == {"chr2"}
    with pytest.raises(InputError, match=r"HeLa.*GM12878, K562"):
        find_binarized(tmp_path, cell="HeLa")
    write_binarized(tmp_path / "again_binary.txt", random_marks(cell="K562", chrom="chr2"))
    with pytest.raises(InputError, match=r"\bchr2\b.*\bK562\b"):
        find_binarized(tmp_path)


def test_folders_without_marks_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no binari[sz]ed marks"):
        find_binarized(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_binarized(tmp_path / "none")


def test_columns_are_found_by_name_in_any_order():
    marks = random_marks()
    found = arrange_marks(marks.values, marks.marks, ("WCE", "CTCF"), "x")
    np.testing.assert_array_equal(found, marks.values[:, [2, 0]])


def test_an_absent_mark_is_refused_unless_allowed():
    marks = random_marks()
    with pytest.raises(InputError, match=r"x: .*H3K9me3.*CTCF, H3K4me3, WCE"):
        arrange_marks(marks.values, marks.marks, ("CTCF", "H3K9me3"), "x")
    found = arrange_marks(marks.values, marks.marks, ("CTCF", "H3K9me3"), "x", allow_missing=True)
    np.testing.assert_array_equal(found[:, 0], marks.values[:, 0])
    assert (found[:, 1] == 2).all()
    with pytest.raises(InputError, match=r"\bA, B\b"):
        arrange_marks(marks.values, marks.marks, ("A", "B"), "x", allow_missing=True)


@pytest.mark.parametrize("n_marks", [1, 9, 16])
def test_codes_are_binary_numbers_with_the_first_mark_highest(n_marks):
    codes = np.random.default_rng(2).integers(0, 1 << n_marks, 500).astype(np.uint16)
    expected = [[int(bit) for bit in f"{code:0{n_marks}b}"] for code in codes.tolist()]
    assert decode(codes, n_marks).tolist() == expected


@pytest.mark.data
def test_chromhmms_own_sample_is_read(data_dir):
    found = read_binarized(data_dir / "states/sample_hg18/GM12878_chr11_binary.txt.gz")
    assert (found.cell, found.chrom, len(found.marks), len(found.values)) == ("GM12878", "chr11", 10, 672_261)
    with gzip.open(data_dir / "states/sample_hg18/GM12878_chr11_binary.txt.gz", "rt") as text:
        lines = text.read().splitlines()[2:]
    rows = [0, 60_000, 672_260]
    assert found.values[rows].tolist() == [[int(field) for field in lines[row].split("\t")] for row in rows]
    assert found.values.sum() == sum(line.count("1") for line in lines)


def test_a_damaged_gzipped_file_is_refused(tmp_path):
    path = tmp_path / "c_chr1_binary.txt.gz"
    values = np.random.default_rng(0).integers(0, 2, (5000, 3)).astype(np.uint8)
    write_binarized(path, BinarizedChromosome("c", "chr1", ("a", "b", "d"), values))
    damaged = bytearray(path.read_bytes())
    # A block of type 3, which deflate does not have.
    damaged[10] = 0xFF
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="damaged"):
        read_binarized(path)


def test_of_several_bad_files_the_first_is_named(tmp_path):
    for number in range(1, 8):
        last_line = {5: "0\t7\n", 6: "0\n"}.get(number, "0\t1\n")
        (tmp_path / f"c_chr{number}_binary.txt").write_text(f"c\tchr{number}\na\tb\n0\t1\n{last_line}")
    with pytest.raises(InputError, match=r"c_chr5_binary\.txt: line 4 .*'7'"):
        read_chromosomes(find_one_cell(tmp_path), ("a", "b"))


def test_files_read_side_by_side_keep_their_chromosomes_and_order(tmp_path):
    written = [random_marks(n_bins=11 * number, seed=number, chrom=f"chr{number}") for number in range(1, 10)]
    for one in written:
        write_binarized(tmp_path / f"K562_{one.chrom}_binary.txt.gz", one)
    found = read_chromosomes(find_one_cell(tmp_path), written[0].marks[::-1])
    assert list(found) == [one.chrom for one in written]
    for one in written:
        np.testing.assert_array_equal(found[one.chrom], one.values[:, ::-1])


def test_all_headers_are_checked_before_the_first_body_is_read(tmp_path):
    (tmp_path / "c_chr1_binary.txt").write_text("c\tchr1\na\tb\n0\tnot a bin\n")
    (tmp_path / "c_chr2_binary.txt").write_text("c\tchr2\na\n0\n")
    with pytest.raises(InputError, match=r"c_chr2_binary\.txt: .*mark b\b"):
        read_chromosomes(find_one_cell(tmp_path), ("a", "b"))
