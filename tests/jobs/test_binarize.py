"""`binarize` writes what ChromHMM's BinarizeBam and BinarizeBed write, file for file."""

import filecmp
import gzip
import itertools
import logging
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest
from typer.testing import CliRunner

from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.jobs.binarize import binarize

CHROMHMM = Path("/usr/share/java/chromhmm.jar")
SIZES = {"chr1": 50_150, "chr2": 30_000, "chr10": 9_999, "chrX": 8_000}
needs_chromhmm = pytest.mark.skipif(not (CHROMHMM.exists() and shutil.which("java")), reason="needs ChromHMM and Java")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sizes.txt").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    return tmp_path


def positions(rng, n_reads, hot):
    """Chromosomes, starts and strands of reads, a share of them near the middle of a chromosome."""
    for _ in range(n_reads):
        chrom = list(SIZES)[rng.integers(4)]
        size = SIZES[chrom]
        start = int(rng.normal(size / 2, 300)) if rng.random() < hot else int(rng.integers(-200, size + 200))
        yield chrom, min(max(start, 0), size - 36), bool(rng.integers(2))


def write_bed(path, seed, n_reads=600, hot=0.3):
    rows = [
        f"{chrom}\t{start}\t{start + 36}\tr\t0\t{'-' if is_reverse else '+'}\n"
        for chrom, start, is_reverse in positions(np.random.default_rng(seed), n_reads, hot)
    ]
    path.write_text("".join([*rows, "chrUn\t5\t41\tr\t0\t+\n"]))


def write_bam(path, seed, kind="single", n_reads=600):
    """Reads of which some are unmapped, secondary, duplicates, gapped or clipped; pairs look both ways."""
    rng = np.random.default_rng(seed)
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": c, "LN": n} for c, n in [("chrUn", 900), *reversed(SIZES.items())]]}
    with pysam.AlignmentFile(path, "wb", header=header) as file:
        for number, (chrom, start, is_reverse) in enumerate(positions(rng, n_reads, 0.3)):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.reference_name, read.reference_start = f"r{number}", chrom, start
            read.cigarstring = ["30M", "10M3D17M", "5S25M", "20M2I8M", "10M5N10M"][rng.integers(5)]
            n_bases = sum(n for code, n in read.cigartuples if code in (0, 1, 4))
            read.query_sequence, read.query_qualities = "A" * n_bases, pysam.qualitystring_to_array("I" * n_bases)
            read.mapping_quality = int(rng.integers(60))
            read.is_reverse = is_reverse
            read.is_duplicate, read.is_secondary = rng.random() < 0.1, rng.random() < 0.1
            if kind == "paired" or (kind == "mixed" and rng.random() < 0.5):
                read.is_paired, read.is_proper_pair = True, rng.random() < 0.8
                read.is_read1 = rng.random() < 0.5
                read.is_read2 = not read.is_read1
                read.template_length = int(rng.integers(-601, 601))
            if rng.random() < 0.1:
                read.is_unmapped, read.is_proper_pair, read.cigarstring = True, False, None
            file.write(read)


