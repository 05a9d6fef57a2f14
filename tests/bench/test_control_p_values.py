"""P-values of places are those that peaks there get, and are counted by kind of control."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import read_writers

import epizoo
from epizoo.bench.control_p_values import (
    AT_RANDOM,
    CUTOFFS,
    Places,
    controls,
    figures,
    p_values,
    places_of,
    width_bp,
)
from epizoo.bench.experiments import EXPERIMENTS, Stretch
from epizoo.calling.peaks import call_peaks
from epizoo.genome.reads.pileup import pile_up


@pytest.fixture(scope="module")
def track(tmp_path_factory):
    """Reads at random, and a pile of them."""
    reads = read_writers.random_reads(3)
    pile = [("chr1", 12_000 + i, 12_050 + i, "+") for i in range(150)]
    path = read_writers.write_bed(tmp_path_factory.mktemp("reads") / "r.bed", [*reads, *pile])
    return pile_up(path, chrom_sizes=read_writers.SIZES)


@pytest.mark.parametrize("name", ["tf", "universal", "h3k36me3"])
def test_a_place_has_the_p_value_that_a_peak_there_gets(name, track):
    entry = epizoo.load(f"peak_caller/{name}")
    span, per_place = Stretch("chr1", 0, 30_000), width_bp(entry) // entry.window.bin_bp
    found = p_values(entry, track, [span])
    is_peak = np.arange(30_000 // entry.window.bin_bp) // per_place % 2 == 0
    settings = {"merge_gap_bp": 0, "most_q": 1.0, "weak_probability": None, "weak_q": 0.0}
    peaks = call_peaks(
        "chr1",
        0,
        is_peak.astype(np.float32),
        track.binned("chr1", 0, len(is_peak), entry.window.bin_bp),
        dataclasses.replace(entry.config.calling, **settings),
        bin_bp=entry.window.bin_bp,
        chrom_size=30_000,
        least_background=entry.config.transform.fit(track).background,
        reads_per_area=track.reads_per_area,
    )
    assert len(peaks) == 30_000 // width_bp(entry) / 2
    np.testing.assert_allclose(found[::2], peaks["pValue"], rtol=1e-6, atol=1e-9)
    assert found.max() > 8


def test_places_wait_for_the_narrowest_peak_of_the_rule():
    assert {name: width_bp(epizoo.load(f"peak_caller/{name}")) for name in ("tf", "universal", "h3k36me3")} == {
        "tf": 500,
        "universal": 500,
        "h3k36me3": 1_000,
    }


def test_kinds_of_controls_are_counted_together(track):
    entry = epizoo.load("peak_caller/universal")
    found = [Places("a", np.array([0.0, 1.5, 2.5])), Places("b", np.zeros(2)), Places("a", np.array([4.2]))]
    rows = {(row.data, row.metric): row.value for row in figures(entry, found)}
    assert len(rows) == 2 * len(CUTOFFS)
    for cut, expected in zip((1, 2, 3, 4), (7.5, 50, 250, 2_500), strict=True):
        metric = f"places with p of at most 10^-{cut}, observed over expected"
        assert rows["a, places of 500 bp", metric] == pytest.approx(expected)
        assert rows["b, places of 500 bp", metric] == 0
    negative = [dataclasses.replace(one, span=(Stretch("chr1", 0, 20_000),)) for one in EXPERIMENTS if one.is_negative]
    kinds = [places.kind for places in places_of(entry, [(one, track) for one in negative])]
    assert kinds == [AT_RANDOM, "K562 Input", *["chrY of a female"] * 4, *["fly input"] * 3]


def test_reads_at_random_are_not_significant(track):
    entry = epizoo.load("peak_caller/universal")
    spans = [Stretch("chr1", 0, 30_000)]
    drawn = np.concatenate([p_values(entry, track, spans, np.random.default_rng(seed)) for seed in range(50)])
    # Counts are whole numbers, so that no p-value is more frequent than its size says.
    for cut in (1, 2, 3):
        assert (drawn >= cut).mean() < 1.3 * 10.0**-cut
    assert (drawn >= 1).mean() > 0.05


@pytest.mark.data
def test_the_committed_figures_are_measured_again(data_dir):
    entry = epizoo.load("peak_caller/universal")
    path = Path(__file__).parents[2] / "benchmarks" / "peaks" / "control_p_values.json"
    committed = json.loads(path.read_text(encoding="utf-8"))["figures"]
    found = figures(entry, places_of(entry, list(controls(data_dir))))
    own = [row for row in committed if row["caller"] == entry.name]
    assert [row["counted"] for row in own] == [row.counted for row in found]
    assert [row["value"] for row in own] == [pytest.approx(row.value, abs=1e-4) for row in found]
