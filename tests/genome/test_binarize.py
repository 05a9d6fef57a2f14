import functools
import gzip
import math
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from epizoo.errors import InputError
from epizoo.genome.binarize import binarize_reads, poisson_threshold
from epizoo.genome.binarize_bigwigs import BigWigBinarization, binarize_bigwigs
from epizoo.genome.marks import read_binarized
from epizoo.genome.reads.read_counts import count_reads

SIZES = {"chr1": 50_150, "chr2": 30_000, "chr3": 9_999, "chr4": 8_000}
CHROMHMM = Path("/usr/share/java/chromhmm.jar")


def bed(rng, n_reads, chroms, hot=0.3):
    """Reads of 36 bp: a share of them near the middle of a chromosome, some at its very edges."""
    rows = []
    for _ in range(n_reads):
        chrom = chroms[rng.integers(len(chroms))]
        size = SIZES[chrom]
        start = int(rng.normal(size / 2, 300)) if rng.random() < hot else int(rng.integers(-200, size + 200))
        start = min(max(start, 0), size - 36)
        rows.append(f"{chrom}\t{start}\t{start + 36}\t.\t0\t{'+-'[rng.integers(2)]}\n")
    return "".join(rows)


@functools.cache
def threshold_by_fractions(mean, p_value):
    """The smallest k with P(X <= k) > 1 - p in exact arithmetic, from a rational bound on exp(mean)."""
    rational = Fraction(mean)
    exponential = sum(rational**n / math.factorial(n) for n in range(int(4 * mean) + 60))
    total, term, k = Fraction(0), Fraction(1), 0
    while True:
        total += term
        if total > (1 - Fraction(p_value)) * exponential:
            return max(k, 1)
        k += 1
        term *= rational / k


@pytest.mark.parametrize("p_value", [1e-4, 1e-2])
@pytest.mark.parametrize("mean", [1e-5, 0.01, 0.2, 0.7, 1.0, 3.3, 12.0, 41.5])
def test_threshold_is_the_poisson_quantile(mean, p_value):
    assert poisson_threshold(mean, p_value) == threshold_by_fractions(mean, p_value)


@pytest.mark.parametrize("p_value", [0, 1e-17, 1, 2])
def test_a_p_value_without_a_threshold_is_refused(p_value):
    with pytest.raises(InputError, match="p-value"):
        poisson_threshold(1.0, p_value)


@pytest.mark.parametrize(
    ("row", "bin_"),
    [
        ("chr1\t0\t10\t.\t0\t+", 0),
        ("chr1\t99\t110\t.\t0\t+", 0),
        ("chr1\t100\t110\t.\t0\t+", 1),
        ("chr1\t480\t501\t.\t0\t-", 2),
        ("chr1\t480\t500\t.\t0\t-", 1),
        ("chr1\t10\t20\t.\t0\t-", 0),
        ("chr1\t0\t1\t.\t0\t-", 0),
        ("chr1\t49899\t49910\t.\t0\t+", 249),
        ("chr1\t49900\t49910\t.\t0\t+", None),
        ("chr1\t50140\t50150\t.\t0\t-", None),
        ("chr1 100 110 +", 1),
    ],
)
def test_a_read_counts_in_the_bin_of_its_shifted_start(tmp_path, row, bin_):
    path = tmp_path / "reads.bed"
    other = "chr2 0 9 +" if " " in row else "chr2\t0\t9\t.\t0\t+"
    path.write_text("\n".join(["track name=x", row, other, row.replace("chr1", "chr9")]))
    counts = count_reads(path, SIZES)
    expected = np.zeros(250, int)
    if bin_ is not None:
        expected[bin_] = 1
        np.testing.assert_array_equal(counts["chr1"], expected)
    assert ("chr1" in counts) == (bin_ is not None)
    assert "chr9" not in counts