def chromhmm(folder, command, *options):
    subprocess.run(
        ["java", "-jar", CHROMHMM, command, *options, "sizes.txt", ".", "table.txt", "expected"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def assert_same_files(found, expected):
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in found.iterdir()) == names
    assert names
    _, different, odd = filecmp.cmpfiles(found, expected, names, shallow=False)
    assert not different
    assert not odd


TABLES = {
    "no control": ["A\tH3\tone.bed", "A\tK4\ttwo.bed"],
    "pooled": ["A\tH3\tone.bed", "A\tH3\ttwo.bed", "A\tH3\tone.bed", "A\tK4\tthree.bed"],
    "one control": ["A\tH3\tone.bed\tinput.bed", "A\tK4\ttwo.bed\tinput.bed"],
    "controls": ["A\tH3\tone.bed\tinput.bed", "A\tK4\ttwo.bed\tthree.bed", "A\tK4\ttwo.bed\tinput.bed"],
    "a mark without control": ["A\tH3\tone.bed\tinput.bed", "A\tK4\ttwo.bed"],
    "cells and a missing mark": [
        "B\tK4\tone.bed",
        " A \tH3 \t two.bed ",
        "",
        "A\tK4\tthree.bed",
        "C\tH3\tone.bed\tinput.bed",
    ],
}


@needs_chromhmm
@pytest.mark.parametrize("rows", TABLES.values(), ids=TABLES)
def test_tables_of_beds_are_binarised_as_binarizebed_does(folder, rows):
    for seed, name in enumerate(("one", "two", "three", "input")):
        write_bed(folder / f"{name}.bed", seed, hot=0.02 if name == "input" else 0.3)
    (folder / "table.txt").write_text("\n".join(rows) + "\n")
    chromhmm(folder, "BinarizeBed")
    binarize(folder / "found", folder / "table.txt", chrom_sizes=folder / "sizes.txt")
    assert_same_files(folder / "found", folder / "expected")


OPTIONS = {
    "-n 0": {"shift_bp": 0},
    "-n 350": {"shift_bp": 350},
    "-center": {"center": True},
    "-p 0.01": {"p_value": 0.01},
    "-f 3": {"fold": 3},
    "-g 4": {"least_count": 4},
    "-b 1000": {"bin_bp": 1000},
    "-w 0 -u 0": {"flank_bins": 0, "pseudo_count": 0},
    "-w 20 -u 3": {"flank_bins": 20, "pseudo_count": 3},
    "-strictthresh -p 0.2": {"strict": True, "p_value": 0.2},
    "-s 1 -e 0": {"start_offset_bp": 1, "end_offset_bp": 0},
}


@needs_chromhmm
@pytest.mark.parametrize("control", ["", "\tinput.bed"])
@pytest.mark.parametrize("options", OPTIONS)
def test_options_are_chromhmms(folder, options, control):
    for seed, name in enumerate(("one", "two", "input")):
        write_bed(folder / f"{name}.bed", seed, hot=0.02 if name == "input" else 0.3)
    (folder / "table.txt").write_text(f"A\tH3\tone.bed{control}\nA\tK4\ttwo.bed{control}\n")
    chromhmm(folder, "BinarizeBed", *options.split())
    binarize(folder / "found", folder / "table.txt", chrom_sizes=folder / "sizes.txt", **OPTIONS[options])
    assert_same_files(folder / "found", folder / "expected")


@needs_chromhmm
@pytest.mark.parametrize("control", ["", "\tinput.bam"])
@pytest.mark.parametrize("pairs", ["single", "paired", "mixed"])
def test_bams_are_binarised_as_binarizebam_does(folder, pairs, control):
    for seed, name in enumerate(("one", "two", "input")):
        write_bam(folder / f"{name}.bam", seed, pairs)
    (folder / "table.txt").write_text(f"A\tH3\tone.bam{control}\nA\tK4\ttwo.bam{control}\n")
    chromhmm(folder, "BinarizeBam", *([] if pairs == "single" else [f"-{pairs}"]))
    binarize(folder / "found", folder / "table.txt", chrom_sizes=folder / "sizes.txt", pairs=pairs)
    assert_same_files(folder / "found", folder / "expected")
    # The header of a BAM file says the lengths; its chrUn has no read.
    binarize(folder / "by_header", folder / "table.txt", pairs=pairs)
    assert_same_files(folder / "by_header", folder / "expected")


@needs_chromhmm
@pytest.mark.parametrize("overlapping", [False, True])
def test_peaks_are_marks_as_in_chromhmm(folder, overlapping):
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        starts = np.sort(rng.integers(0, 49_000, 30))
        spans = [(start, start + int(rng.integers(1, 900))) for start in starts.tolist()]
        if not overlapping:
            spans = [one for one, after in itertools.pairwise(spans) if one[1] <= after[0]]
        (folder / f"{name}.narrowPeak").write_text("".join(f"chr1\t{a}\t{b}\t.\t0\t.\n" for a, b in spans))
    (folder / "table.txt").write_text("A\tH3\tone.narrowPeak\nA\tK4\ttwo.narrowPeak\nB\tK4\ttwo.narrowPeak\n")
    chromhmm(folder, "BinarizeBed", "-peaks")
    binarize(folder / "found", folder / "table.txt", chrom_sizes=folder / "sizes.txt", peaks=True)
    assert_same_files(folder / "found", folder / "expected")


@needs_chromhmm
def test_controls_in_a_folder_of_their_own_and_gzipped_outputs(folder):
    (folder / "inputs").mkdir()
    write_bed(folder / "one.bed", 0)
    write_bed(folder / "inputs" / "input.bed", 1, hot=0.02)
    (folder / "table.txt").write_text("A\tH3\tone.bed\tinput.bed\n")
    chromhmm(folder, "BinarizeBed", "-c", "inputs", "-gzip")
    arguments = ["--table", "table.txt", "--folder", ".", "--controls-folder", "inputs", "--chrom-sizes", "sizes.txt"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(app, ["binarize", *arguments, "--compress", "-o", "found"])
    assert result.exit_code == 0, result.output
    for path in (folder / "expected").iterdir():
        assert gzip.decompress((folder / "found" / path.name).read_bytes()) == gzip.decompress(path.read_bytes())
    assert len(list((folder / "found").iterdir())) == len(list((folder / "expected").iterdir()))


def test_stacked_marks_are_the_columns_of_their_cells(folder):
    for seed, name in enumerate(("one", "two")):
        write_bed(folder / f"{name}.bed", seed)
    (folder / "table.txt").write_text("A\tK4\tone.bed\nB\tK4\ttwo.bed\n")
    binarize(folder / "apart", folder / "table.txt", chrom_sizes=folder / "sizes.txt")
    binarize(folder / "stacked", folder / "table.txt", chrom_sizes=folder / "sizes.txt", stack=True)
    lines = {path.name: path.read_text().splitlines() for path in (folder / "apart").iterdir()}
    for path in (folder / "stacked").iterdir():
        head, marks, *bins = path.read_text().splitlines()
        chrom = head.split("\t")[1]
        assert head == f"genome\t{chrom}"
        assert marks == "A_K4\tB_K4"
        columns = (lines[f"{cell}_{chrom}_binary.txt"][2:] for cell in "AB")
        assert bins == ["\t".join(row) for row in zip(*columns, strict=True)]


def test_flags_are_a_table_of_one_cell(folder):
    for seed, name in enumerate(("one", "input")):
        write_bed(folder / f"{name}.bed", seed)
    (folder / "table.txt").write_text("K562\tK4\tone.bed\tinput.bed\n")
    binarize(folder / "by_table", folder / "table.txt", chrom_sizes=folder / "sizes.txt")
    marks, controls = {"K4": folder / "one.bed"}, {"K4": folder / "input.bed"}
    written = binarize(
        folder / "by_flags", marks=marks, controls=controls, cell="K562", chrom_sizes=folder / "sizes.txt"
    )
    assert_same_files(folder / "by_flags", folder / "by_table")
    assert {one.path.parent.name for one in written} == {"by_flags"}


def test_cells_are_written_all_or_none(folder):
    write_bed(folder / "one.bed", 0)
    (folder / "bad.bed").write_text("chr1\tx\n")
    (folder / "table.txt").write_text("A\tK4\tone.bed\nB\tK4\tbad.bed\n")
    with pytest.raises(InputError, match=r"bad\.bed"):
        binarize(folder / "found", folder / "table.txt", chrom_sizes=folder / "sizes.txt")
    assert list((folder / "found").iterdir()) == []


@pytest.mark.parametrize("change", ["sizes", "compress", "reads"])
def test_files_of_an_earlier_run_do_not_stay_beside_new_ones(folder, change):
    write_bed(folder / "one.bed", 0)
    given = {"marks": {"K4": folder / "one.bed"}, "cell": "A", "chrom_sizes": folder / "sizes.txt"}
    for _ in range(2):
        binarize(folder / "found", **given)
    before = {path.name: path.read_bytes() for path in (folder / "found").iterdir()}
    if change == "sizes":
        (folder / "sizes.txt").write_text("chr1\t50150\n")
    if change == "reads":
        (folder / "one.bed").write_text("chr1\t500\t536\tr\t0\t+\n")
    with pytest.raises(InputError, match=r"A_chr\w+_binary\.txt: holds chr\w+ of A and would stay"):
        binarize(folder / "found", **given, compress=change == "compress")
    assert {path.name: path.read_bytes() for path in (folder / "found").iterdir()} == before


def test_files_of_other_cells_stay_aloud(folder, caplog):
    write_bed(folder / "one.bed", 0)
    for cell in "AB":
        with caplog.at_level(logging.WARNING, "epizoo"):
            binarize(folder / "found", marks={"K4": folder / "one.bed"}, cell=cell, chrom_sizes=folder / "sizes.txt")
    assert any("holds 4 files of A already" in message for message in caplog.messages)
    assert len(list((folder / "found").iterdir())) == 2 * len(SIZES)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("A\tK4\tnone.bed\n", r"line 1 names .*none\.bed.* no file"),
        ("A\tK4\tone.bed\nA K4 one.bed\n", r"line 2 has 1 fields .*tabs"),
        ("A\tK4\n", r"line 1 has 2 fields"),
        ("A\tK4\tone.bed\tone.bed\tone.bed\n", r"line 1 has 5 fields"),
        ("A\t  \tone.bed\n", r"line 1 has 3 fields"),
        ("\n\n", r"holds no row"),
    ],
)
def test_bad_tables_are_refused_by_line(folder, table, sentence):
    write_bed(folder / "one.bed", 0)
    (folder / "table.txt").write_text(table)
    with pytest.raises(InputError, match=rf"table\.txt: {sentence}"):
        binarize(folder / "found", folder / "table.txt", chrom_sizes=folder / "sizes.txt")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("A\tK4\tone.bed\nA\tK4\tone.bed\n", "line 2 repeats line 1"),
        ("A\tK4\tone.bed\tone.bed\nA\tH3\tone.bed\n", "H3 of A without a control"),
        ("A\tK4\tone.bed\nB\tH3\tone.bed\n", "A has no file of H3"),
    ],
)
def test_doubtful_tables_are_said_aloud(folder, caplog, table, sentence):
    write_bed(folder / "one.bed", 0)
    (folder / "table.txt").write_text(table)
    with caplog.at_level(logging.WARNING, "epizoo"):
        binarize(folder / "found", folder / "table.txt", chrom_sizes=folder / "sizes.txt")
    assert any(sentence in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"pairs": "paired"}, r"one\.bed: pairs are paired.*BAM"),
        ({"pairs": "paired", "center": True}, "paired .*centre"),
        ({"center": True, "peaks": True}, "center, peaks"),
        ({"pairs": "both"}, "pairs: both"),
        ({"bin_bp": 0}, "bin is 0 bp"),
        ({"p_value": 0}, "p-value"),
        ({"fold": -1}, "fold: -1"),
        ({"cell": "A"}, "cell: given.*marks"),
        ({"controls": {"K4": "a.bed"}}, "controls: given.*marks"),
        ({"marks": {"K4": "one.bed"}}, "both given"),
        ({"chrom_sizes": None}, r"one\.bed: .*--chrom-sizes"),
    ],
)
def test_settings_that_contradict_are_refused(folder, settings, sentence):
    write_bed(folder / "one.bed", 0)
    (folder / "table.txt").write_text("A\tK4\tone.bed\n")
    with pytest.raises(InputError, match=sentence):
        binarize(folder / "found", folder / "table.txt", **{"chrom_sizes": folder / "sizes.txt", **settings})


