"""Peaks of files with and without enrichment, beside deep sequences, against controls, in any unit of the signal."""

import logging

import numpy as np
import pandas as pd
import pyBigWig
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.genome.bigwig.writer import write_track
from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.poisson import poisson_log10_p
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.jobs.genome_peaks import PROBABILITIES, ROW_BINS, _predictor

SIZES = {"chr1": 1_500_000, "chr2": 750_000}
ENTRIES = ("universal", "h3k4me3", "h3k36me3", "tf", "atac", "cutrun")
NARROW = ("universal", "h3k4me3", "tf", "atac", "cutrun")
SEES_CONTROL = ("tf", "cutrun")
"""The control is an input of the network, so that it changes where peaks begin and end."""
SITES = pd.DataFrame(
    [(chrom, start, start + 600) for chrom, size in SIZES.items() for start in range(20_000, size - 20_000, 40_000)],
    columns=["chrom", "start", "end"],
)
DEEP_BP = 16_000


def thrown(random, size, n_reads):
    starts = random.integers(0, size - 200, n_reads)
    return starts, starts + 200


def reads_of(seed=0, *, per_kb=4.0, in_site=60, waves=False, deep=0, deep_first=True):
    """Reads thrown evenly, or with twofold waves of 50 kb, and some more in each site and in a deep sequence."""
    random = np.random.default_rng(seed)
    fragments = {}
    for chrom, size in SIZES.items():
        starts, ends = thrown(random, size, int(per_kb * size / 1_000))
        if waves:
            kept = random.random(len(starts)) < 0.75 + 0.25 * np.sin(2 * np.pi * starts / 50_000)
            starts, ends = starts[kept], ends[kept]
        for site in SITES[SITES["chrom"] == chrom].itertuples() if in_site else ():
            more = random.integers(site.start, site.end - 200, in_site)
            starts, ends = np.concatenate([starts, more]), np.concatenate([ends, more + 200])
        fragments[chrom] = starts, ends
    sizes = dict(SIZES)
    if deep:
        fragments["chrDeep"] = thrown(random, DEEP_BP, deep * DEEP_BP // 200)
        sizes = {"chrDeep": DEEP_BP, **SIZES} if deep_first else {**SIZES, "chrDeep": DEEP_BP}
    return ReadCoverage(["reads.bam"], sizes, fragments)


@pytest.fixture(scope="module")
def entries():
    return {name: epizoo.load(f"peak_caller/{name}") for name in ENTRIES}


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("waves", [False, True])
def test_a_file_without_enrichment_has_no_peaks_and_that_is_said(entries, name, waves, caplog):
    with caplog.at_level(logging.WARNING):
        peaks = epizoo.call_peaks(entries[name], reads_of(in_site=0, waves=waves))
    assert peaks.empty
    assert any("reads.bam" in text and "no peaks" in text and "input" in text for text in caplog.messages)


def test_weak_sites_of_a_deep_genome_are_found_by_their_evidence(entries, tmp_path):
    # As of a bacterium: 60 fragments a bp, and one and a half times as many more at a site.
    reads = reads_of(per_kb=300, in_site=270)
    peaks = epizoo.call_peaks(entries["universal"], reads)
    assert overlaps_any(SITES, peaks).mean() > 0.9
    assert overlaps_any(SITES, epizoo.call_peaks(entries["universal"], reads_of(per_kb=300, in_site=300))).all()
    assert overlaps_any(peaks, SITES).all()
    rule = peaks.decided.rule
    assert rule == entries["universal"].config.calling
    # Whoever asks for a probability gets no peak below it.
    stated = epizoo.call_peaks(entries["universal"], reads, enter_probability=rule.enter_probability)
    strict = epizoo.call_peaks(entries["universal"], reads, q_value=1e-200)
    table = tmp_path / "cutoffs.tsv"
    epizoo.call_peaks(entries["universal"], reads, cutoff_analysis=table)
    cutoffs = pd.read_csv(table, sep="\t").set_index("qscore")
    assert cutoffs.loc[-np.log10(rule.most_q), "npeaks"] == len(peaks)
    assert len(stated) < 0.5 * len(SITES)
    assert len(strict) < len(peaks)
    assert stated.decided.rule.weak_probability is None
    assert strict.decided.rule.weak_q == 1e-200
    assert epizoo.call_peaks(entries["universal"], reads_of(per_kb=300, in_site=0)).empty


@pytest.mark.parametrize("name", NARROW)
def test_sites_are_found_and_hardly_anything_else(entries, name):
    peaks = epizoo.call_peaks(entries[name], reads_of(waves=True))
    assert overlaps_any(SITES, peaks).mean() > 0.95
    assert overlaps_any(peaks, SITES).mean() > 0.95
    assert (peaks["pValue"] > peaks["qValue"]).all()
    assert peaks["qValue"].min() >= -np.log10(entries[name].config.calling.most_q)


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("deep_first", [True, False])
def test_a_deep_sequence_changes_no_peak_elsewhere(entries, name, deep_first, caplog):
    with caplog.at_level(logging.WARNING):
        beside = epizoo.call_peaks(entries[name], reads_of(deep=30_000, deep_first=deep_first))
    alone = epizoo.call_peaks(entries[name], reads_of())
    others = beside[beside["chrom"] != "chrDeep"]
    assert abs(len(others) - len(alone)) <= 0.01 * len(alone)
    assert overlaps_any(alone, others).mean() >= 0.99
    # It weighs on entries whose scale follows the peaks, and then it is named.
    follows = entries[name].config.transform.peak_weight > 0
    assert follows == any("chrDeep" in text and "capped" in text for text in caplog.messages) or name == "universal"


def test_sequences_are_left_out_by_name_and_by_default(entries, tmp_path):
    track = reads_of(deep=50)
    entry = entries["h3k4me3"]
    named = epizoo.call_peaks(entry, track, exclude=["chrDeep,chr2"])
    assert set(named["chrom"]) == {"chr1"}
    assert any(note.startswith("Left out: chrDeep, chr2 ") for note in named.decided.notes)
    track.chrom_sizes = {"chrM" if chrom == "chrDeep" else chrom: size for chrom, size in track.chrom_sizes.items()}
    for edges in (track._starts, track._ends):
        edges["chrM"] = edges.pop("chrDeep")
    usual = epizoo.call_peaks(entry, track)
    assert usual.decided.notes == ("Left out: chrM (--exclude names others, --exclude none leaves out none).",)
    assert "chrM" not in set(usual["chrom"])
    assert epizoo.call_peaks(entry, track, exclude=["none"]).decided.notes == ()
    asked = pd.DataFrame({"chrom": ["chrM"], "start": [0], "end": [DEEP_BP]})
    assert epizoo.call_peaks(entry, track, regions=asked).decided.notes == ()
    with pytest.raises(InputError, match=r"--exclude: chrX\b.*reads\.bam has .*chr1"):
        epizoo.call_peaks(entry, track, exclude=["chrX"])
    with pytest.raises(InputError, match=r"--exclude.*leaves nothing"):
        epizoo.call_peaks(entry, track, exclude=["chr1", "chr2", "chrM"])


@pytest.mark.parametrize("name", NARROW)
def test_what_the_control_holds_as_well_is_no_peak_for_any_entry(entries, name):
    treatment = reads_of(0)
    alone = epizoo.call_peaks(entries[name], treatment)
    assert len(alone) > 30
    assert epizoo.call_peaks(entries[name], treatment, control=reads_of(1)).empty
    flat = epizoo.call_peaks(entries[name], treatment, control=reads_of(2, in_site=0, per_kb=40.0))
    assert overlaps_any(SITES, flat).mean() > 0.95
    # Above a control p-values can only be less extreme, and a control ten times as deep is no higher for that.
    both = alone.merge(flat, on=["chrom", "start", "end"])
    assert len(both) > 0.8 * len(alone) or name in SEES_CONTROL
    # The network of tf sees the control, and may join other stretches to a peak of the same ends.
    assert (both["pValue_y"] <= both["pValue_x"] * (1.1 if name in SEES_CONTROL else 1.001)).all()


def test_a_control_without_a_sequence_has_no_signal_there(entries):
    control = reads_of(3, in_site=0)
    for by_chrom in (control.chrom_sizes, control._starts, control._ends):
        del by_chrom["chr2"]
    peaks = epizoo.call_peaks(entries["universal"], reads_of(0), control=control)
    assert overlaps_any(SITES, peaks).mean() > 0.95
    control.chrom_sizes["1"] = control.chrom_sizes.pop("chr1")
    for edges in (control._starts, control._ends):
        edges["1"] = edges.pop("chr1")
    with pytest.raises(InputError, match=r"reads\.bam: has 1, but none of the sequences .*chr1"):
        epizoo.call_peaks(entries["universal"], reads_of(0), control=control)


def write(path, values):
    class Values(ReadCoverage):
        def values(self, chrom, start, end):
            return values[chrom][start:end]

    track = reads_of()
    track.__class__ = Values
    write_track(path, track)
    return path


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        (lambda values: 0.2 * values.reshape(-1, 50).mean(axis=1).repeat(50), "cpm"),
        (lambda values: np.convolve(0.2 * values, np.full(100, 0.01), mode="same"), "cpm"),
        (lambda values: values / values.mean(), "fold_change"),
        (lambda values: poisson_log10_p(values, np.full(len(values), values.mean())), "log10_p"),
    ],
)
@pytest.mark.parametrize("name", ["universal", "h3k4me3"])
def test_noise_is_no_peak_whatever_the_unit_of_the_signal(entries, name, unit, kind, tmp_path):
    for in_site in (0, 120):
        track = reads_of(5, in_site=in_site)
        values = {chrom: unit(track.values(chrom, 0, size).astype(np.float64)).clip(0) for chrom, size in SIZES.items()}
        file = write(tmp_path / "signal.bw", {chrom: value.astype(np.float32) for chrom, value in values.items()})
        peaks = epizoo.call_peaks(entries[name], file, signal_kind=kind)
        assert peaks.decided.reads_from in ("steps", "noise")
        assert overlaps_any(peaks, SITES).all()
        assert overlaps_any(SITES, peaks).mean() > 0.95 if in_site else peaks.empty


