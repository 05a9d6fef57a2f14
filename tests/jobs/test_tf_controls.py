"""peak_caller/tf and its control: what both tracks hold is no peak, on simulated experiments and on real reads."""

import dataclasses

import numpy as np
import pyBigWig
import pytest

import epizoo
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import ReadCoverage, pile_up
from epizoo.recipes.simulated_peaks import TF
from epizoo.simulation.fragment_draws import Reads
from epizoo.simulation.fragments import simulate_experiment

N_BP = 500_000
# Enough reads for every site to be clear, and sites in every stretch.
PLENTY = dataclasses.replace(
    TF.simulation, reads=(3e7, 3e7), background_share=(0.9, 0.9), sites_per_10kb=(2.0, 2.0), control_share=1.0
)
SELF = dataclasses.replace(PLENTY, self_control_share=1.0)
INPUT = dataclasses.replace(PLENTY, sites_per_10kb=(1e-9, 1e-9), decoys_per_10kb=(1e-9, 1e-9), self_control_share=0.0)
ONE_LIBRARY_BP = 200


@pytest.fixture(scope="module")
def entry():
    return epizoo.load("peak_caller/tf")


def track(*parts):
    starts, ends = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    return ReadCoverage(["simulated"], {"chr1": N_BP}, {"chr1": (starts, ends)})


def tracks(config, seed):
    experiment = simulate_experiment(np.random.default_rng(seed), N_BP, config)
    return track(experiment.treatment), track(experiment.control)


def highest_probability(entry, treatment, control, tmp_path):
    entry.call_peaks(treatment, control=control, probabilities=tmp_path / "p.bw")
    with pyBigWig.open(str(tmp_path / "p.bw")) as bigwig:
        return max(bigwig.stats(chrom, type="max", exact=True)[0] for chrom in bigwig.chroms())


@pytest.mark.parametrize("seed", [0, 1])
def test_the_network_itself_sees_no_peak_in_its_own_control(entry, tmp_path, seed):
    # Calling drops what does not rise above the control, whatever its probability.
    treatment, _ = tracks(SELF, seed)
    assert highest_probability(entry, treatment, treatment, tmp_path) < 0.1
    assert highest_probability(entry, treatment, None, tmp_path) > 0.9


@pytest.mark.parametrize("seed", [0, 1])
def test_a_treatment_that_is_its_own_control_has_no_peaks(entry, seed):
    treatment, again = tracks(SELF, seed)
    alone = len(entry.call_peaks(treatment))
    assert alone > 20
    assert entry.call_peaks(treatment, control=treatment).empty
    # Other reads of the same library, in which chance is another.
    assert len(entry.call_peaks(treatment, control=again)) <= 0.05 * alone


def test_an_input_with_another_as_control_has_hardly_any_peaks(entry):
    pairs = [tracks(INPUT, seed) for seed in range(4)]
    called = sum(len(entry.call_peaks(treatment, control=control)) for treatment, control in pairs)
    alone = sum(len(entry.call_peaks(treatment)) for treatment, _ in pairs)
    # Sharp artefacts of 2 Mb, which the treatment alone cannot tell from peaks.
    assert alone > 50
    assert called <= 0.1 * alone


@pytest.mark.parametrize("spread_bp", [1, 60])
@pytest.mark.parametrize("depth", [0.3, 1.0, 3.0])
def test_a_sharp_artefact_is_called_in_the_treatment_alone_and_not_where_the_control_has_it_too(
    entry, depth, spread_bp
):
    random = np.random.default_rng(int(10 * depth))

    def background(factor):
        starts = random.integers(-ONE_LIBRARY_BP, N_BP, int(20_000 * factor))
        return Reads(starts, starts + ONE_LIBRARY_BP)

    def pile(factor):
        starts = 250_000 + random.integers(-100, 100, int(200 * factor)) - 100 + random.integers(spread_bp)
        return Reads(starts, starts + ONE_LIBRARY_BP)

    def near(peaks):
        return peaks[(peaks["start"] < 250_500) & (peaks["end"] > 249_500)]

    treatment, artefact = background(1), pile(1)
    clean, stained = background(depth), pile(depth)
    assert len(near(entry.call_peaks(track(treatment, artefact), control=track(clean)))) == 1
    assert near(entry.call_peaks(track(treatment, artefact), control=track(clean, stained))).empty


@pytest.mark.data
def test_on_real_reads_nothing_is_called_over_itself(entry, data_dir, tmp_path):
    folder = data_dir / "peaks" / "ctcf_chr22"
    chip, control = (
        pile_up(folder / f"CTCF_SE_{kind}_chr22_50k.bed.gz", PileUpConfig(), chrom_sizes={"chr22": 51_304_566})
        for kind in ("ChIP", "CTRL")
    )
    assert entry.call_peaks(chip, control=chip).empty
    for treatment in (chip, control):
        assert highest_probability(entry, treatment, treatment, tmp_path) < 0.1
    # Version 1.0.0 called 46 here; MACS3 none.
    assert len(entry.call_peaks(control, control=control)) <= 2
    assert len(entry.call_peaks(control, control=chip)) <= 20
    assert len(entry.call_peaks(chip, control=control)) > 500