def oracle(reads, controls, p_value=1e-4, bin_bp=200):
    """BinarizeBed as ChromHMM's documentation and UPSTREAM's measurements describe it, read by read."""

    def count(text):
        found = {}
        for line in text.splitlines():
            chrom, start, end, _, _, strand = line.split("\t")
            at = int(start) + 100 if strand == "+" else int(end) - 1 - 100
            if int(at / bin_bp) < SIZES[chrom] // bin_bp:
                grid = found.setdefault(chrom, [0] * (SIZES[chrom] // bin_bp))
                grid[int(at / bin_bp)] += 1
        return found

    counts = {mark: count(text) for mark, text in reads.items()}
    chroms = {chrom for found in counts.values() for chrom in found}
    if controls:
        background = {mark: count(controls.get(mark, "")) for mark in reads}
        chroms &= {chrom for found in background.values() for chrom in found}
    result = {chrom: np.zeros((SIZES[chrom] // bin_bp, len(reads)), int) for chrom in chroms}
    for column, mark in enumerate(reads):
        grid = {chrom: counts[mark].get(chrom, [0] * len(result[chrom])) for chrom in chroms}
        expected = {chrom: [1.0] * len(result[chrom]) for chrom in chroms}
        if controls:
            for chrom in chroms:
                flat = [n + 1 for n in background[mark].get(chrom, [0] * len(result[chrom]))]
                expected[chrom] = [sum(flat[max(i - 5, 0) : i + 6]) for i in range(len(flat))]
        ratio = sum(map(sum, grid.values())) / sum(map(sum, expected.values()))
        for chrom in chroms:
            for i, n in enumerate(grid[chrom]):
                result[chrom][i, column] = n >= threshold_by_fractions(ratio * expected[chrom][i], p_value)
    return result


def write_reads(folder, texts, suffix):
    for mark, text in texts.items():
        (folder / f"{mark}{suffix}").write_text(text)
    return {mark: folder / f"{mark}{suffix}" for mark in texts}


def cases():
    rng = np.random.default_rng(0)
    for n_reads in (5, 200, 2000):
        reads = {"A": bed(rng, n_reads, ["chr1", "chr2"]), "B": bed(rng, n_reads, ["chr2", "chr3"])}
        control = {"A": bed(rng, n_reads, ["chr1"], 0.1), "B": bed(rng, 2 * n_reads, ["chr1", "chr3", "chr4"], 0.1)}
        for name, controls in (("none", {}), ("both", control), ("one", {"A": control["A"]})):
            yield pytest.param(reads, controls, id=f"{n_reads}-control-{name}")


@pytest.mark.parametrize(("reads", "controls"), list(cases()))
def test_reads_are_binarised_as_binarizebed_does(tmp_path, reads, controls):
    controls_files = write_reads(tmp_path, controls, ".control.bed") or None
    found = binarize_reads(write_reads(tmp_path, reads, ".bed"), SIZES, controls_files)
    expected = oracle(reads, controls)
    if CHROMHMM.exists() and shutil.which("java"):
        expected_by_java = run_chromhmm(tmp_path, reads, controls)
        assert expected.keys() == expected_by_java.keys()
        for chrom in expected:
            np.testing.assert_array_equal(expected[chrom], expected_by_java[chrom])
    assert found.keys() == expected.keys()
    for chrom in found:
        assert found[chrom].dtype == np.uint8
        np.testing.assert_array_equal(found[chrom], expected[chrom])


def run_chromhmm(folder, reads, controls):
    """The real program, where it is installed (Debian's package chromhmm)."""
    (folder / "sizes").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    rows = [f"c\t{mark}\t{mark}.bed" + (f"\t{mark}.control.bed" if mark in controls else "") for mark in reads]
    (folder / "table").write_text("\n".join(rows) + "\n")
    arguments = [folder / "sizes", folder, folder / "table", folder / "out"]
    subprocess.run(["java", "-jar", CHROMHMM, "BinarizeBed", *arguments], check=True, capture_output=True)
    found = [read_binarized(path) for path in (folder / "out").iterdir()]
    return {chromosome.chrom: chromosome.values for chromosome in found}


def test_a_peak_of_the_control_reaches_five_bins_on_both_sides(tmp_path):
    read = "chr1\t{}\t{}\t.\t0\t+\n"
    even = "".join(read.format(at, at + 10) for at in range(0, 50_000 - 100, 40))
    peak = read.format(100 * 200, 100 * 200 + 10) * 3000
    reads, controls = write_reads(tmp_path, {"A": even}, ".bed"), write_reads(tmp_path, {"A": peak}, ".control.bed")
    absent = np.flatnonzero(binarize_reads(reads, {"chr1": 50_150}, controls)["chr1"][1:-1] == 0) + 1
    assert absent.tolist() == list(range(95, 106))


def test_pooled_and_gzipped_files_count_as_one(tmp_path):
    rng = np.random.default_rng(3)
    text = bed(rng, 300, ["chr1"]) + bed(rng, 300, ["chr2"])
    whole, first, second = tmp_path / "whole.bed", tmp_path / "first.bed", tmp_path / "second.bed.gz"
    whole.write_text(text)
    lines = text.splitlines(keepends=True)
    first.write_text("".join(lines[:250]))
    second.write_bytes(gzip.compress("".join(lines[250:]).encode()))
    one, two = count_reads(whole, SIZES), count_reads([first, second], SIZES)
    assert one.keys() == two.keys()
    for chrom in one:
        np.testing.assert_array_equal(one[chrom], two[chrom])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no reads"),
        ("chr1\t1\t30\n", "line 1 .*stranded read"),
        ("chr1\t1\t30\t.\t0\t+\nchr1\t1\t30\t.\t0\t.\n", "line 2 .*stranded read"),
        ("chr1\t1\t30\t.\t0\t+\nchr1\tx\t30\t.\t0\t+\n", "line 2 .*whole numbers"),
        ("1\t1\t30\t.\t0\t+\n", "no read"),
    ],
)
def test_bad_reads_are_refused_by_line(tmp_path, text, sentence):
    path = tmp_path / "reads.bed"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        binarize_reads({"A": path}, SIZES)
    assert str(caught.value).startswith(f"{path}: ")
    assert re.search(sentence, str(caught.value))


def test_a_control_without_its_mark_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"control .*\bB\b"):
        binarize_reads({"A": "a.bed"}, SIZES, {"B": "b.bed"})


def test_controls_on_other_chromosomes_are_refused(tmp_path):
    files = write_reads(tmp_path, {"A": "chr1\t1\t9\t.\t0\t+\n"}, ".bed")
    controls = write_reads(tmp_path, {"A": "chr2\t1\t9\t.\t0\t+\n"}, ".control.bed")
    with pytest.raises(InputError, match=r"no chromosome .*control"):
        binarize_reads(files, SIZES, controls)


def test_counts_and_coverage_of_a_bigwig_give_the_marks_of_their_reads(make_bigwig):
    rng = np.random.default_rng(4)
    starts = np.sort(np.concatenate([rng.integers(0, 79_000, 200), rng.integers(40_000, 40_400, 60)]))
    # Whole reads within a bin, so that coverage divided by the length is the count itself.
    starts = starts // 200 * 200 + rng.integers(0, 150, len(starts))
    counts, coverage = np.zeros(80_050), np.zeros(80_050)
    np.add.at(counts, starts, 1)
    for start in starts:
        coverage[start : start + 50] += 1
    per_bin = np.bincount(starts // 200, minlength=400)
    expected = per_bin >= threshold_by_fractions(per_bin.mean(), 1e-4)
    assert 0 < expected.sum() < 20
    empty = np.full(1000, np.nan)
    files = {
        "counts": make_bigwig({"chr1": np.where(counts, counts, np.nan), "chr2": empty}, "counts.bw"),
        "coverage": make_bigwig({"chr1": np.where(coverage, coverage, np.nan), "chr2": empty}, "coverage.bw"),
    }
    for kind, length in (("counts", None), ("coverage", 50)):
        found = binarize_bigwigs({"A": files[kind]}, BigWigBinarization(kind, read_length_bp=length))
        np.testing.assert_array_equal(found["chr1"][:, 0], expected)
        assert found["chr2"].tolist() == [[0]] * 5


def test_rounding_errors_of_means_do_not_decide(make_bigwig):
    rng = np.random.default_rng(0)
    # Hundredths whose sum over each bin is 40 or 39 exactly, which their float32 values miss.
    hundredths = rng.multinomial(4_000, np.full(200, 1 / 200), size=100)
    hundredths[::2, :50] -= 2
    path = make_bigwig({"chr1": (hundredths / 100).ravel()}, "hundredths.bw")
    for threshold in (0.2, 0.195):
        settings = BigWigBinarization("cpm", threshold=threshold)
        found = binarize_bigwigs({"A": path}, settings)["chr1"][:, 0]
        assert found.tolist() == (hundredths.sum(axis=1) >= round(threshold * 20_000)).tolist()


def test_a_stated_threshold_holds_for_the_mean_of_a_bin(make_bigwig):
    values = np.zeros(900)
    values[200:400] = 1.99
    values[400:600] = 2.0
    values[600:700] = 4.0
    path = make_bigwig({"chr1": values}, "fc.bw")
    found = binarize_bigwigs({"A": path}, BigWigBinarization("fold_change", threshold=2.0))
    assert found["chr1"][:, 0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (BigWigBinarization("fold_change"), "fold_change .*counts"),
        (BigWigBinarization("log10_p"), "log10_p .*counts"),
        (BigWigBinarization("cpm"), "cpm .*counts"),
        (BigWigBinarization("coverage"), "read length"),
        (BigWigBinarization("reads"), "'reads'"),
    ],
)
def test_a_bigwig_without_counts_is_refused(make_bigwig, settings, sentence):
    path = make_bigwig({"chr1": np.ones(900)})
    with pytest.raises(InputError, match=sentence) as caught:
        binarize_bigwigs({"A": path}, settings)
    assert str(path) in str(caught.value)


def test_bigwigs_of_two_assemblies_are_refused(make_bigwig):
    files = {name: make_bigwig({"chr1": np.ones(size)}, f"{name}.bw") for name, size in (("A", 900), ("B", 901))}
    with pytest.raises(InputError, match=r"chr1 .*\b901 bp\b.*\b900 bp\b"):
        binarize_bigwigs(files, BigWigBinarization("counts"))


def test_a_chromosome_that_a_bigwig_does_not_name_is_missing(make_bigwig):
    files = {"A": make_bigwig({"chr1": np.ones(400), "chr2": np.ones(200)}, "a.bw")}
    files["B"] = make_bigwig({"chr1": np.ones(400)}, "b.bw")
    found = binarize_bigwigs(files, BigWigBinarization("fold_change", threshold=1.0))
    assert found["chr2"].tolist() == [[1, 2]]
    assert found["chr1"].tolist() == [[1, 1], [1, 1]]


def test_a_pooled_file_without_a_read_on_a_known_chromosome_is_refused(tmp_path):
    first, second = tmp_path / "a.bed", tmp_path / "b.bed"
    first.write_text("chr1\t100\t136\t.\t0\t+\n")
    second.write_text("1\t100\t136\t.\t0\t+\n")
    for pooled in ([first, second], [second, first]):
        with pytest.raises(InputError, match=r"b\.bed: .*no read"):
            count_reads(pooled, SIZES)
    first.write_text("chr1\t100\t136\t.\t0\t+\n1\t100\t136\t.\t0\t+\n")
    assert count_reads([first, first], SIZES)["chr1"].sum() == 2


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan, math.inf])
def test_a_threshold_that_decides_nothing_is_refused(threshold):
    with pytest.raises(InputError, match=r"threshold .*above 0"):
        BigWigBinarization("fold_change", threshold=threshold)