def test_sequences_that_are_not_asked_for_do_not_set_the_scale_where_the_others_are_long(entries, monkeypatch):
    track, other = reads_of(), reads_of()
    for edges in (other._starts, other._ends):
        # Ten times the reads on chr2, sites and background alike.
        edges["chr2"] = np.repeat(edges["chr2"], 10)
    asked = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [100_000]})

    def scales():
        return [epizoo.call_peaks(entries["h3k4me3"], one, regions=asked).decided.scale for one in (track, other)]

    short = scales()
    assert short[0] != short[1]
    monkeypatch.setattr("epizoo.jobs.call_peaks._LONG_ENOUGH_BP", SIZES["chr1"])
    long = scales()
    assert long[0] == long[1]


def test_artefacts_on_the_blacklist_make_no_other_peak_look_better(entries):
    # Every second site is an artefact a hundred times as high, or is not there.
    artefacts = SITES[::2]
    tables = []
    for height in (0, 6_000):
        track = reads_of(7, in_site=30)
        random = np.random.default_rng(8)
        for site in artefacts.itertuples():
            more = random.integers(site.start, site.end - 200, height)
            track._starts[site.chrom] = np.sort(np.append(track._starts[site.chrom], more).astype(np.int32))
            track._ends[site.chrom] = np.sort(np.append(track._ends[site.chrom], more + 200).astype(np.int32))
        blacklist = artefacts.assign(start=artefacts["start"] - 1_000, end=artefacts["end"] + 1_000)
        tables.append(epizoo.call_peaks(entries["tf"], track, blacklist=blacklist, q_value=1))
    assert len(tables[0]) == len(tables[1]) > 10
    np.testing.assert_allclose(tables[0]["qValue"], tables[1]["qValue"], rtol=0.05)


