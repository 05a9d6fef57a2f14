"""Reads piled up, against one read at a time, against pysam's own pile-up and against MACS3's figures."""

import gzip

import numpy as np
import pysam
import pytest
from read_writers import SIZES, random_reads, write_bam, write_bed, write_paired_bam, write_text

from epizoo.errors import InputError
from epizoo.genome.bigwig.writer import write_track
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import ReadCoverage, pile_up
from epizoo.genome.signal import BigWig, SignalTrack


def one_at_a_time(spans):
    """Coverage per bp of (chrom, start, end)."""
    values = {chrom: np.zeros(size, np.int64) for chrom, size in SIZES.items()}
    for chrom, start, end in spans:
        values[chrom][max(start, 0) : max(end, 0)] += 1
    return values


def extended(reads, width):
    return [
        (chrom, start, start + width) if strand == "+" else (chrom, end - width, end)
        for chrom, start, end, strand in reads
    ]


def cut_sites(reads, width):
    cuts = [(chrom, start + 4 if strand == "+" else end - 5) for chrom, start, end, strand in reads]
    return [(chrom, cut - width // 2, cut - width // 2 + width) for chrom, cut in cuts]


def assert_piled_up(coverage, expected):
    assert dict(coverage.chrom_sizes) == SIZES
    for chrom, size in SIZES.items():
        np.testing.assert_array_equal(coverage.values(chrom, 0, size), expected[chrom])
        np.testing.assert_array_equal(coverage.values(chrom, 31, size - 7), expected[chrom][31:-7])
        for bin_bp in (1, 50, 200):
            edges = np.arange(0, size, bin_bp)
            means = np.add.reduceat(expected[chrom], edges) / np.diff(np.append(edges, size))
            np.testing.assert_allclose(coverage.binned(chrom, 0, len(edges), bin_bp), means, rtol=1e-6, atol=1e-7)
            padded = np.pad(means, (3, 2))
            np.testing.assert_allclose(coverage.binned(chrom, -3, len(edges) + 2, bin_bp), padded, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["x.bed", "x.bed.gz", "x.tagAlign.gz", "x.bam", "x.sam"])
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("width", [200, 36])
def test_single_reads_pile_up_as_one_at_a_time(tmp_path, name, keep, width):
    reads = random_reads(0)
    if name.endswith(".sam"):
        write_bam(tmp_path / "x.bam", reads)
        (tmp_path / name).write_bytes(pysam.view("-h", str(tmp_path / "x.bam")).encode())
    elif name.endswith(".bam"):
        write_bam(tmp_path / name, reads)
    else:
        write_bed(tmp_path / name, reads)
    sizes = None if name.endswith("am") else SIZES
    coverage = pile_up(tmp_path / name, PileUpConfig(width, keep_duplicates="all" if keep else 1), chrom_sizes=sizes)
    kept = reads if keep else sorted(set(reads))
    assert len(set(reads)) < len(reads)
    assert_piled_up(coverage, one_at_a_time(extended(kept, width)))


def test_reads_without_extension_pile_up_as_in_pysam(tmp_path):
    path = write_bam(tmp_path / "x.bam", sorted(random_reads(1)))
    pysam.index(str(path))
    coverage = pile_up(path, PileUpConfig(50, keep_duplicates="all"))
    with pysam.AlignmentFile(str(path)) as file:
        for chrom, size in SIZES.items():
            counted = np.sum(file.count_coverage(chrom, quality_threshold=0, read_callback="nofilter"), axis=0)
            np.testing.assert_array_equal(coverage.values(chrom, 0, size), counted)


def test_cut_sites_are_piled_up_around_the_middle(tmp_path):
    reads = random_reads(2)
    coverage = pile_up(write_bed(tmp_path / "x.bed", reads), PileUpConfig(atac=True), chrom_sizes=SIZES)
    assert_piled_up(coverage, one_at_a_time(cut_sites(sorted(set(reads)), 150)))


@pytest.mark.parametrize("atac", [False, True])
def test_fragments_of_single_cells_are_distinct_and_shifted_already(tmp_path, atac):
    fragments = [("chr1", 1000, 1300, "AAA-1"), ("chr1", 1000, 1300, "CCC-1"), ("chr1", 5000, 5400, "AAA-1")]
    path = write_text(tmp_path / "x_fragments.tsv", "".join(f"{c}\t{s}\t{e}\t{b}\t2\n" for c, s, e, b in fragments))
    coverage = pile_up(path, PileUpConfig(10 if atac else None, atac=atac), chrom_sizes=SIZES)
    cuts = [(c, end - 5, end + 5) for c, *ends, _ in fragments for end in ends]
    assert_piled_up(coverage, one_at_a_time(cuts if atac else [row[:3] for row in fragments]))


def test_quotation_marks_in_names_lose_no_reads(tmp_path):
    rows = ['chr1\t100\t150\t"a\t0\t+\n', "chr1\t300\t350\tb\t0\t+\n", 'chr1\t500\t550\tc"\t0\t+\n']
    assert pile_up(write_text(tmp_path / "x.bed", "".join(rows)), chrom_sizes=SIZES).n_fragments == 3
    pairs = ['chr1\t100\t150\tchr1\t200\t250\t"a\n', 'chr1\t300\t350\tchr1\t400\t450\tb"\n']
    assert pile_up(write_text(tmp_path / "x.bedpe", "".join(pairs)), chrom_sizes=SIZES).n_fragments == 2


def test_reads_on_chromosomes_of_unknown_length_are_counted(tmp_path):
    rows = ["chr1\t100\t150\ta\t0\t+\n", "chrEBV\t300\t350\tb\t0\t+\n", "chrEBV\t500\t550\tc\t0\t-\n"]
    paths = [write_text(tmp_path / "x.bed", "".join(rows)), write_text(tmp_path / "y.bed", "".join(rows[::-1]))]
    coverage = pile_up(paths, chrom_sizes=SIZES)
    assert (coverage.n_fragments, coverage.left_out) == (1, {"chrEBV": 4})


def test_a_reverse_read_without_alignment_is_no_evidence(tmp_path):
    path = write_bam(tmp_path / "x.bam", random_reads(0))
    with pysam.AlignmentFile(str(path)) as file, pysam.AlignmentFile(str(tmp_path / "y.bam"), "wb", file) as other:
        reads = list(file)
        reverse = next(read for read in reads if read.is_reverse)
        reverse.cigar = None
        for read in reads:
            other.write(read)
    keep = PileUpConfig(keep_duplicates="all")
    assert pile_up(tmp_path / "y.bam", keep).n_fragments == pile_up(path, keep).n_fragments - 1


@pytest.mark.parametrize("zipped", [False, True])
def test_fragments_may_be_gzipped_whatever_their_name(tmp_path, zipped):
    text = b"chr1\t100\t250\n"
    path = tmp_path / ("x.bedpe" if zipped else "x.bedpe.gz")
    path.write_bytes(gzip.compress(text) if zipped else text)
    assert pile_up(path, chrom_sizes=SIZES).n_fragments == 1


@pytest.mark.parametrize("atac", [False, True])
@pytest.mark.parametrize("kind", ["bam", "bedpe3", "bedpe10", "fragments"])
def test_pairs_span_what_lies_between_their_ends(tmp_path, kind, atac):
    rng = np.random.default_rng(3)
    starts = rng.integers(0, 20_000, 400) // 11 * 11
    pairs = [("chr1", int(start), int(start) + int(rng.integers(60, 64)), True) for start in starts]
    if kind == "bam":
        path = write_paired_bam(tmp_path / "x.bam", [*pairs, ("chr1", 100, 9000, False)])
    elif kind == "bedpe10":
        path = tmp_path / "x.bedpe"
        rows = [f"{c}\t{s}\t{s + 40}\t{c}\t{e - 40}\t{e}\tn\t60\t+\t-\n" for c, s, e, _ in pairs]
        path.write_text(
            "".join([*rows, "chr1\t5\t9\tchr2\t5\t9\tn\t60\t+\t-\n", "chr1\t5\t9\t.\t-1\t-1\tn\t0\t+\t.\n"])
        )
    else:
        path = tmp_path / ("x.bedpe.gz" if kind == "bedpe3" else "x_fragments.tsv.gz")
        rest = "" if kind == "bedpe3" else "\tACGT-1\t3"
        pairs = pairs if kind == "bedpe3" else sorted(set(pairs))
        path.write_bytes(gzip.compress("".join(f"{c}\t{s}\t{e}{rest}\n" for c, s, e, _ in pairs).encode()))
    coverage = pile_up(path, PileUpConfig(atac=atac), chrom_sizes=None if kind == "bam" else SIZES)
    distinct = sorted({pair[:3] for pair in pairs})
    assert kind == "fragments" or len(distinct) < len(pairs)
    ends = [(c, s, e, strand) for c, s, e in distinct for strand in "+-"]
    cuts = [(c, s if strand == "+" else e, strand) for c, s, e, strand in ends]
    around = [(c, cut - 75, cut + 75) for c, cut, _ in cuts] if kind == "fragments" else cut_sites(ends, 150)
    assert_piled_up(coverage, one_at_a_time(around if atac else distinct))


@pytest.mark.parametrize("flag", [4, 256, 512, 1024, 2048])
def test_reads_that_are_no_evidence_are_left_out(tmp_path, flag):
    reads = random_reads(4, n=200)
    marked = set(range(0, 200, 3))
    path = write_bam(tmp_path / "x.bam", reads, flags=flag, mark=marked)
    kept = sorted({read for number, read in enumerate(reads) if number not in marked})
    assert_piled_up(pile_up(path), one_at_a_time(extended(kept, 200)))
    if flag == 1024:
        everything = pile_up(path, PileUpConfig(keep_duplicates="all"))
        assert_piled_up(everything, one_at_a_time(extended(reads, 200)))


def test_reads_of_low_mapping_quality_are_left_out(tmp_path):
    reads = random_reads(5, n=200)
    path = write_bam(tmp_path / "x.bam", reads, quality=10, mark=range(50))
    coverage = pile_up(path, PileUpConfig(min_mapping_quality=11))
    assert_piled_up(coverage, one_at_a_time(extended(sorted(set(reads[50:])), 200)))
    assert_piled_up(
        pile_up(path, PileUpConfig(min_mapping_quality=10)), one_at_a_time(extended(sorted(set(reads)), 200))
    )


def test_files_are_pooled_before_duplicates_are_found(tmp_path):
    first, second = random_reads(6), random_reads(7)
    paths = [write_bed(tmp_path / "a.bed", first), write_bam(tmp_path / "b.bam", second)]
    coverage = pile_up(paths, chrom_sizes=SIZES)
    distinct = set(first) | set(second)
    assert len(distinct) < len(set(first)) + len(set(second))
    assert_piled_up(coverage, one_at_a_time(extended(sorted(distinct), 200)))
    assert coverage.sources == tuple(paths)
    n_reads = len(first) + len(second)
    assert (coverage.tally.n_reads, coverage.tally.n_duplicates) == (n_reads, n_reads - len(distinct))


@pytest.mark.parametrize("way", ["name", "link", "copy"])
def test_a_file_given_twice_is_refused(tmp_path, way):
    path = write_bed(tmp_path / "x.bed", random_reads(0))
    other = path if way == "name" else tmp_path / "y.bed"
    if way == "link":
        other.symlink_to(path)
    elif way == "copy":
        other.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=rf"{other.name}: is given twice, or is a copy of .*x\.bed"):
        pile_up([path, other], chrom_sizes=SIZES)


def test_pairs_of_unusual_length_are_left_out_and_counted(tmp_path):
    pairs = [("chr1", 100 * i, 100 * i + 150 + i, True) for i in range(100)]
    far = [("chr1", 50 * i, 20_000 + 50 * i, True) for i in range(10)]
    path = write_paired_bam(tmp_path / "x.bam", pairs + far)
    coverage = pile_up(path)
    assert_piled_up(coverage, one_at_a_time([pair[:3] for pair in pairs]))
    assert sum(coverage.tally.left_out.values()) == len(far)
    short = pile_up(path, PileUpConfig(min_fragment_bp=160, max_fragment_bp=170))
    assert_piled_up(short, one_at_a_time([pair[:3] for pair in pairs[10:21]]))


def test_positions_reach_to_four_billion(tmp_path):
    size = 2**32 - 1
    path = write_text(tmp_path / "x.bed", f"chr1\t{size - 300}\t{size}\tr\t0\t-\nchr1\t9\t99\tr\t0\t+\n")
    coverage = pile_up(path, chrom_sizes={"chr1": size})
    assert coverage.values("chr1", size - 400, size).sum() == coverage.values("chr1", 0, 400).sum() == 200
    assert coverage.binned("chr1", size // 50 - 3, size // 50 + 1, 50).tolist() == [1, 1, 1, 1]
    pairs = write_text(tmp_path / "x.bedpe", f"chr1\t{size - 300}\t{size}\n" * 2)
    assert pile_up(pairs, chrom_sizes={"chr1": size}).values("chr1", size - 400, size).sum() == 300


@pytest.mark.parametrize("width_bp", [1, 7, 1_000, 2_500])
def test_means_of_stretches_are_those_of_all_bp(tmp_path, width_bp):
    coverage = pile_up(write_bed(tmp_path / "x.bed", random_reads(3)), chrom_sizes=SIZES)
    for chrom, size in SIZES.items():
        for start, end in ((0, size), (size // 3, size - 1), (size // 2, size // 2 + 7)):
            expected = SignalTrack.stretch_means(coverage, chrom, start, end, width_bp)
            np.testing.assert_array_equal(coverage.stretch_means(chrom, start, end, width_bp), expected)


def test_coverage_survives_a_bigwig(tmp_path):
    coverage = pile_up(write_bed(tmp_path / "x.bed", random_reads(9)), chrom_sizes=SIZES)
    write_track(tmp_path / "x.bw", coverage)
    with BigWig(tmp_path / "x.bw") as written:
        assert written.chrom_sizes == SIZES
        for chrom, size in SIZES.items():
            found = np.nan_to_num(written.values(chrom, 0, size))
            np.testing.assert_array_equal(found, coverage.values(chrom, 0, size))
        assert CoverageTransform().fit(written).kind == "coverage"


def test_reads_are_scaled_as_their_bigwig_is(tmp_path, make_bigwig):
    coverage = pile_up(write_bed(tmp_path / "x.bed", random_reads(8)), chrom_sizes=SIZES)
    values = {chrom: coverage.values(chrom, 0, size) for chrom, size in SIZES.items() if chrom != "chr3"}
    bigwig = BigWig(make_bigwig(values))
    transform = CoverageTransform(peak_weight=0.5)
    assert transform.fit(coverage) == transform.fit(bigwig)


BAD = [
    (lambda folder: folder / "none.bam", SIZES, "no such file"),
    (lambda folder: folder, SIZES, "is a folder"),
    (lambda folder: write_bed(folder / "x.bed", []), SIZES, "the file is empty"),
    (lambda folder: write_bed(folder / "x.bed", random_reads(0)), None, "chromosome lengths"),
    (lambda folder: write_bed(folder / "x.bed", random_reads(0)), {"1": 30_000}, r"x\.bed: .*\bchr\w+.*\b1\b"),
    (lambda folder: write_bed(folder / "x.bed", random_reads(0)), {"chr1": 100}, "past the end"),
    (lambda folder: write_bam(folder / "x.bam", random_reads(0)), {"chr1": 29_999}, "29,999 bp"),
    (lambda folder: write_bam(folder / "x.bam", []), None, "no read"),
    (lambda folder: write_text(folder / "x.bed", "chr1\t1\t50\n"), SIZES, "line 1 .*strand"),
    (lambda folder: write_text(folder / "x.bed", "chr1\t50\t50\tn\t0\t+\n"), SIZES, r"line 1 .*start"),
    (lambda folder: write_text(folder / "x.bed", "chr1\t-5\t50\tn\t0\t+\n"), SIZES, "whole numbers"),
    (lambda folder: write_text(folder / "x.bedpe", "chr1\t50\t1\n"), SIZES, "line 1 .*no fragment"),
    (lambda folder: write_text(folder / "x.bedpe", "chr1\ta\tb\n"), SIZES, "line 1 .*no fragment"),
    (lambda folder: write_text(folder / "x.bedpe", "chr1\t1\n"), SIZES, r"line 1 .*\b2\b.*columns"),
    (lambda folder: write_text(folder / "x.bedpe", "# nothing\n"), SIZES, "no fragment"),
    (lambda folder: write_bytes(folder / "x.bw", b"\x26\xfc\x8f\x88\x04"), SIZES, "is a bigWig"),
    (lambda folder: write_text(folder / "x.cram", "CRAM…"), SIZES, r"x\.cram: .*read as alignments"),
    (lambda folder: write_text(folder / "x.bed", f"chr1\t1\t{10**20}\tn\t0\t+\n"), SIZES, "line 1 .*past the end"),
    (lambda folder: write_text(folder / "x.bedpe", f"chr1\t1\t9\nchr1\t1\t{10**20}\n"), SIZES, "line 2 .*no fragment"),
    (lambda folder: write_text(folder / "x.bam", "chr1\t1\t50\n"), None, "read as alignments"),
    (lambda folder: cut_short(write_bam(folder / "x.bam", random_reads(0))), None, r"x\.bam: .*read"),
]


def write_bytes(path, content):
    path.write_bytes(content)
    return path


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-400])
    return path


@pytest.mark.parametrize(("make", "sizes", "message"), BAD)
def test_bad_files_are_refused(tmp_path, make, sizes, message):
    with pytest.raises(InputError, match=message):
        pile_up(make(tmp_path), chrom_sizes=sizes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fragment_length_bp": 0}, r"length .*\b0 bp"),
        ({"min_mapping_quality": 256}, r"quality .*\b256\b"),
        ({"keep_duplicates": 0}, r"duplicates .*\b0\b"),
        ({"keep_duplicates": True}, "duplicates .*True"),
        ({"keep_duplicates": "some"}, "duplicates .*some"),
        ({"pairs": "both"}, "pairs: 'both'"),
        ({"min_fragment_bp": 300, "max_fragment_bp": 200}, r"\b300 to 200 bp"),
        ({"reference": "none.fa"}, "none.fa: no such file"),
    ],
)
def test_impossible_settings_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        PileUpConfig(**values)


def test_a_mapping_quality_needs_bam(tmp_path):
    with pytest.raises(InputError, match=r"x\.bed: .*mapping qualit"):
        pile_up(write_bed(tmp_path / "x.bed", random_reads(0)), PileUpConfig(min_mapping_quality=5), chrom_sizes=SIZES)


@pytest.mark.parametrize("width", [1, 73, 100])
def test_cut_sites_are_piled_up_around_themselves(tmp_path, width):
    # Tn5 cuts 4 bp after the start of a read on the forward strand and 5 bp before its end on the reverse one.
    rows = [("chr1", 1_000, 1_050, "+"), ("chr1", 5_000, 5_050, "-")]
    path = write_text(tmp_path / "x.bed", "".join(f"{c}\t{a}\t{b}\tr\t0\t{s}\n" for c, a, b, s in rows))
    values = pile_up(path, PileUpConfig(width, atac=True), chrom_sizes=SIZES).values("chr1", 0, 10_000)
    for cut in (1_004, 5_045):
        covered = np.flatnonzero(values[cut - 500 : cut + 500]) - 500
        assert (covered[0], len(covered)) == (-(width // 2), width)


# Of `macs3 filterdup --keep-dup 1` and `macs3 pileup --extsize 200` (single reads) and `macs3 pileup -f BEDPE`, macs3
# 3.0.4, per bp of chr22: sum, highest, where first, sum of squares, covered bp.
MACS3 = {
    "SE_ChIP_chr22_50k.bed.gz": (9_609_400, 110, 37_252_602, 145_404_848, 3_863_831),
    "SE_CTRL_chr22_50k.bed.gz": (10_156_600, 9, 29_207_968, 15_284_468, 8_175_007),
    "PE_ChIP_chr22_50k.bedpe.gz": (12_579_772, 145, 37_252_571, 251_121_226, 4_639_206),
    "PE_CTRL_chr22_50k.bedpe.gz": (15_942_594, 11, 41_985_821, 28_605_642, 11_557_715),
}


@pytest.mark.data
@pytest.mark.parametrize("name", list(MACS3))
def test_real_reads_pile_up_as_in_macs3(data_dir, name):
    config = PileUpConfig(keep_duplicates="all" if name.startswith("PE") else 1)
    path = data_dir / "peaks" / "ctcf_chr22" / f"CTCF_{name}"
    values = pile_up(path, config, chrom_sizes={"chr22": 51_304_566}).values("chr22", 0, 51_304_566)
    values = values.astype(np.int64)
    found = (values.sum(), values.max(), values.argmax(), (values**2).sum(), (values > 0).sum())
    assert tuple(map(int, found)) == MACS3[name]


@pytest.mark.parametrize("bin_bp", [1, 20, 100, 1_000])
def test_covered_bins_are_those_of_the_signal_that_are_not_0(bin_bp):
    random = np.random.default_rng(bin_bp)
    starts = random.integers(-50, 20_050, 60)
    coverage = ReadCoverage(["a.bam"], {"chr1": 20_030}, {"chr1": (starts, starts + random.integers(1, 700, 60))})
    whole = coverage.binned("chr1", 0, -(-20_030 // bin_bp), bin_bp)
    bins, signal = coverage.covered_bins("chr1", bin_bp)
    assert bins.tolist() == np.flatnonzero(whole).tolist()
    np.testing.assert_allclose(signal, whole[bins], rtol=1e-6)
