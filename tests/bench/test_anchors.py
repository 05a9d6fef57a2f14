"""Figures of peaks that came with the data, and of the data, as their README states them."""

import pytest

from epizoo.bench.callers import FilesOfPeaks, region_table
from epizoo.bench.experiments import EXPERIMENTS, TSS_OF_CELLS, experiments
from epizoo.bench.peak_truths import depth_figures
from epizoo.bench.places import motif_sites, tss_places
from epizoo.genome.overlaps import cut

pytestmark = pytest.mark.data
BY_NAME = {one.name: one for one in EXPERIMENTS}


def figures(data_dir, tmp_path, name, file):
    (tmp_path / f"{name}.{file.rsplit('.', 1)[-1]}").symlink_to(data_dir / file)
    call = FilesOfPeaks("theirs", tmp_path).call(BY_NAME[name], data_dir)
    return {row.metric: row for row in depth_figures("theirs", {name: call}, [BY_NAME[name]], data_dir)}


def test_the_shallow_peaks_of_hsc(data_dir, tmp_path):
    found = figures(data_dir, tmp_path, "atac_hsc_5M", "peaks/atac_hsc/HSC.5M.chr1_10mb.peaks.bed")
    assert found["share of peaks that overlap a true one"].value == pytest.approx(0.991, abs=5e-4)
    assert found["share of true peaks that are found"].value == pytest.approx(0.469, abs=5e-4)
    f1 = found["F1 by bp"].value
    assert f1 / (2 - f1) == pytest.approx(0.359, abs=5e-4)  # The Jaccard index.
    assert found["F1 by bp"].counted == "331 peaks, 595 true"


def test_hmmratac_on_yeast(data_dir, tmp_path):
    found = figures(data_dir, tmp_path, "atac_yeast", "peaks/atac_yeast/macs3_hmmratac.narrowPeak")
    near = found["share of summits within 250 bp of a TSS"]
    assert (near.counted, near.value) == ("1559 peaks", pytest.approx(0.554, abs=5e-4))
    assert found["share of TSS with a peak within 250 bp"].value == pytest.approx(0.237, abs=5e-4)


def test_places_that_peaks_are_held_to(data_dir):
    motif, genome = BY_NAME["lcdb_gaf_ip_1"].motif
    assert len(motif_sites(data_dir / genome, motif)) == 475
    inner = [(chrom, start + 1_000, end - 1_000) for chrom, start, end in BY_NAME["normr_Input"].span]
    tss = cut(tss_places(data_dir / TSS_OF_CELLS), region_table(inner))
    assert tss["class_K562"].value_counts()[["active", "silent"]].tolist() == [26, 49]


def test_samples_with_labels_and_with_constitutive_tss(data_dir):
    found = experiments(data_dir, ("tss",))
    assert len(found) == 26
    assert sum(end - start for one in found for _, start, end in one.regions) / 1e6 == pytest.approx(97.3, abs=0.05)