def test_a_refused_run_leaves_no_coverage(entries, tmp_path):
    (tmp_path / "r.bed").write_text("chr1\t500\t600\tr\t0\t+\n")
    (tmp_path / "sizes").write_text("chr1\t100000\n")
    options = {"reads": tmp_path / "r.bed", "chrom_sizes": tmp_path / "sizes", "coverage": tmp_path / "c.bw"}
    with pytest.raises(InputError, match="chrQ"):
        epizoo.call_peaks(entries["universal"], exclude="chrQ", **options)
    assert not (tmp_path / "c.bw").exists()


def test_a_file_that_is_its_own_control_is_refused(entries, tmp_path):
    write_track(tmp_path / "x.bw", reads_of())
    (tmp_path / "y.bw").write_bytes((tmp_path / "x.bw").read_bytes())
    for control in ("x.bw", "y.bw"):
        with pytest.raises(InputError, match=rf"{control}: is given twice"):
            epizoo.call_peaks(entries["universal"], tmp_path / "x.bw", tmp_path / control)


def test_a_bigwig_that_pybigwig_has_open_gives_the_peaks_of_its_file(entries, tmp_path):
    write_track(tmp_path / "x.bw", reads_of())
    of_file = epizoo.call_peaks(entries["universal"], tmp_path / "x.bw")
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        pd.testing.assert_frame_equal(epizoo.call_peaks(entries["universal"], file), of_file)
        assert len(file.values("chr1", 0, 10)) == 10
    assert len(of_file) > 5