@pytest.mark.parametrize("length", [0, -5])
def test_a_read_length_below_one_is_refused(length):
    with pytest.raises(InputError, match=rf"read length .*{length} bp.*\b1 bp"):
        BigWigBinarization("coverage", read_length_bp=length)


def test_reads_in_a_damaged_gzipped_file_are_refused(tmp_path):
    member = gzip.compress(b"chr1\t100\t136\t.\t0\t+\n" * 50_000)
    damaged = bytearray(member)
    # A block of type 3, which deflate does not have, in a second member that is reached late.
    damaged[10] = 0xFF
    path = tmp_path / "x.bed.gz"
    path.write_bytes(member + damaged)
    with pytest.raises(InputError, match=r"x\.bed\.gz: .*read"):
        count_reads(path, SIZES)


def test_parts_of_reads_in_a_bin_are_rounded_to_whole_ones(make_bigwig):
    # 200 bins of 200 bp with a read of 50 bp each, and two bins near the threshold of their mean.
    threshold = poisson_threshold(1.05)
    reads = np.ones(200)
    reads[20], reads[40] = threshold - 0.4, threshold - 0.6
    path = make_bigwig({"chr1": np.repeat(reads * 50 / 200, 200)})
    found = binarize_bigwigs({"A": path}, BigWigBinarization("coverage", read_length_bp=50))["chr1"][:, 0]
    assert poisson_threshold(np.rint(reads).mean()) == threshold
    assert np.flatnonzero(found).tolist() == [20]
