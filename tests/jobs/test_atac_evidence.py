"""peak_caller/atac asks for evidence where reads can be counted, and goes by the probability elsewhere."""

import dataclasses

import numpy as np
import pandas as pd
import pyBigWig
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli import app
from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.pileup import ReadCoverage
from epizoo.genome.poisson import poisson_log10_p
from epizoo.recipes.simulated_peaks import ATAC
from epizoo.simulation.fragments import simulate_experiment, site_truth

N_BP = 1_000_000
DEPTHS = (1e6, 5e6, 3e7)
PLENTY = dataclasses.replace(
    ATAC.simulation, background_share=(0.6, 0.6), sites_per_10kb=(1.5, 1.5), enrichment=(60.0, 0.5, 30.0, 200.0)
)


@pytest.fixture(scope="module")
def entry():
    return epizoo.load("peak_caller/atac")


@pytest.fixture(scope="module", params=DEPTHS)
def experiment(request):
    """Reads of a chromosome, and its regions."""
    config = dataclasses.replace(PLENTY, reads=(request.param, request.param))
    drawn = simulate_experiment(np.random.default_rng(3), N_BP, config)
    edges = np.flatnonzero(np.diff(site_truth(drawn.sites, N_BP, config)[0], prepend=False, append=False))
    return drawn, pd.DataFrame({"chrom": "chr1", "start": edges[::2], "end": edges[1::2]})


def coverage_of(experiment):
    reads = experiment[0].treatment
    return ReadCoverage(["simulated"], {"chr1": N_BP}, {"chr1": (reads.start, reads.end)})


def write(path, values):
    edges = np.flatnonzero(np.diff(values, prepend=-1.0))
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("chr1", N_BP)])
        ends = np.append(edges[1:], N_BP)
        file.addEntries(["chr1"] * len(edges), edges.tolist(), ends=ends.tolist(), values=values[edges].tolist())
    return path


def probability_alone(entry):
    rule = entry.config.calling
    return dataclasses.replace(rule, least_evidence=0.0, evident_probability=0.0)


def test_the_rule_is_the_recipes(entry):
    assert entry.config.calling == ATAC.calling
    assert ATAC.calling.least_evidence > 0


def test_evidence_leaves_out_what_a_lower_probability_calls_and_keeps_the_regions(entry, experiment):
    coverage, regions = coverage_of(experiment), experiment[1]
    called, plain = entry.call_peaks(coverage), entry.call_peaks(coverage, config=probability_alone(entry))
    assert overlaps_any(regions, called).mean() > overlaps_any(regions, plain).mean() - 0.02
    assert overlaps_any(called, regions).mean() > 0.6
    lower = dataclasses.replace(probability_alone(entry), enter_probability=0.25, extend_probability=0.25)
    assert 0 < len(called) < len(entry.call_peaks(coverage, config=lower))


def test_peaks_do_not_depend_on_a_unit_that_is_a_factor(entry, experiment, tmp_path):
    coverage = coverage_of(experiment)
    values = coverage.values("chr1", 0, N_BP)
    peaks = entry.call_peaks(coverage)
    for factor, kind in ((0.2, "cpm"), (1 / values.mean(), "fold_change")):
        scaled = entry.call_peaks(write(tmp_path / f"{kind}.bw", factor * values), signal_kind=kind)
        assert len(peaks) == pytest.approx(len(scaled), abs=1)
        assert overlaps_any(peaks, scaled).mean() > 0.98


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        (lambda values: 0.2 * values.reshape(-1, 50).mean(axis=1).repeat(50), "cpm"),
        (lambda values: np.convolve(0.2 * values, np.full(100, 0.01), mode="same"), "cpm"),
        (lambda values: (values + 1) / (np.convolve(values, np.full(500, 0.002), mode="same") + 1), "fold_change"),
        (lambda values: poisson_log10_p(values, np.full(N_BP, values.mean())), "log10_p"),
    ],
)
def test_where_reads_cannot_be_counted_the_probability_alone_decides(entry, experiment, tmp_path, unit, kind):
    values = unit(coverage_of(experiment).values("chr1", 0, N_BP).astype(np.float64)).clip(0)
    file = write(tmp_path / "signal.bw", values.astype(np.float32))
    peaks = entry.call_peaks(file, signal_kind=kind)
    pd.testing.assert_frame_equal(peaks, entry.call_peaks(file, signal_kind=kind, config=probability_alone(entry)))


def test_probabilities_that_are_stated_replace_the_evidence(entry, experiment, tmp_path):
    coverage = coverage_of(experiment)
    file = write(tmp_path / "signal.bw", coverage.values("chr1", 0, N_BP))
    command = ["call-peaks", "peak_caller/atac", "--bigwig", str(file), "-o", str(tmp_path / "p.bed")]
    result = CliRunner().invoke(app, [*command, "--enter-probability", "0.7"])
    assert result.exit_code == 0, result.output
    stated = dataclasses.replace(probability_alone(entry), enter_probability=0.7)
    assert len((tmp_path / "p.bed").read_text().splitlines()) == len(entry.call_peaks(coverage, config=stated))