def test_options_that_do_not_go_together_are_refused(entries):
    track, entry = reads_of(), entries["universal"]
    with pytest.raises(InputError, match=r"--control-signal-kind: cpm\b.*without a control"):
        epizoo.call_peaks(entry, track, control_signal_kind="cpm")
    with pytest.raises(InputError, match=r"--exclude: none, chr1\b.*none alone"):
        epizoo.call_peaks(entry, track, exclude=["none", "chr1"])


def test_a_cutoff_analysis_counts_the_peaks_that_each_q_value_would_leave(entries, tmp_path):
    track, entry = reads_of(in_site=30), entries["universal"]
    epizoo.call_peaks(entry, track, cutoff_analysis=tmp_path / "cutoffs.tsv", output=tmp_path / "p.narrowPeak")
    table = pd.read_csv(tmp_path / "cutoffs.tsv", sep="\t")
    assert list(table.columns) == ["pscore", "qscore", "npeaks", "lpeaks", "avelpeak"]
    for row in table[table["qscore"] > 0].itertuples():
        peaks = epizoo.call_peaks(entry, track, q_value=10**-row.qscore)
        assert len(peaks) == row.npeaks
        assert int((peaks["end"] - peaks["start"]).sum()) == row.lpeaks
    written = pd.read_csv(tmp_path / "p.narrowPeak", sep="\t", header=None)
    assert (written[[7, 8]] > 0).all().all()


def test_a_scale_factor_makes_the_signal_stand_higher(entries):
    track, entry = reads_of(in_site=25), entries["h3k4me3"]
    numbers = [len(epizoo.call_peaks(entry, track, scale_factor=factor, q_value=1)) for factor in (0.3, None, 1, 3.0)]
    assert numbers[0] < numbers[1] == numbers[2] < numbers[3]
    control = reads_of(1, in_site=0)
    plain, scaled = (
        epizoo.call_peaks(entries["tf"], track, control=control, scale_factor=factor, q_value=1) for factor in (None, 2)
    )
    # The model sees more of the signal and as much of the control; folds are those of the reads.
    assert len(scaled) > len(plain)
    both = plain.merge(scaled, on=["chrom", "start", "end"])
    np.testing.assert_allclose(both["signalValue_x"], both["signalValue_y"], rtol=0.03)
    with pytest.raises(InputError, match=r"--scale-factor: 0\b.*expected"):
        epizoo.call_peaks(entry, track, scale_factor=0)


def test_the_command_takes_the_same_options(entries, tmp_path):
    rows = [
        f"{chrom}\t{start}\t{end}\tr\t0\t+\n"
        for chrom in SIZES
        for start, end in zip(*(edges[chrom].tolist() for edges in (reads_of()._starts, reads_of()._ends)), strict=True)
    ]
    (tmp_path / "r.bed").write_text("".join(rows))
    (tmp_path / "sizes").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    command = ["call-peaks", "peak_caller/universal", "--reads", str(tmp_path / "r.bed"), "--chrom-sizes"]
    command += [str(tmp_path / "sizes"), "-o", str(tmp_path / "p.narrowPeak"), "--exclude", "chr2", "--q-value", "1e-6"]
    result = CliRunner().invoke(
        app, [*command, "--cutoff-analysis", str(tmp_path / "c.tsv"), "--keep-duplicates", "all"]
    )
    assert result.exit_code == 0, result.output
    assert "q-value of its reads at most 1e-06" in " ".join(result.output.split())
    assert "Left out: chr2" in result.output
    found = pd.read_csv(tmp_path / "p.narrowPeak", sep="\t", header=None)
    assert set(found[0]) == {"chr1"}
    assert found[8].min() >= 6
    assert (tmp_path / "c.tsv").exists()


