"""Reads that are counted by the steps of a signal, and signal in which they cannot be seen."""

from pathlib import Path

import numpy as np
import pytest

from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.read_depth import read_depth
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.genome.signal import SignalTrack, Summary

N_BP, WIDTH_BP = 1_500_000, 150


class Track(SignalTrack):
    """Values of one chromosome."""

    def __init__(self, values):
        self.track = values.astype(np.float32)
        self.path, self.chrom_sizes = Path("signal.bw"), {"chr1": len(values)}
        self.summary = Summary(len(values), float(values.min()))

    def values(self, chrom, start, end):
        return np.where(self.track[start:end] > 0, self.track[start:end], np.nan)

    def covered_blocks(self, block_bp):
        return [("chr1", start, min(start + block_bp, N_BP)) for start in range(0, N_BP, block_bp)]


def piled(n_reads, width_bp=WIDTH_BP, seed=0):
    """The pile-up of so many reads, a third of them in a tenth of the chromosome."""
    random = np.random.default_rng(seed)
    starts = random.integers(0, N_BP - width_bp, n_reads)
    starts[: n_reads // 3] //= 10
    steps = np.bincount(starts, minlength=N_BP + 1) - np.bincount(starts + width_bp, minlength=N_BP + 1)
    return np.cumsum(steps)[:N_BP].astype(np.float64)


def counted(values, kind):
    """The reads of the whole signal, or None."""
    track = Track(values)
    found = read_depth(track, CoverageTransform().fit(track, kind))
    found = found.per_area if found and found.source == "steps" else None
    return None if found is None else found * float(track.track.sum(dtype=np.float64))


@pytest.mark.parametrize("unit", [1.0, 0.2, 0.0371, 4.0])
@pytest.mark.parametrize("n_reads", [300, 5_000, 50_000])
@pytest.mark.parametrize("width_bp", [1, 50, WIDTH_BP, 300])
def test_reads_are_counted_in_any_unit_and_width(unit, n_reads, width_bp):
    found = counted(unit * piled(n_reads, width_bp), "coverage" if unit == 1 else "cpm")
    # Where a read starts as another ends no step is seen; cuts of one place make one.
    assert 0.8 * n_reads < found <= 1.001 * n_reads


def test_places_where_many_reads_begin_count_all_of_them():
    # Three of seven reads share a place with another one or two.
    copies = np.resize([1, 1, 1, 1, 3], 2_000)
    places = np.sort(np.random.default_rng(3).choice(N_BP // 600, len(copies), replace=False)) * 600
    steps = np.zeros(N_BP + 1)
    np.add.at(steps, places, copies)
    np.add.at(steps, places + WIDTH_BP, -copies)
    found = counted(0.37 * np.cumsum(steps)[:N_BP], "cpm")
    assert found == pytest.approx(copies.sum(), rel=0.02)


def means(values, width_bp):
    return values.reshape(-1, width_bp).mean(axis=1).repeat(width_bp)


def running_mean(values, width_bp):
    total = np.concatenate([np.zeros(width_bp), np.cumsum(values)])
    return (total[width_bp:] - total[:-width_bp]) / width_bp


@pytest.mark.parametrize("n_reads", [300, 5_000, 50_000])
@pytest.mark.parametrize(
    ("blur", "kind"),
    [
        (lambda values: 0.2 * means(values, 10), "cpm"),
        (lambda values: 0.2 * means(values, 50), "cpm"),
        (lambda values: running_mean(values, 100), "cpm"),
        (lambda values: (values + 1) / (0.1 + running_mean(values, 3_000)), "fold_change"),
        (lambda values: values, "log10_p"),
    ],
)
def test_where_single_reads_cannot_be_seen_nothing_is_counted(n_reads, blur, kind):
    assert counted(blur(piled(n_reads)), kind) is None


def test_whole_numbers_in_which_no_step_is_one_read_are_not_counted():
    assert counted(2 * piled(5_000), "coverage") is None
    assert counted(2 * piled(5_000), "cpm") == pytest.approx(counted(piled(5_000), "coverage"))


def test_a_signal_that_never_changes_is_no_evidence_of_reads():
    values = np.full(N_BP, 3.0)
    assert read_depth(Track(values), CoverageTransform().fit(Track(values), "cpm")) is None


def test_blocks_without_signal_leave_reads_unknown():
    track = Track(piled(300))
    fitted = CoverageTransform().fit(track, "coverage")
    assert read_depth(Track(np.zeros(N_BP)), fitted) is None


def noise(values, kind):
    """The reads that the noise of a signal suggests."""
    track = Track(values)
    found = read_depth(track, CoverageTransform().fit(track, kind))
    assert found.source == "noise"
    return found.per_area * float(track.track.sum(dtype=np.float64))


@pytest.mark.parametrize("n_reads", [5_000, 50_000])
@pytest.mark.parametrize("unit", [1.0, 0.0371])
def test_where_single_reads_cannot_be_seen_noise_tells_their_number(n_reads, unit):
    random = np.random.default_rng(4)
    starts = random.integers(0, N_BP - WIDTH_BP, n_reads)
    steps = np.bincount(starts, minlength=N_BP + 1) - np.bincount(starts + WIDTH_BP, minlength=N_BP + 1)
    values = means(unit * np.cumsum(steps)[:N_BP].astype(np.float64), 50)
    # Reads over the border of two stretches make them more alike: some tenths more reads.
    assert 0.85 * n_reads < noise(values, "cpm") < 1.35 * n_reads
    # Ten reads at every place, as duplicates are, are not ten times the evidence.
    assert noise(10 * values, "cpm") == pytest.approx(noise(values, "cpm"), rel=1e-3)


def test_peaks_do_not_change_what_noise_tells():
    random = np.random.default_rng(5)
    starts = np.concatenate([random.integers(0, N_BP - WIDTH_BP, 20_000), random.normal(7e5, 200, 5_000).astype(int)])
    steps = np.bincount(starts, minlength=N_BP + 1) - np.bincount(starts + WIDTH_BP, minlength=N_BP + 1)
    values = means(np.cumsum(steps)[:N_BP].astype(np.float64), 50)
    assert noise(0.2 * values, "cpm") == pytest.approx(25_000, rel=0.35)


def test_reads_that_are_at_hand_are_counted():
    random = np.random.default_rng(6)
    starts = random.integers(0, N_BP - 400, 3_000)
    ends = starts + random.integers(30, 400, 3_000)
    track = ReadCoverage(["reads.bam"], {"chr1": N_BP}, {"chr1": (starts, ends)})
    found = read_depth(track, CoverageTransform().fit(track))
    assert found.source == "reads"
    assert found.per_area * float(track.values("chr1", 0, N_BP).sum(dtype=np.float64)) == pytest.approx(3_000)


@pytest.mark.parametrize(("length", "is_seen"), [(3, True), (5, False)])
def test_where_more_than_three_quarters_of_the_steps_are_ramps_reads_cannot_be_seen(length, is_seen):
    # Reads that start in trains at neighbouring places: of a train's steps all but the last go on with the next.
    starts = (np.arange(500, 1_400_000, 1_000)[:, None] + np.arange(length)).ravel()
    steps = np.bincount(starts, minlength=N_BP + 1) - np.bincount(starts + WIDTH_BP, minlength=N_BP + 1)
    values = np.cumsum(steps)[:N_BP].astype(np.float64)
    expected = pytest.approx(len(starts)) if is_seen else None
    assert counted(values, "coverage") == expected
    assert counted(0.037 * values, "cpm") == expected


def lone_reads(heights, widths_bp=WIDTH_BP):
    """Reads of these heights one after the other, 1,000 bp apart, of which none touches the next."""
    values = np.zeros(N_BP)
    for i, (height, width) in enumerate(zip(heights, np.broadcast_to(widths_bp, len(heights)), strict=True)):
        values[500 + 1_000 * i :][:width] = height
    return values


@pytest.mark.parametrize(("height", "n_odd", "is_seen"), [(1.5, 100, False), (1.5, 40, True), (1.01, 100, True)])
def test_all_but_a_tenth_of_the_steps_are_whole_multiples_of_one_read(height, n_odd, is_seen):
    # 1.5 times as high as the others, 100 of 950 reads make 15% of the steps, 40 make 6%; 1% is rounding.
    found = counted(lone_reads([1.0] * 850 + [height] * n_odd), "cpm")
    assert found == (pytest.approx(850 + height * n_odd, rel=1e-3) if is_seen else None)


def test_steps_that_are_off_by_a_twentieth_are_no_multiples():
    assert counted(lone_reads([1.0] * 700 + [1.05] * 250), "cpm") is None


def test_reads_are_counted_in_blocks_all_over_the_signal(monkeypatch):
    # A fifth of the reads, at the beginning, is narrow: told by these alone there would be several times as many.
    values = lone_reads([1.0] * 1_400, np.repeat([50, 300], [280, 1_120]))
    blocks = [("chr1", start, start + 10_000) for start in range(0, N_BP, 10_000)]
    monkeypatch.setattr(Track, "covered_blocks", lambda self, block_bp: blocks)
    assert counted(values, "cpm") == pytest.approx(1_400, rel=0.2)
