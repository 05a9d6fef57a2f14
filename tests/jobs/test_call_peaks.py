"""Peaks of a genome, file in and file out, against the network over whole chromosomes at once."""

import dataclasses
from importlib.resources import files

import bioframe
import numpy as np
import pandas as pd
import pyBigWig
import pytest
from scipy.special import gammainc

import epizoo
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.peaks import call_peaks
from epizoo.errors import InputError
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.intervals import read_bed
from epizoo.genome.reads.pileup import ReadCoverage, pile_up
from epizoo.genome.signal import BigWig
from epizoo.jobs import genome_peaks

PLACE = ["chrom", "start", "end", "score", "peak"]


@pytest.fixture(scope="module")
def entry(random_zoo):
    return epizoo.load(random_zoo.folder / "peak_caller/random")


@pytest.fixture(scope="module")
def whole(entry, random_zoo):
    """Probabilities and signal in backgrounds of every chromosome, computed in one piece."""
    bin_bp, flank = entry.window.bin_bp, entry.window.flank_bins
    found = {}
    with BigWig(random_zoo.bigwig) as bigwig:
        fitted = entry.windows(intervals_file=None, bigwig_file=random_zoo.bigwig).fitted[0]
        for chrom, size in bigwig.chrom_sizes.items():
            n_bins = -(-size // bin_bp)
            signal = bigwig.binned(chrom, -flank, n_bins + flank, bin_bp)
            outputs = entry.predict({"coverage": fitted(signal)[None, :, None]})
            found[chrom] = (outputs["peak_probabilities"][0], signal[flank : flank + n_bins] / fitted.background)
    return found


@pytest.fixture(scope="module")
def rule(whole):
    """Thresholds that no probability is near, so that rounding cannot move a peak's edge."""
    values = np.sort(np.concatenate([arrays[0] for arrays in whole.values()]))
    thresholds = []
    for quantile in (0.6, 0.9):
        around = values[int(quantile * len(values)) :][:50]
        widest = np.argmax(np.diff(around))
        thresholds.append(float(around[widest : widest + 2].mean()))
    return PeakCallingConfig(thresholds[1], thresholds[0], min_width_bp=60, merge_gap_bp=50, background_bp=2000)


@pytest.fixture
def small_chunks(monkeypatch):
    """Many chunks of several rows, also on the test's small chromosomes."""
    monkeypatch.setattr(genome_peaks, "CHUNK_BINS", 64)
    monkeypatch.setattr(genome_peaks, "ROW_BINS", 16)


def expected_peaks(whole, entry, rule, sizes):
    tables = [
        call_peaks(chrom, 0, *arrays, rule, bin_bp=entry.window.bin_bp, chrom_size=sizes[chrom])
        for chrom, arrays in sorted(whole.items())
    ]
    return pd.concat(tables, ignore_index=True)


def sizes_of(path):
    with BigWig(path) as bigwig:
        return bigwig.chrom_sizes


def test_the_genome_in_chunks_gives_the_peaks_of_whole_chromosomes(entry, random_zoo, whole, rule, small_chunks):
    expected = expected_peaks(whole, entry, rule, sizes_of(random_zoo.bigwig))
    found = entry.call_peaks(random_zoo.bigwig, config=rule)
    assert len(found) > 10
    assert found["chrom"].nunique() == 2
    pd.testing.assert_frame_equal(found[[*PLACE, "name"]], expected[[*PLACE, "name"]])
    np.testing.assert_allclose(found["signalValue"], expected["signalValue"], rtol=1e-4)


def test_files_hold_what_is_returned(entry, random_zoo, whole, rule, small_chunks, tmp_path):
    peaks_file, track = tmp_path / "x.narrowPeak", tmp_path / "x.bw"
    found = entry.call_peaks(random_zoo.bigwig, config=rule, output=peaks_file, probabilities=track)
    read = bioframe.read_table(peaks_file, schema="narrowPeak")
    assert read[["chrom", "start", "end"]].to_numpy().tolist() == found[["chrom", "start", "end"]].to_numpy().tolist()
    with pyBigWig.open(str(track)) as bigwig:
        for chrom, (probabilities, _) in whole.items():
            size = bigwig.chroms(chrom)
            values = bigwig.values(chrom, 0, size, numpy=True)
            np.testing.assert_allclose(values, np.repeat(probabilities, entry.window.bin_bp)[:size], atol=6e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.bw", "x.narrowPeak"]


def test_regions_see_the_signal_around_them(entry, random_zoo, whole, rule, tmp_path):
    regions = pd.DataFrame({"chrom": ["chr2", "chr1", "chr1"], "start": [60, 7000, 4000], "end": [25_130, 9010, 7500]})
    track = tmp_path / "x.bw"
    found = entry.call_peaks(random_zoo.bigwig, regions=regions, config=rule, probabilities=track)
    with pyBigWig.open(str(track)) as bigwig:
        values = bigwig.values("chr1", 0, 40_000, numpy=True)
    np.testing.assert_allclose(values[4000:9050], np.repeat(whole["chr1"][0], 50)[4000:9050], atol=6e-5)
    assert np.isnan(values[:4000]).all()
    assert np.isnan(values[9050:]).all()
    on_chr1 = found[found["chrom"] == "chr1"]
    assert len(on_chr1) > 0
    assert on_chr1["start"].min() >= 4000
    assert on_chr1["end"].max() <= 9010


def test_peaks_end_at_the_border_of_regions(entry, random_zoo, rule):
    whole = entry.call_peaks(random_zoo.bigwig, config=dataclasses.replace(rule, min_width_bp=0, merge_gap_bp=0))
    wide = whole[(whole["end"] - whole["start"] > 100) & (whole["chrom"] == "chr1")].iloc[:5]
    assert len(wide) == 5
    for peak in wide.itertuples():
        region = pd.DataFrame({"chrom": ["chr1"], "start": [peak.start + 13], "end": [peak.end - 17]})
        cut = entry.call_peaks(random_zoo.bigwig, regions=region, config=dataclasses.replace(rule, min_width_bp=0))
        if len(cut):
            assert (cut["start"].min(), cut["end"].max()) == (peak.start + 13, peak.end - 17)
            assert (cut["peak"] >= 0).all()
            assert (cut["peak"] < cut["end"] - cut["start"]).all()


def test_regions_without_signal_are_said(entry, tmp_path, caplog):
    bigwig = tmp_path / "x.bw"
    with pyBigWig.open(str(bigwig), "w") as file:
        file.addHeader([("chr1", 100_000)])
        file.addEntries(["chr1"], [50_000], ends=[60_000], values=[3.0])
    assert entry.call_peaks(bigwig, regions="chr1:1-10,000").empty
    assert "holds no signal where peaks are asked for" in caplog.text


@pytest.mark.parametrize("q_value", [-0.1, 0.0, 5.0, float("nan")])
def test_q_values_that_are_none_are_refused(entry, random_zoo, q_value):
    with pytest.raises(InputError, match="expected more than 0 and at most 1"):
        entry.call_peaks(random_zoo.bigwig, q_value=q_value)


@pytest.mark.parametrize("seed", range(4))
def test_peaks_of_regions_are_those_of_the_genome(entry, random_zoo, rule, seed):
    rule = dataclasses.replace(rule, most_q=1.0, background_bp=2_000)
    genome = entry.call_peaks(random_zoo.bigwig, config=rule)
    rng = np.random.default_rng(seed)
    chosen = genome.iloc[np.sort(rng.choice(len(genome), 6, replace=False))]
    margin = rng.integers(150, 1_500, 6)
    regions = pd.DataFrame(
        {"chrom": chosen["chrom"], "start": (chosen["start"] - margin).clip(lower=0), "end": chosen["end"] + margin}
    )
    sizes = sizes_of(random_zoo.bigwig)
    regions["end"] = np.minimum(regions["end"], regions["chrom"].map(sizes))
    found = entry.call_peaks(random_zoo.bigwig, config=rule, regions=regions)
    same = [name for name in genome if name not in ("name", "qValue")]
    both = found[same].merge(genome[same], on=["chrom", "start", "end", "summits"], suffixes=("", "_genome"))
    wanted, shared = (set(zip(table["chrom"], table["start"], strict=True)) for table in (chosen, both))
    assert wanted <= shared
    for name in ("score", "peak", "blockStarts"):
        assert (both[name] == both[f"{name}_genome"]).all()
    for name in ("signalValue", "pValue"):
        np.testing.assert_allclose(both[name], both[f"{name}_genome"], rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_peaks_on_the_blacklist_are_left_out(entry, random_zoo, rule, seed, monkeypatch):
    # Without what the blacklist holds the scale is another one: tested with the transform.
    fit = CoverageTransform.fit
    monkeypatch.setattr(CoverageTransform, "fit", lambda *given, blacklist, **options: fit(*given, **options))
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 20_000, 12)
    blacklist = pd.DataFrame(
        {"chrom": rng.choice(["chr1", "chr2", "chrUn"], 12), "start": start, "end": start + rng.integers(1, 4000, 12)}
    )
    everything = entry.call_peaks(random_zoo.bigwig, config=rule)
    kept = entry.call_peaks(random_zoo.bigwig, config=rule, blacklist=blacklist)
    expected = [
        (peak.chrom, peak.start)
        for peak in everything.itertuples()
        if not any(
            row.chrom == peak.chrom and row.start < peak.end and row.end > peak.start for row in blacklist.itertuples()
        )
    ]
    assert 0 < len(kept) < len(everything)
    assert list(zip(kept["chrom"], kept["start"], strict=True)) == expected
    assert kept["name"].is_unique


def test_empty_stretches_go_through_the_network_once(entry, small_chunks, tmp_path, monkeypatch):
    path = tmp_path / "sparse.bw"
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader([("chr1", 500_000), ("chr2", 70_000), ("chr3", 30_000)])
        bigwig.addEntries(["chr1"] * 40, list(range(0, 4000, 100)), ends=list(range(100, 4100, 100)), values=[4.0] * 40)
    runs = []
    run = entry.activations
    monkeypatch.setattr(entry, "activations", lambda *arguments: runs.append(1) or run(*arguments))
    entry.call_peaks(path)
    n_chunks = -(-500_000 // entry.window.bin_bp // 64)
    assert n_chunks > 150
    assert len(runs) == 3  # Two windows with signal in them or in their flanks, and silence.


def test_nothing_is_left_of_a_run_that_is_interrupted(entry, random_zoo, small_chunks, tmp_path):
    def interrupt(done, total):
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        entry.call_peaks(
            random_zoo.bigwig, output=tmp_path / "x.bed", probabilities=tmp_path / "x.bw", progress=interrupt
        )
    assert list(tmp_path.iterdir()) == []


def test_outputs_never_replace_inputs_or_each_other(entry, random_zoo, tmp_path):
    before = random_zoo.bigwig.read_bytes()
    with pytest.raises(InputError, match=r"overwrite an input"):
        entry.call_peaks(random_zoo.bigwig, output=random_zoo.bigwig, output_format="bed")
    with pytest.raises(InputError, match=r"overwrite another output"):
        entry.call_peaks(random_zoo.bigwig, output=tmp_path / "x", probabilities=tmp_path / "x")
    assert random_zoo.bigwig.read_bytes() == before


@pytest.mark.parametrize("given", [{"output_format": "bed"}, {"output_format": "nothing"}, {"track_line": "mine"}])
def test_settings_of_a_file_that_is_not_written_are_refused(entry, random_zoo, given):
    with pytest.raises(InputError, match="format"):
        entry.call_peaks(random_zoo.bigwig, **given)


def test_a_blacklist_of_another_assembly_is_refused(entry, random_zoo):
    blacklist = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [0, 0], "end": [40_000, 25_131]})
    with pytest.raises(InputError, match=r"chr2:0-25131 .*past the end"):
        entry.call_peaks(random_zoo.bigwig, blacklist=blacklist)
    with pytest.raises(InputError, match=r"blacklist: .*chr1.*249,250,621 bp.*hg19.*40,000 bp"):
        entry.call_peaks(random_zoo.bigwig, blacklist="hg19")


def test_peaks_of_reads_are_those_of_their_bigwig(entry, rule, tmp_path):
    rng = np.random.default_rng(4)
    sizes = {"chr1": 40_000, "chr2": 25_130}
    rows = []
    for chrom, size in sizes.items():
        starts = np.concatenate([rng.integers(0, size - 50, 400), rng.normal(size / 2, 300, 200).astype(int)])
        rows += [f"{chrom}\t{start}\t{start + 50}\tr\t0\t{rng.choice(['+', '-'])}\n" for start in starts]
    (tmp_path / "x.bed").write_text("".join(rows))
    coverage = pile_up(tmp_path / "x.bed", chrom_sizes=sizes)
    with pyBigWig.open(str(tmp_path / "x.bw"), "w") as bigwig:
        bigwig.addHeader(list(sizes.items()))
        for chrom, size in sizes.items():
            bigwig.addEntries(chrom, 0, values=coverage.values(chrom, 0, size).tolist(), span=1, step=1)
    found, expected = entry.call_peaks(coverage, config=rule), entry.call_peaks(tmp_path / "x.bw", config=rule)
    assert len(found) > 5
    pd.testing.assert_frame_equal(found[PLACE], expected[PLACE])
    with pytest.raises(InputError, match=r"overwrite an input"):
        entry.call_peaks(coverage, config=rule, output=tmp_path / "x.bed")


def test_a_blacklist_of_another_naming_is_refused(entry, random_zoo):
    blacklist = pd.DataFrame({"chrom": ["1", "2"], "start": [0, 0], "end": [10, 10]})
    with pytest.raises(InputError, match=r"\b1, 2\b.*x?\.bw"):
        entry.call_peaks(random_zoo.bigwig, blacklist=blacklist)


@pytest.mark.parametrize("kind", ["coverage", "cpm", "fold_change"])
def test_evidence_counts_reads_of_coverage_and_assumes_two_below_other_signal(entry, random_zoo, kind):
    # All bins are one peak at odds of 1, so that folds are over the background of the file.
    even = PeakCallingConfig(1e-6, 1e-6, calibration=((0.0, 0.5), (1.0, 0.5)), score_evidence=True)
    peaks = entry.call_peaks(random_zoo.bigwig, config=even, signal_kind=kind)
    background = (
        entry.windows(intervals_file=None, bigwig_file=random_zoo.bigwig, signal_kind=kind).fitted[0].background
    )
    reads = background if kind == "coverage" else 2.0
    tail = gammainc(peaks["signalValue"].to_numpy() * reads, reads)
    assert peaks["score"].tolist() == np.rint(200 * np.log10(1 - np.log10(tail))).tolist()
    assert len(peaks) == 2
    assert abs(background - 2.0) > 0.5


def test_scaffolds_are_called_as_each_by_itself(entry, tmp_path):
    rng = np.random.default_rng(4)
    sizes = {"chr1": 60_000} | {f"scaffold_{number}": int(rng.integers(300, 4_000)) for number in range(12)}
    rows = []
    for chrom, size in sizes.items():
        starts = np.append(rng.integers(0, size - 40, size // 40), rng.integers(size // 2 - 90, size // 2, 60))
        rows += [f"{chrom}\t{start}\t{start + 36}\tr\t0\t{'+-'[start % 2]}\n" for start in starts.tolist()]
    (tmp_path / "x.bed").write_text("".join(rows))
    (tmp_path / "sizes").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in sizes.items()))
    options = {
        "reads": tmp_path / "x.bed",
        "chrom_sizes": tmp_path / "sizes",
        "enter_probability": 0.45,
        "extend_probability": 0.4,
    }
    together = entry.call_peaks(**options)
    alone = [
        entry.call_peaks(regions=pd.DataFrame({"chrom": [chrom], "start": [0], "end": [size]}), **options)
        for chrom, size in sorted(sizes.items())
    ]
    assert together["chrom"].nunique() > 6
    # A q-value is of all that was searched.
    tables = [pd.DataFrame(found).drop(columns="qValue") for found in (together, pd.concat(alone, ignore_index=True))]
    pd.testing.assert_frame_equal(*tables, check_dtype=False)


def test_duplicates_and_saturated_positions_are_told(entry, tmp_path, caplog):
    starts = np.random.default_rng(0).integers(0, 9_000, 20_000).tolist()
    (tmp_path / "x.bed").write_text("".join(f"chr1\t{start}\t{start + 36}\tr\t0\t+\n" for start in starts))
    (tmp_path / "sizes").write_text("chr1\t10000\n")

    def told(**options):
        caplog.clear()
        found = entry.call_peaks(reads=tmp_path / "x.bed", chrom_sizes=tmp_path / "sizes", **options)
        return " ".join(found.decided.notes), caplog.text

    n_left = 20_000 - len(set(starts))
    notes, warnings = told()
    assert f"Left out {n_left:,} of 20,000 reads ({n_left / 20_000:.1%})" in notes
    assert "--keep-duplicates auto" in warnings
    notes, warnings = told(keep_duplicates="auto")
    assert "--keep-duplicates" not in warnings
    assert "All duplicates" in told(keep_duplicates="all")[0]


def test_peaks_of_reads_are_those_of_their_coverage_and_say_so(entry, tmp_path):
    rows = [f"chr1\t{20_000 + 7 * i % 600}\t{20_036 + 7 * i % 600}\tr\t0\t{'+-'[i % 2]}\n" for i in range(300)]
    starts = np.random.default_rng(0).choice(39_000, 400, replace=False).tolist()
    rows += [f"chr{1 + i % 2}\t{start}\t{start + 36}\tr\t0\t+\n" for i, start in enumerate(starts)]
    (tmp_path / "x.bed").write_text("".join(rows))
    (tmp_path / "sizes").write_text("chr1\t40000\n")
    options = {"enter_probability": 0.45, "extend_probability": 0.4, "min_width_bp": 100}
    found = entry.call_peaks(
        reads=tmp_path / "x.bed", chrom_sizes=tmp_path / "sizes", coverage=tmp_path / "x.bw", **options
    )
    again = entry.call_peaks(tmp_path / "x.bw", **options)
    assert len(found) > 0
    values = ["pValue", "qValue"]
    pd.testing.assert_frame_equal(found.drop(columns=values), again.drop(columns=values))
    # Reads are counted by the steps of the bigWig, of which few are lost.
    np.testing.assert_allclose(found[values], again[values], rtol=0.1)
    assert [note.split(":")[0].split(" ")[0] for note in found.decided.notes] == ["Read", "Left", "Left"]
    assert "500 fragments" in found.decided.notes[0]
    assert "0 of 500 reads (0.0%)" in found.decided.notes[1]
    assert "200 reads" in found.decided.notes[2]
    assert again.decided.notes == (f"Detected in {tmp_path / 'x.bw'}: --signal-kind coverage.",)


def test_a_table_writes_the_file_that_the_job_writes(entry, random_zoo, rule, tmp_path):
    found = entry.call_peaks(random_zoo.bigwig, config=rule, output=tmp_path / "a.narrowPeak")
    found.to_narrowpeak(tmp_path / "b.narrowPeak")
    found[found["chrom"] == "chr2"].to_narrowpeak(tmp_path / "c.narrowPeak")
    written = (tmp_path / "a.narrowPeak").read_text()
    assert (tmp_path / "b.narrowPeak").read_text() == written
    rows = [row for row in written.splitlines() if row.startswith("chr2\t")]
    assert (tmp_path / "c.narrowPeak").read_text().splitlines() == rows


def test_what_was_stated_replaces_a_part_of_the_rule_and_is_told(entry, random_zoo, rule):
    found = entry.call_peaks(random_zoo.bigwig, config=rule, min_width_bp=200, merge_gap_bp=1_500)
    expected = entry.call_peaks(
        random_zoo.bigwig, config=dataclasses.replace(rule, min_width_bp=200, merge_gap_bp=1_500)
    )
    pd.testing.assert_frame_equal(found, expected)
    lines = found.decided.summary().splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(line.strip() for line in lines)
    for setting in (f"{rule.enter_probability:.4g} to enter", f"{rule.extend_probability:.4g} to extend"):
        assert setting in text
    assert "at least 200 bp wide, gaps up to 1,500 bp joined" in text
    fitted = entry.windows(intervals_file=None, bigwig_file=random_zoo.bigwig).fitted[0]
    assert f"background {fitted.background:.4g}; scale {fitted.scale:.4g}" in text


def test_a_q_value_that_applied_is_told(entry, random_zoo, rule):
    asked = dataclasses.replace(rule, most_q=0.02)
    text = " ".join(entry.call_peaks(random_zoo.bigwig, config=asked).decided.summary().split())
    assert "q-value of its reads at most 0.02" in text
    text = " ".join(entry.call_peaks(random_zoo.bigwig, config=asked, q_value=1).decided.summary().split())
    assert "q-value of" not in text


def test_no_genome_is_tiled_that_nobody_reads_by_windows(entry, random_zoo, monkeypatch):
    monkeypatch.setattr("epizoo.genome.windows.tile", lambda *arguments: pytest.fail("tiled"))
    entry.call_peaks(random_zoo.bigwig)
    with pytest.raises(pytest.fail.Exception):
        len(entry.windows(intervals_file=None, bigwig_file=random_zoo.bigwig))


@pytest.mark.parametrize(("chrom", "size", "name"), [("chr1", 248_956_422, "hg38"), ("1", 249_250_621, "hg19")])
def test_peaks_on_the_blacklist_of_the_assembly_are_told(chrom, size, name):
    listed = read_bed(files("epizoo.genome") / f"blacklists/{name}.bed.gz").query("chrom == 'chr1'").iloc[5]
    starts = np.repeat([listed["start"] + 300, 20_000_000, size - 9_000_000], 40)
    starts = np.concatenate([starts + np.tile(np.arange(40) * 8, 3), np.arange(100_000, size, 1_000_000)])
    reads = ReadCoverage(["reads.bam"], {chrom: size}, {chrom: (starts, starts + 200)})
    told = f"On ENCODE's blacklist of {name}: 1 of 3 peaks (--blacklist {name} leaves them out)."
    universal = epizoo.load("peak_caller/universal")
    assert universal.call_peaks(reads).decided.notes[-1] == told
    masked = universal.call_peaks(reads, blacklist=name)
    assert len(masked) == 2
    assert told not in masked.decided.notes
    elsewhere = ReadCoverage(["reads.bam"], {chrom: size - 1}, {chrom: (starts, starts + 200)})
    assert "ENCODE" not in " ".join(universal.call_peaks(elsewhere).decided.notes)
