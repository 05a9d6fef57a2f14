"""Windows of a rule's truth: what is shown and what is asked belong together, and unknown bins do not count."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml
from flax import nnx
from made_stretches import make_stretch

from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig
from epizoo.peaks.distillation import Contig, DistillationSettings, Taught, random_windows, read_contigs
from epizoo.peaks.labelled_stretches import CropSettings
from epizoo.peaks.network_fit import FitSettings, fit
from epizoo.peaks.threshold_rule import ThresholdRule, rule_candidates, smooth, soft_calls
from epizoo.peaks.training_batches import DistilledBatches, SimulatedBatches
from epizoo.recipes import distilled_start as peak_caller_distilled
from epizoo.recipes import labelled_peaks
from epizoo.recipes.distilled_start import Distiller
from epizoo.recipes.labelled_peaks_settings import H3K4ME3, UNIVERSAL, LabelledSet
from epizoo.simulation.coverage import SimulationConfig

BIN_BP = 50
CROPS = CropSettings(n_bins=160, flank_bins=20)
RULE = ThresholdRule(4.0, 2.8, 100, 100)
SETTINGS = DistillationSettings(rule_candidates((4.0,), (0.7,), (100,), 100), keeps=(0.1,), factor_sd=0.2)
FITTING = FitSettings(60, 1e-2, 0.0)


def make_contig(random, n_bins=1_000, chrom="chr1"):
    signal = random.gamma(1.0, 0.5, n_bins)
    for start in random.integers(0, n_bins, n_bins // 40):
        signal[start : start + 12] += random.gamma(3.0, 2.0)
    signal = signal.astype(np.float32)
    level = smooth(signal, 150, BIN_BP).astype(np.float32)
    noisy = (signal * random.gamma(5.0, 0.2, n_bins)).astype(np.float32)
    return Contig(chrom, level, np.flatnonzero(level >= 2), [signal, noisy])


def test_the_truth_of_a_window_is_the_rule_on_what_is_shown():
    random = np.random.default_rng(0)
    contig = make_contig(random)
    taught = Taught(RULE, [contig], SETTINGS._replace(whole_share=1.0))
    coverage, truth, weight = random_windows(random, taught, 40, CROPS, BIN_BP)
    for shown, asked, counts in zip(coverage, truth, weight, strict=True):
        again = soft_calls(smooth(np.sinh(shown.astype(np.float64)), 150, BIN_BP), RULE, SETTINGS.sharpness)
        # The ends of the contig are smoothed with what lies beyond a window, and so are the window's own.
        inner = counts.astype(bool) & (np.abs(again - asked) < 0.02)
        assert inner.sum() > 0.9 * counts.sum()
    assert set(np.unique(weight)) == {0.0, 1.0}
    assert not weight[:, :20].any()
    assert not weight[:, -20:].any()


def test_unknown_bins_are_zero_and_do_not_count():
    random = np.random.default_rng(1)
    contig = make_contig(random, n_bins=60)
    coverage, _, weight = random_windows(random, Taught(RULE, [contig], SETTINGS), 60, CROPS, BIN_BP)
    known = coverage != 0
    assert known.sum(axis=1).max() <= 60
    assert not weight[~known].any()
    assert weight.sum(axis=1).max() == 60


def test_a_network_learns_the_rule():
    random = np.random.default_rng(2)
    taught = Taught(RULE, [make_contig(random)], SETTINGS)
    batches = DistilledBatches(random, BIN_BP, CROPS, [taught], n_mixed=2, n_real=2)
    model = PeakCaller(
        PeakCallerConfig(bin_bp=BIN_BP, n_filters=4, kernel_sizes=(3,), dilations=(1, 2), summit_window_bins=5),
        rngs=nnx.Rngs(0),
    )
    learned = fit(model, lambda: batches.next_windows(24), FITTING)
    batch = batches.next_windows(24)
    agreement = [
        np.average(
            (np.asarray(m(batch.simulated).peak_probabilities) >= 0.5) == (batch.is_peak >= 0.5), weights=batch.weight
        )
        for m in (model, learned)
    ]
    assert agreement[1] > 0.93
    assert agreement[1] > agreement[0]


@pytest.mark.data
def test_contigs_are_the_known_windows_of_the_mark_and_shares_have_their_own_scale(data_dir):
    from epizoo.genome.coverage_transform import CoverageTransform

    transform = CoverageTransform(peak_weight=0.85)
    contigs = read_contigs(data_dir, "H3K4me3", ("monocyte",), transform, BIN_BP, SETTINGS._replace(keeps=(0.5,)), 0)
    assert "chr2" not in {contig.chrom for contig in contigs}
    for contig in contigs:
        whole, half = contig.views
        assert len(whole) == len(half) == len(contig.level)
        # Halves of fragments and of scale cancel.
        assert half.mean() == pytest.approx(whole.mean(), rel=0.3)


def test_rules_and_simulated_windows_stand_side_by_side():
    random = np.random.default_rng(4)
    simulated = SimulatedBatches(0, BIN_BP, CROPS, [SimulationConfig()], n_pool=4, n_mixed=2, n_real=2)
    taught = [
        Taught(RULE, [make_contig(random)._replace(level=np.full(1_000, level, np.float32))], SETTINGS)
        for level in (40.0, 0.01)
    ]
    batches = DistilledBatches(random, BIN_BP, CROPS, taught, simulated, n_mixed=2, n_real=2)
    windows = batches.windows(7)
    assert len(windows.coverage) == len(windows.is_peak) == len(windows.weight) == 7
    counts = windows.weight > 0
    assert windows.is_peak[:3][counts[:3]].min() > 0.9
    assert windows.is_peak[3:5][counts[3:5]].max() < 0.1
    assert set(np.unique(windows.is_peak[5:])) <= {0.0, 1.0}


def test_each_mark_has_its_own_rule_and_coverage(monkeypatch):
    distiller, stretches = make_distiller()
    settings = dataclasses.replace(
        distiller.settings,
        labelled=(LabelledSet("H3K4me3", ("tcell",), "one"), LabelledSet("H3K36me3", ("tcell",), "two")),
        distillation=(SETTINGS, SETTINGS._replace(candidates=rule_candidates((9.0,), (0.5,), (100,), 100))),
    )
    broad = [stretch._replace(labels=stretch.labels.assign(mark="H3K36me3")) for stretch in stretches]
    contigs = [[make_contig(np.random.default_rng(0), chrom=chrom)] for chrom in ("chr1", "chr2")]
    both = Distiller(settings, 0, [*stretches, *broad], contigs, "chr9")
    assert [rule.enter for rule in both.rules()] == [4.0, 9.0]
    assert both.calling() is None
    monkeypatch.setattr(peak_caller_distilled, "fit", lambda start, *_: start)
    _, batches = both.teach(PeakCaller(settings.model, rngs=nnx.Rngs(0)), [*stretches, *broad])
    assert [taught.rule.enter for taught in batches.taught] == [4.0, 9.0]
    assert [taught.contigs[0].chrom for taught in batches.taught] == ["chr1", "chr2"]


def make_distiller():
    random = np.random.default_rng(3)
    settings = dataclasses.replace(
        H3K4ME3,
        model=PeakCallerConfig(bin_bp=BIN_BP, n_filters=4, kernel_sizes=(3,), dilations=(1,), summit_window_bins=5),
        crops=CROPS,
        distillation=(SETTINGS._replace(candidates=rule_candidates((2.0, 4.0, 8.0), (0.7,), (100, 0), 100)),),
        pretraining=FITTING,
    )
    stretch = make_stretch()
    stretches = [
        stretch._replace(chrom=chrom, labels=stretch.labels.assign(chrom=chrom, mark="H3K4me3"))
        for chrom in ("chr1", "chr2", "chr9")
    ]
    contigs = [make_contig(random, chrom=chrom) for chrom in ("chr1", "chr2", "chr9")]
    return Distiller(settings, 0, stretches, [contigs], "chr9"), stretches


def test_a_chromosome_that_is_left_out_neither_chooses_the_rule_nor_shows_its_coverage(monkeypatch):
    distiller, stretches = make_distiller()
    asked = []
    monkeypatch.setattr(
        peak_caller_distilled, "choose_rule", lambda errors, without: asked.append(set(without)) or next(iter(errors))
    )
    monkeypatch.setattr(peak_caller_distilled, "fit", lambda start, *_: start)
    start = PeakCaller(distiller.settings.model, rngs=nnx.Rngs(0))
    _, batches = distiller.teach(start, [stretch for stretch in stretches if stretch.chrom != "chr2"])
    assert asked == [{"chr2", "chr9"}]
    assert {contig.chrom for contig in batches.taught[0].contigs} == {"chr1", "chr9"}
    distiller.teach(start, stretches)
    assert asked[1] == {"chr9"}


def test_a_run_says_which_rule_it_learned(monkeypatch):
    distiller, stretches = make_distiller()
    monkeypatch.setattr(labelled_peaks, "data_hashes", lambda data, stretches: {})
    details = labelled_peaks.training_details(distiller.settings, distiller, Path("data"), stretches)
    said = yaml.safe_load(yaml.safe_dump(details))
    assert said["rules"] == {"H3K4me3": distiller.rules()[0]._asdict()}
    assert said["distillation"]["H3K4me3"]["keeps"] == [0.1]
    assert "simulations" not in said
    assert distiller.calling().merge_gap_bp == said["rules"]["H3K4me3"]["merge_gap_bp"]
    without = labelled_peaks.training_details(UNIVERSAL, None, Path("data"), stretches)
    assert len(without["simulations"]) == len(UNIVERSAL.simulations)
    assert "rules" not in without
