"""The real ChromHMM's enrichments and comparison of models, figure for figure."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epizoo.calling.chromhmm_files import write_segments
from epizoo.calling.segments import segments_from_states
from epizoo.genome.intervals import read_bed
from epizoo.jobs.state_models import read_state_model
from epizoo.metrics.enrichment import neighborhood_enrichment, overlap_enrichment, read_anchors, write_enrichment
from epizoo.metrics.segmentations import read_segmentation
from epizoo.metrics.state_comparison import compare_models
from epizoo.models.hmm.reference import HMMParameters
from epizoo.states.chromhmm_models import ChromHMMModel, write_emissions

JAR = Path("/usr/share/java/chromhmm.jar")
SIZES = {"chr1": 2_000, "chr2": 431, "chrX": 1}


def chromhmm(*arguments: object) -> None:
    """Run the program; where it is not installed there is nothing to hold us to. CI installs it."""
    if not JAR.exists() or not shutil.which("java"):
        pytest.skip(f"{JAR} or java is not installed")
    subprocess.run(["java", "-jar", JAR, *map(str, arguments)], check=True, capture_output=True)


def read(path):
    return pd.read_csv(path, sep="\t", index_col=0)


@pytest.fixture
def segments(tmp_path):
    """Seven states of which number 5 never occurs; the last bin of chr2 is cut short, chr1 has a gap."""
    rng = np.random.default_rng(0)
    tables = []
    for chrom, n_bins in SIZES.items():
        states = np.repeat(rng.choice([0, 1, 2, 3, 5, 6], n_bins), rng.integers(1, 9, n_bins))[:n_bins]
        tables.append(segments_from_states(states, chrom, bin_bp=200, chrom_size=n_bins * 200 - 77 * (chrom == "chr2")))
    table = pd.concat(tables, ignore_index=True).drop(index=range(40, 50))
    write_segments(tmp_path / "Liver_7_segments.bed", table)
    return tmp_path / "Liver_7_segments.bed"


def write_intervals(path, seed, n):
    rng = np.random.default_rng(seed)
    chroms = rng.choice([*SIZES, "chr9"], n)
    starts = rng.integers(0, 410_000, n)
    ends = starts + rng.integers(1, 9_000, n)
    rows = zip(chroms, starts, ends, strict=True)
    path.write_text("".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in rows))


def test_overlaps_are_chromhmms(segments, tmp_path):
    folder = tmp_path / "coords"
    folder.mkdir()
    for seed, (name, n) in enumerate({"genes.bed": 200, "islands.hg19.bed": 30, "one.bed": 1}.items()):
        write_intervals(folder / name, seed, n)
    (folder / "ends.bed").write_text("chr2\t86000\t90000\nchr1\t399999\t400001\nchrX\t0\t1\nchr1\t0\t200\n")
    (folder / "one.bed").write_text("chr1\t1000\t50000\n")
    chromhmm("OverlapEnrichment", "-noimage", segments, folder, tmp_path / "theirs")
    annotations = {path.name: read_bed(path) for path in sorted(folder.iterdir())}
    write_enrichment(tmp_path / "ours.txt", overlap_enrichment(read_segmentation(segments), annotations))
    assert (tmp_path / "ours.txt").read_text().splitlines()[0] == (tmp_path / "theirs.txt").read_text().splitlines()[0]
    # Five decimals, of which a last one on the edge may be rounded the other way; ten in the last row.
    pd.testing.assert_frame_equal(read(tmp_path / "ours.txt"), read(tmp_path / "theirs.txt"), rtol=0, atol=1.01e-5)
    pd.testing.assert_series_equal(
        read(tmp_path / "ours.txt").loc["Base"], read(tmp_path / "theirs.txt").loc["Base"], rtol=0, atol=1.01e-10
    )


@pytest.mark.parametrize(("sides", "spacing"), [(10, 200), (4, 330)])
def test_neighbourhoods_are_chromhmms(segments, tmp_path, sides, spacing):
    rng = np.random.default_rng(4)
    chroms, strands = rng.choice([*SIZES, "chr9"], 500), rng.choice(["+", "-"], 500)
    # The first ones lie within a bin of the chromosome's start, the last past its end.
    positions = np.concatenate([rng.integers(0, 3_000, 50), rng.integers(0, 420_000, 450)])
    rows = zip(chroms, positions, strands, strict=True)
    (tmp_path / "tss.txt").write_text("".join(f"{chrom}\t{at}\t{strand}\n" for chrom, at, strand in rows))
    options = ["-noimage", "-l", sides, "-r", sides, "-s", spacing]
    chromhmm("NeighborhoodEnrichment", *options, segments, tmp_path / "tss.txt", tmp_path / "theirs")
    table = neighborhood_enrichment(
        read_segmentation(segments), read_anchors(tmp_path / "tss.txt"), n_left=sides, n_right=sides, spacing_bp=spacing
    )
    write_enrichment(tmp_path / "ours.txt", table)
    assert (tmp_path / "ours.txt").read_text() == (tmp_path / "theirs.txt").read_text()


def test_best_correlations_are_chromhmms(tmp_path):
    """Marks in another order, states without variance, models of several sizes."""
    marks = ("H3K4me3", "H3K27ac", "H3K36me3", "H3K27me3", "CTCF")
    rng = np.random.default_rng(2)
    (tmp_path / "others").mkdir()
    for n_states in (3, 4, 6):
        order = rng.permutation(len(marks))
        emission = rng.random((n_states, len(marks)))
        emission[1] = 0.25
        parameters = HMMParameters(np.ones(n_states) / n_states, np.full((n_states, n_states), 1 / n_states), emission)
        model = ChromHMMModel(parameters, tuple(marks[mark] for mark in order))
        write_emissions(tmp_path / "others" / f"emissions_{n_states}.txt", model)
    files = sorted((tmp_path / "others").iterdir())
    chromhmm("CompareModels", "-noimage", files[1], tmp_path / "others", tmp_path / "theirs")
    models = [read_state_model(path).emissions for path in files]
    write_enrichment(tmp_path / "ours.txt", compare_models(models[1], models))
    assert (tmp_path / "ours.txt").read_text() == (tmp_path / "theirs.txt").read_text()