@pytest.mark.parametrize("name", ["universal", "tf"])
def test_peaks_are_the_same_where_silence_is_not_computed(entries, tmp_path, name):
    """Places with reads at all distances from each other; written probabilities need every bin."""
    random = np.random.default_rng(4)
    flank_bp = entries[name].window.flank_bins * entries[name].window.bin_bp
    gaps = np.concatenate([random.integers(200, 6 * flank_bp, 30), random.integers(6 * flank_bp, 12 * flank_bp, 5)])
    places = np.cumsum(random.permutation(gaps))
    starts = np.repeat(places, random.integers(1, 40, len(places)))
    starts = starts + random.integers(-150, 150, len(starts))
    track = ReadCoverage(["reads.bam"], {"chr1": int(places[-1]) + 3_000_000}, {"chr1": (starts, starts + 200)})
    sparse = epizoo.call_peaks(entries[name], track)
    every = epizoo.call_peaks(entries[name], track, probabilities=tmp_path / "every.bw")
    assert len(sparse) > 5
    pd.testing.assert_frame_equal(pd.DataFrame(sparse), pd.DataFrame(every), check_exact=True)


@pytest.mark.parametrize("name", ["universal", "tf"])
def test_bins_that_see_signal_have_the_probabilities_of_the_whole_window(entries, name):
    entry, chunk_bins = entries[name], 4 * ROW_BINS
    flank_bins, n_tracks = entry.window.flank_bins, entry.config.model.n_tracks
    random = np.random.default_rng(5)
    window = np.zeros((chunk_bins + 2 * flank_bins, n_tracks), np.float32)
    places = np.cumsum(random.integers(1, 5 * flank_bins, 40))
    places = places[places < chunk_bins // 2]
    window[places, 0] = random.uniform(1, 9, len(places))
    sparse, every = (
        _predictor(entry, (PROBABILITIES,), chunk_bins, skips_empty=skips)(window)[PROBABILITIES]
        for skips in (True, False)
    )
    inside = np.arange(chunk_bins) + flank_bins
    sees = np.abs(inside[:, None] - places).min(axis=1) <= flank_bins
    np.testing.assert_allclose(sparse[sees], np.asarray(every)[sees], rtol=1e-5, atol=0)
    assert not sparse[~sees].any()
    assert 0 < sees.sum() < chunk_bins


@pytest.mark.parametrize(("backend", "most_unused"), [("onnx", 512), ("jax", ROW_BINS)])
def test_hardly_more_bins_are_computed_than_see_signal(entries, monkeypatch, backend, most_unused):
    entry, shapes = entries["universal"].with_backend(backend), []
    flank_bins = entry.window.flank_bins
    activations = type(entry).activations

    def counted(self, inputs, names):
        shapes.append(inputs["coverage"].shape)
        return activations(self, inputs, names)

    monkeypatch.setattr(type(entry), "activations", counted)
    for n_signal in (1, 700, ROW_BINS, ROW_BINS + 1, 2 * ROW_BINS):
        window = np.zeros((4 * ROW_BINS + 2 * flank_bins, 1), np.float32)
        window[3 * flank_bins : 3 * flank_bins + n_signal] = 1
        found = _predictor(entry, (PROBABILITIES,), 4 * ROW_BINS, skips_empty=True)(window)[PROBABILITIES]
        n_rows, n_bins, _ = shapes[-1]
        sees = n_signal + 2 * flank_bins
        assert 0 <= n_rows * (n_bins - 2 * flank_bins) - sees < n_rows * most_unused
        assert np.flatnonzero(found).max() < 4 * flank_bins + n_signal