def test_single_reads_among_pairs_are_refused(folder):
    write_bam(folder / "one.bam", 0, "mixed")
    with pytest.raises(InputError, match=r"one\.bam: .*single reads.*mixed"):
        binarize(folder / "found", marks={"K4": folder / "one.bam"}, pairs="paired")


def test_alignments_of_another_format_are_refused(folder):
    (folder / "one.sam").write_text("@HD\tVN:1.6\n")
    (folder / "two.bam").write_text("no BAM\n")
    (folder / "three.bam").write_bytes(gzip.compress(b"BAM\1"))
    for name, sentence in (
        ("one.sam", "is SAM"),
        ("two.bam", "cannot be read as BAM"),
        ("three.bam", "cannot be read"),
    ):
        with pytest.raises(InputError, match=rf"{name}: {sentence}"):
            binarize(folder / "found", marks={"K4": folder / name})


def test_damaged_bams_are_refused(folder):
    write_bam(folder / "whole.bam", 0)
    content = (folder / "whole.bam").read_bytes()
    rng = np.random.default_rng(0)
    for cut in rng.integers(1, len(content) - 1, 40).tolist():
        (folder / "cut.bam").write_bytes(content[:cut])
        with pytest.raises(InputError, match=r"cut\.bam: cannot be read as BAM"):
            binarize(folder / "found", marks={"K4": folder / "cut.bam"})
    for place in rng.integers(18, len(content) - 40, 40).tolist():
        changed = bytearray(content)
        changed[place] ^= 0x55
        (folder / "changed.bam").write_bytes(changed)
        with pytest.raises(InputError, match=r"changed\.bam: "):
            binarize(folder / "found", marks={"K4": folder / "changed.bam"})
