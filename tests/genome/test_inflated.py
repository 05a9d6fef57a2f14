"""Files that hold far more than their size says are refused in one sentence, and what is read stays in bounds."""

import gzip
import resource

import pytest

from epizoo.calling.peak_reader import read_peaks
from epizoo.errors import InputError
from epizoo.genome import inflated
from epizoo.genome.inflated import open_inflated, read_inflated
from epizoo.genome.intervals import read_bed, read_lines
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up
from epizoo.genome.reads.read_rows import read_rows

SIZES = {"chr1": 1_000}
READERS = {
    "intervals": read_bed,
    "peaks": read_peaks,
    "lines": lambda path: list(read_lines(path)),
    "rows": lambda path: list(read_rows(path)),
    "reads": lambda path: pile_up([path], PileUpConfig(), chrom_sizes=SIZES),
}


def write_bomb(path, unit, n_bytes):
    """A gzipped file of one text again and again, in members that are alike."""
    member = gzip.compress(unit * ((1 << 24) // len(unit)), 9)
    path.write_bytes(member * (n_bytes >> 24))
    return path


@pytest.mark.parametrize("letter", [b"A", b"\0"])
@pytest.mark.parametrize("name", READERS)
def test_a_line_without_an_end_is_refused_in_bounded_memory(tmp_path, name, letter):
    path = write_bomb(tmp_path / "bomb.bed.gz", letter, 1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"bomb\.bed\.gz: a line of more than 16 MiB found"):
        READERS[name](path)
    # In KiB, on macOS in bytes.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 20


@pytest.mark.parametrize("name", ["intervals", "peaks"])
def test_a_table_of_too_many_rows_is_refused(tmp_path, name, monkeypatch):
    path = write_bomb(tmp_path / "bomb.bed.gz", b"chr1\t100\t200\tname\t0\t+\n", 1 << 24)
    for limit in ("epizoo.genome.inflated.MOST_TABLE_BYTES", "epizoo.calling.peak_reader.MOST_ROWS_BYTES"):
        monkeypatch.setattr(limit, 1 << 20)
    with pytest.raises(InputError, match=r"bomb\.bed\.gz: more than 1 MiB of text found"):
        READERS[name](path)


def test_plain_and_gzipped_files_hold_the_same_bytes(tmp_path):
    content = b"chr1\t1\t2\n" * 300_000 + b"last line without an end"
    (tmp_path / "x.bed").write_bytes(content)
    (tmp_path / "x.bed.gz").write_bytes(gzip.compress(content))
    for name in ("x.bed", "x.bed.gz"):
        assert read_inflated(tmp_path / name) == content
        with open_inflated(tmp_path / name) as file:
            assert b"".join(file) == content
    assert len(content) < inflated.LONGEST_LINE_BYTES
