"""Mates and orphans of BAM, SAM and CRAM: outer ends, both qualities, and pairs as single reads."""

import random
import struct

import numpy as np
import pysam
import pytest
from read_writers import SIZES, random_reads, write_bam, write_paired_bam

from epizoo.errors import InputError
from epizoo.genome.reads.bam_records import bam_chrom_sizes
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up


def write_mates(path, mates, sort=False):
    """Mates (name, flag, start, cigar, quality, start of the other, length of the template) on chr1."""
    header = {"SQ": [{"SN": chrom, "LN": size} for chrom, size in SIZES.items()]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for name, flag, start, cigar, quality, other, length in mates:
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.flag, read.reference_id, read.reference_start = name, flag, 0, start
            read.cigarstring, read.mapping_quality = cigar, quality
            read.next_reference_id, read.next_reference_start, read.template_length = 0, other, length
            read.query_sequence = "A" * read.infer_query_length()
            file.write(read)
    return path


def spans(coverage):
    return sorted(zip(coverage._starts["chr1"].tolist(), coverage._ends["chr1"].tolist(), strict=True))


FORWARD_FIRST, REVERSE_SECOND = 1 | 2 | 32 | 64, 1 | 2 | 16 | 128


@pytest.mark.parametrize("seed", range(4))
def test_mates_span_their_outer_ends_however_they_lie(tmp_path, seed):
    # Template lengths are from 5' end to 5' end, as older aligners write them, whatever lies outside.
    rng = np.random.default_rng(seed)
    mates, expected = [], []
    for number in range(50):
        forward, reverse = (1_000 + 300 * number + int(shift) for shift in rng.integers(0, 40, 2))
        n_forward, n_reverse = map(int, rng.integers(20, 60, 2))
        expected.append((min(forward, reverse), max(forward + n_forward, reverse + n_reverse)))
        length = reverse + n_reverse - forward
        if length > 0 and forward != reverse:
            mates.append((f"p{number}", FORWARD_FIRST, forward, f"{n_forward}M", 60, reverse, length))
            mates.append((f"p{number}", REVERSE_SECOND, reverse, f"{n_reverse}M", 60, forward, -length))
        else:
            expected.pop()
    random.Random(seed).shuffle(mates)
    coverage = pile_up(write_mates(tmp_path / "x.bam", mates), PileUpConfig(keep_duplicates="all"))
    assert spans(coverage) == sorted(expected)


def test_a_pair_needs_both_of_its_mates_qualities(tmp_path):
    mates = []
    for number, (left, right) in enumerate([(0, 60), (60, 0), (60, 60), (30, 29), (30, 30)]):
        start = 1_000 * (number + 1)
        mates.append((f"p{number}", FORWARD_FIRST, start, "50M", left, start + 150, 200))
        mates.append((f"p{number}", REVERSE_SECOND, start + 150, "50M", right, start, -200))
    path = write_mates(tmp_path / "x.bam", mates)
    coverage = pile_up(path, PileUpConfig(min_mapping_quality=30))
    assert spans(coverage) == [(3_000, 3_200), (5_000, 5_200)]
    assert sum(coverage.tally.left_out.values()) == 3
    alone = write_mates(tmp_path / "y.bam", mates[::2])
    assert spans(pile_up(alone, PileUpConfig(min_mapping_quality=30))) == [
        (start, start + 200) for start in (2_000, 3_000, 4_000, 5_000)
    ]


def test_orphans_are_single_reads_when_asked(tmp_path):
    reads = random_reads(3, n=300)
    orphans = write_bam(tmp_path / "orphans.bam", reads, flags=1 | 8 | 64, mark=range(len(reads)))
    with pytest.raises(InputError, match="as-single"):
        pile_up(orphans)
    single = pile_up(write_bam(tmp_path / "single.bam", reads))
    asked = pile_up(orphans, PileUpConfig(pairs="as-single"))
    for chrom, size in SIZES.items():
        np.testing.assert_array_equal(asked.values(chrom, 0, size), single.values(chrom, 0, size))


def test_one_mate_of_a_pair_counts_as_single_and_both_of_its_cuts(tmp_path):
    pairs = [("chr1", 100 * i, 100 * i + 160, i % 2 == 0) for i in range(50)]
    path = write_paired_bam(tmp_path / "x.bam", pairs)
    assert pile_up(path, PileUpConfig(pairs="as-single")).n_fragments == 50
    assert pile_up(path, PileUpConfig(pairs="as-single", atac=True)).n_fragments == 100
    assert pile_up(path).tally.left_out == {"in no proper pair (--pairs as-single uses them)": 50}


@pytest.mark.parametrize("with_reference", [False, True])
def test_cram_is_read_as_the_bam_that_it_was(tmp_path, with_reference):
    fasta = tmp_path / "genome.fa"
    fasta.write_text("".join(f">{chrom}\n{'A' * size}\n" for chrom, size in SIZES.items()))
    bam, cram = write_bam(tmp_path / "x.bam", sorted(random_reads(5))), tmp_path / "x.cram"
    with (
        pysam.AlignmentFile(str(bam)) as reads,
        pysam.AlignmentFile(str(cram), "wc", template=reads, reference_filename=str(fasta)) as file,
    ):
        for read in reads:
            file.write(read)
    if not with_reference:
        fasta.rename(tmp_path / "elsewhere.fa")
    found = pile_up(cram, PileUpConfig(reference=fasta if with_reference else None))
    expected = pile_up(bam)
    for chrom, size in SIZES.items():
        np.testing.assert_array_equal(found.values(chrom, 0, size), expected.values(chrom, 0, size))


def test_a_damaged_bam_gives_its_coverage_or_one_sentence(tmp_path):
    content = write_bam(tmp_path / "x.bam", sorted(random_reads(6))).read_bytes()
    rng = np.random.default_rng(0)
    sentences = []
    for _ in range(40):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = int(rng.integers(256))
        (tmp_path / "y.bam").write_bytes(damaged)
        try:
            pile_up(tmp_path / "y.bam")
        except InputError as error:
            sentences.append(str(error))
    assert len(sentences) > 30
    assert all("y.bam" in sentence and "\n" not in sentence for sentence in sentences)


@pytest.mark.parametrize("read", [lambda path: pile_up([path], PileUpConfig()), bam_chrom_sizes])
def test_a_chromosome_without_length_is_named(tmp_path, read):
    text, name = b"@SQ\tSN:chr1\tLN:0\n", b"chr1\0"
    content = b"BAM\1" + struct.pack("<i", len(text)) + text + struct.pack("<ii", 1, len(name)) + name + bytes(4)
    with pysam.BGZFile(str(tmp_path / "x.bam"), "wb") as file:
        file.write(content)
    with pytest.raises(InputError, match=r"x\.bam.* 0 bp"):
        read(tmp_path / "x.bam")


def test_a_block_that_says_it_is_shorter_than_its_header_is_damage(tmp_path):
    write_bam(tmp_path / "x.bam", random_reads(0, n=20))
    content = bytearray((tmp_path / "x.bam").read_bytes())
    content[16:18] = struct.pack("<H", 3)
    (tmp_path / "x.bam").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.bam.*damaged"):
        bam_chrom_sizes(tmp_path / "x.bam")


def write_reads_of(path, numbers):
    """A BAM of one chromosome with an unpaired read of 10 bp for each number of a chromosome."""
    text, name = b"@SQ\tSN:chr1\tLN:1000\n", b"chr1\0"
    content = b"BAM\1" + struct.pack("<i", len(text)) + text + struct.pack("<ii", 1, len(name)) + name
    content += struct.pack("<i", 1000)
    for number in numbers:
        # Number, position, name's length, quality, bin, operations, flag, bases, and the mate's.
        fields = struct.pack("<iiBBHHHiiii", number, 100, 2, 60, 4681, 1, 0, 10, -1, -1, 0)
        record = fields + b"r\0" + struct.pack("<I", 10 << 4) + bytes(5) + bytes([30] * 10)
        content += struct.pack("<i", len(record)) + record
    with pysam.BGZFile(str(path), "wb") as file:
        file.write(content)
    return path


@pytest.mark.parametrize("number", [1, 2, -2])
def test_a_read_of_a_chromosome_that_the_header_lacks_is_damage(tmp_path, number):
    with pytest.raises(InputError, match=r"x\.bam.*damaged"):
        pile_up(write_reads_of(tmp_path / "x.bam", [number]))


def test_reads_of_no_chromosome_are_left_out(tmp_path):
    assert pile_up(write_reads_of(tmp_path / "x.bam", [0, -1, -1])).n_fragments == 1
