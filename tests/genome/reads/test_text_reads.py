"""Fragments are known by their rows, and lines that are none are skipped wherever they stand."""

import gzip

import numpy as np
import pytest
from read_writers import SIZES, random_reads, write_bed, write_text

from epizoo.errors import InputError
from epizoo.genome.reads import text_rows
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up

COMMENTS = ["# id=s1", "#", "# reference_path=/x y"]


def fragment_lines(n=500, seed=0):
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.integers(0, 20_000, n)).tolist()
    return [f"chr1\t{start}\t{start + 80 + start % 90}\tsample#{'ACGT'[start % 4] * 16}-1\t2" for start in starts]


@pytest.mark.parametrize("name", ["Tcell.tsv", "Tcell.tsv.gz", "Tcell.bed.gz", "x.tsv.bgz", "x.bedpe", "fragments.tsv"])
def test_fragments_of_cells_are_known_by_their_rows(tmp_path, name):
    lines = fragment_lines()
    text = "\n".join([*COMMENTS, *lines[:100], *COMMENTS, *lines[100:]]) + "\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    values = np.zeros(SIZES["chr1"])
    for line in lines:
        start, end = map(int, line.split("\t")[1:3])
        values[start:end] += 1
    coverage = pile_up(path, chrom_sizes=SIZES)
    assert coverage.n_fragments == len(lines)
    np.testing.assert_array_equal(coverage.values("chr1", 0, SIZES["chr1"]), values)


def test_a_header_and_windows_line_ends_change_nothing(tmp_path):
    lines = fragment_lines(50)
    plain = write_text(tmp_path / "plain.tsv", "\n".join(lines) + "\n")
    other = tmp_path / "other.tsv"
    other.write_bytes("\r\n".join(["chrom\tstart\tend\tbarcode\treadCount", *lines, ""]).encode())
    first, second = (pile_up(path, chrom_sizes=SIZES).values("chr1", 0, 30_000) for path in (plain, other))
    np.testing.assert_array_equal(first, second)


def test_five_columns_without_a_barcode_are_no_fragments(tmp_path):
    with pytest.raises(InputError, match=r"line 1 .*strand.*\.bedpe"):
        pile_up(write_text(tmp_path / "x.bed", "chr1\t5\t90\tread/1\t60\n"), chrom_sizes=SIZES)


@pytest.mark.parametrize("block_bytes", [7, 64, 1 << 20])
def test_lines_between_rows_are_skipped_wherever_they_stand(tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(text_rows, "_BLOCK_BYTES", block_bytes)
    plain = write_bed(tmp_path / "x.bed", random_reads(1, n=200))
    rows = plain.read_text().splitlines()
    between = ["track name=x", "# a comment", ".\t-1\t-1\tn\t0\t.", "browser position chr1:1-9", ""]
    mixed = [line for number, row in enumerate(rows) for line in (between[number % 5], row)]
    other = write_text(tmp_path / "y.bed", "\n".join(mixed))
    first, second = (pile_up(path, chrom_sizes=SIZES) for path in (plain, other))
    for chrom, size in SIZES.items():
        np.testing.assert_array_equal(first.values(chrom, 0, size), second.values(chrom, 0, size))


def test_pairs_that_are_no_fragment_are_counted(tmp_path):
    rows = ["chr1\t10\t50\tchr1\t100\t140\ta\t60\t+\t-"] * 3
    rows += ["chr1\t10\t50\tchr2\t100\t140\tb\t60\t+\t-"] * 2
    rows += ["chr1\t10\t50\t.\t-1\t-1\tc\t60\t+\t."]
    (tmp_path / "x.bedpe").write_text("\n".join(rows) + "\n")
    coverage = pile_up(
        [tmp_path / "x.bedpe"], PileUpConfig(keep_duplicates="all"), chrom_sizes={"chr1": 1_000, "chr2": 500}
    )
    assert coverage.n_fragments == 3
    left_out = coverage.tally.left_out
    assert left_out == {"of pairs on two chromosomes": 2, "of pairs of which a mate has no place": 1}


@pytest.mark.parametrize("good", ["chr1\t0\t80", f"chr1\t7\t{2**32 - 1}"])
def test_the_first_row_that_is_no_fragment_is_named(tmp_path, good):
    path = write_text(tmp_path / "x.bedpe", f"{good}\nchr1\t90\t80\n")
    with pytest.raises(InputError, match=r"x\.bedpe: line 2 is no fragment"):
        pile_up(path, chrom_sizes={"chr1": 2**32 - 1})


@pytest.mark.parametrize("read", [(960, 1_010, "-"), (1_005, 1_055, "+")])
def test_one_read_that_begins_past_the_end_of_its_chromosome_is_refused(tmp_path, read):
    rows = [(0, 50, read[2]), (100, 150, read[2]), read]
    path = write_text(tmp_path / "x.bed", "".join(f"chr1\t{a}\t{b}\tr\t0\t{strand}\n" for a, b, strand in rows))
    with pytest.raises(InputError, match=r"x\.bed: a read on chr1 ends at 1,0\d\d, past the end"):
        pile_up(path, chrom_sizes={"chr1": 1_000})
