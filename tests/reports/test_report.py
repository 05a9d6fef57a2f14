"""Reports: figures against pyBigWig and brute force, what is in the page and what is refused."""

import gzip
import importlib.util
import json
import logging
import os
import re
import shlex
import sys

import numpy as np
import pyBigWig
import pytest
from made_experiment import SIZES, WIDTH_BP
from report_pages import excerpts, table
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import InputError, MissingDependencyError


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "a.html"
    epizoo.report(path, peaks={"a": made.peaks}, bigwigs={"a": made.bigwig}, states={"a": made.states})
    return path.read_text()


def test_figures_are_those_of_the_files(made, tmp_path):
    path = tmp_path / "a_mqc.json"
    epizoo.report(tmp_path / "a.html", peaks={"a": made.peaks}, bigwigs={"a": made.bigwig}, multiqc=path)
    found = json.loads(path.read_text())["data"]["a"]
    with pyBigWig.open(str(made.bigwig)) as file:
        inside = sum(np.nansum(file.values(*interval, numpy=True)) for interval in made.intervals)
        total = sum(np.nansum(file.values(chrom, 0, size, numpy=True)) for chrom, size in SIZES.items())
    covered = sum(end - start for _, start, end in made.intervals)
    outside = (total - inside) / (sum(SIZES.values()) - covered)
    assert found["peaks"] == len(made.intervals)
    assert found["covered_bp"] == covered
    assert found["median_width_bp"] == np.median([end - start for _, start, end in made.intervals])
    assert found["signal_in_peaks"] == pytest.approx(inside / total, rel=1e-6)
    assert found["enrichment"] == pytest.approx(inside / covered / outside, rel=1e-6)


def test_the_browser_shows_the_values_of_the_bigwig(made, page):
    given = excerpts(page)
    assert [locus["reason"] for locus in given["loci"]][:1] == ["strongest peak"]
    signal = next(track for track in given["tracks"] if track["kind"] == "signal")
    assert len(signal["parts"]) == len(given["loci"])
    with pyBigWig.open(str(made.bigwig)) as file:
        for part in signal["parts"]:
            values = np.repeat(part["values"], part["runs"])
            end = min(part["start"] + len(values) * part["bin"], SIZES[part["chr"]])
            assert end - part["start"] <= WIDTH_BP * 1_000
            expected = file.values(part["chr"], part["start"], end, numpy=True)
            means = [expected[i : i + part["bin"]].mean() for i in range(0, len(expected), part["bin"])]
            assert values == pytest.approx(means, rel=1e-3)


def test_states_have_their_share_and_the_colours_of_their_file(page):
    genome = sum(SIZES.values())
    rows = {row[0]: row for row in table(page, "States of a")}
    assert rows["Active"][1:4] == [f"{100 * 4_000 / genome:.2g}%", "4,000", "2"]
    assert rows["Weak"][2] == "12,000"
    assert 'style="background: rgb(255,0,0)"></span>Active' in page
    states = next(track for track in excerpts(page)["tracks"] if track["kind"] == "states")
    assert {(name, color) for *_, name, color in states["rows"]} >= {("Low", "255,255,255")}


def test_peaks_and_states_in_annotations(made, tmp_path):
    chrom, start, end = made.intervals[3]
    (tmp_path / "over.bed").write_text(f"{chrom}\t{start}\t{end}\n")
    path = tmp_path / "a.html"
    epizoo.report(
        path,
        peaks={"a": made.peaks},
        bigwigs={"a": made.bigwig},
        states={"a": made.states},
        over=[tmp_path / "over.bed", made.states.with_name("states.bed")],
    )
    covered = sum(end - start for _, start, end in made.intervals)
    found = {row[0]: row[1:] for row in table(path.read_text(), "Peaks of a in annotations")}
    assert found["over"][0] == f"{100 / len(made.intervals):.1f}%"
    assert float(found["over"][1].replace(",", "")) == pytest.approx(sum(SIZES.values()) / covered, rel=1e-2)
    assert found["states"] == ["100.0%", "1"]


def test_a_report_of_no_peaks_says_so(made, tmp_path):
    empty, path = tmp_path / "none.narrowPeak", tmp_path / "none.html"
    empty.write_text("")
    epizoo.report(path, peaks={"input": empty}, bigwigs={"input": made.bigwig}, multiqc=tmp_path / "n_mqc.json")
    text = path.read_text()
    assert "No peaks were found in input." in text
    assert table(text, "Figures of each sample")[1][:3] == ["input", "0", "0"]
    assert json.loads((tmp_path / "n_mqc.json").read_text())["data"]["input"]["peaks"] == 0


def test_no_peaks_in_annotations_and_no_signal_are_a_report_too(made, tmp_path):
    empty, path = tmp_path / "none.narrowPeak", tmp_path / "none.html"
    empty.write_text("")
    for over in ([], [made.states]):
        epizoo.report(path, peaks={"input": empty}, over=over)
        assert "No peaks were found in input." in path.read_text()
        assert "Genes and regions" not in path.read_text()


def test_an_assembly_tells_the_lengths_of_chromosomes(tmp_path, caplog):
    peaks = write_peak(tmp_path / "a.bed", "chr21")
    (tmp_path / "far.bed").write_text("chr21\t46000000\t46000100\nchr21\t20000\t20100\n")
    given = {"peaks": peaks, "over": [tmp_path / "far.bed"]}
    with caplog.at_level(logging.WARNING, "epizoo"):
        epizoo.report(tmp_path / "a.html", **given)
        epizoo.report(tmp_path / "a.html", **given, assembly="GRCh38", loci=["chr21:46,000,000-46,100,000"])
    assert not caplog.messages
    # UCSC's hg38.chrom.sizes.
    assert excerpts((tmp_path / "a.html").read_text())["genome"]["sizes"] == [["chr21", 46_709_983]]
    with pytest.raises(InputError, match="ends past the last peak or state of its chromosome"):
        epizoo.report(tmp_path / "b.html", **given, loci=["chr21:46,000,000-46,100,000"])
    peaks = write_peak(tmp_path / "b.bed", "chr21", 46_709_900)
    with pytest.raises(InputError, match=r"b\.bed: .*past the end of its chromosome in hg38, which is 46,709,983 bp"):
        epizoo.report(tmp_path / "b.html", peaks=peaks, assembly="hg38")


def test_names_are_text_and_no_code(made, tmp_path):
    name, path = "</script><script>alert(1)</script>", tmp_path / "a.html"
    epizoo.report(path, peaks={name: made.peaks}, bigwigs={name: made.bigwig}, title="<b>&", command="x <y>")
    text = path.read_text()
    assert name not in text
    assert "<title>&lt;b&gt;&amp;</title>" in text
    assert excerpts(text)["tracks"][0]["name"] == name


def test_files_are_named_with_their_hashes_and_the_command(made, page):
    assert epizoo.files.sha256(made.bigwig) in page
    assert f"epizoo {epizoo.__version__}" in page
    # In Python no command is known.
    assert "The command" not in page


def test_histograms_have_axes_with_round_ticks(made, page):
    """The places of ticks and bars are those of the numbers beside them, by NumPy's own histogram."""
    picture = page.partition('aria-label="Widths of peaks: ')[2].partition("</svg>")[0]
    widths = np.log10([end - start for _, start, end in made.intervals])
    counts, edges = np.histogram(widths, 40)
    bars = re.findall(r'<rect class="bar" x="([\d.]+)" width="[\d.]+" y="([\d.]+)" height="([\d.]+)"', picture)
    assert len(bars) == np.count_nonzero(counts)
    assert [float(height) / 120 * counts.max() for *_, height in bars] == pytest.approx(counts[counts > 0], abs=0.01)
    levels = re.findall(r'<text x="-7" y="([\d.]+)" text-anchor="end">([\d,]+)</text>', picture)
    assert len(levels) >= 2
    for y, text in levels:
        assert (123.5 - float(y)) / 120 * counts.max() == pytest.approx(int(text.replace(",", "")), abs=0.01)
    ticks = re.findall(r'<text x="([\d.]+)" y="137" text-anchor="middle">([\d,]+)</text>', picture)
    assert len(ticks) >= 2
    for x, text in ticks:
        value = int(text.replace(",", ""))
        assert str(value).rstrip("0") in ("1", "2", "5")
        assert edges[0] + float(x) / 292 * np.ptp(edges) == pytest.approx(np.log10(value), abs=1e-3)
    assert ">number of peaks</text>" in picture
    assert ">width (bp)</text>" in picture


def test_libraries_add_to_the_figures_of_the_coverage(made, tmp_path):
    libraries, path, alone = tmp_path / "libraries.tsv", tmp_path / "a_mqc.json", tmp_path / "b_mqc.json"
    libraries.write_text("sample\treads\tduplicates_share\tfragments\tfrip\na\t100\t0.25\t75\t0.5\n")
    given = {"peaks": {"a": made.peaks}, "bigwigs": {"a": made.bigwig}, "libraries": [libraries]}
    epizoo.report(tmp_path / "a.html", **given, multiqc=path)
    epizoo.report(tmp_path / "a.html", **given | {"libraries": []}, multiqc=alone)
    found = json.loads(path.read_text())
    without = json.loads(alone.read_text())["data"]["a"]
    counted = {"fragments": 75, "duplicates_share": 0.25, "frip": 0.5}
    assert found["data"]["a"] == without | counted
    assert {"signal_in_peaks", "enrichment"} <= set(without)
    # As the specification of custom content asks: one type of plot, and a header for each column.
    assert found["plot_type"] == "table"
    assert set(found["data"]["a"]) <= set(found["headers"])


def test_a_library_without_frip_leaves_the_figures_of_the_coverage(made, tmp_path):
    libraries, path = tmp_path / "libraries.tsv", tmp_path / "a_mqc.json"
    libraries.write_text("sample\tfragments\tfrip\na\t\t\n")
    epizoo.report(tmp_path / "a.html", peaks={"a": made.peaks}, bigwigs={"a": made.bigwig}, multiqc=path)
    expected = path.read_text()
    given = {"peaks": {"a": made.peaks}, "bigwigs": {"a": made.bigwig}, "libraries": [libraries]}
    epizoo.report(tmp_path / "a.html", **given, multiqc=path)
    assert path.read_text() == expected


def test_libraries_of_other_samples_are_refused_and_samples_without_one_are_said(made, tmp_path, caplog):
    (tmp_path / "x.tsv").write_text("sample\tfragments\tfrip\na\t1\t0.5\nother\t1\t0.5\n")
    given = {"libraries": [tmp_path / "x.tsv"]}
    with pytest.raises(InputError, match=r"x\.tsv holds rows of a, other, expected the samples .*\(b\)"):
        epizoo.report(tmp_path / "a.html", peaks={"b": made.peaks}, **given)
    with pytest.raises(InputError, match=r"expected the samples of the report .none"):
        epizoo.report(tmp_path / "a.html", states={"a": made.states}, **given)
    with caplog.at_level(logging.WARNING, "epizoo"):
        epizoo.report(tmp_path / "a.html", peaks={"a": made.peaks, "b": made.peaks}, **given)
    assert [text for text in caplog.messages if "no row for b;" in text]


def test_a_sample_twice_in_libraries_is_refused(made, tmp_path):
    for name in ("x.tsv", "y.tsv"):
        (tmp_path / name).write_text("sample\tfragments\tfrip\na\t1\t0.5\n")
    files = [tmp_path / "x.tsv", tmp_path / "y.tsv"]
    with pytest.raises(InputError, match=r"y.tsv: a second row for a, which .*x.tsv holds already"):
        epizoo.report(tmp_path / "a.html", peaks={"a": made.peaks}, libraries=files)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "neither peaks nor states"),
        ({"peaks": "missing.narrowPeak"}, "missing.narrowPeak: no such file"),
        ({"inputs": ["lost.bam"]}, "lost.bam: no such file"),
        ({"peaks": None, "states": "states.bed", "multiqc": "a_mqc.json"}, "--multiqc: given without --peaks"),
        ({"settings": "lost.txt"}, "lost.txt: no such file"),
        ({"loci": ["chr1:1-500"] * 101}, "--loci: 101 regions given, and a page shows 100"),
        ({"loci": ["chr9:1-500"]}, "--loci: chr9:1-500 does not lie in"),
        (
            {"over": ["B=a.narrowPeak", "C=a.narrowPeak"]},
            "--over: B=a.narrowPeak found, expected a file without a name",
        ),
        ({"session": "s.xml"}, "--session: given without --assembly"),
        ({"peaks": "p.parquet", "session": "s.xml", "assembly": "hg38"}, "p.parquet: given with --session, and IGV"),
        ({"peaks": "p.txt", "session": "s.xml", "assembly": "hg38"}, "p.txt: given with --session, and IGV"),
        ({"entry": "chromatin_states/encode-10"}, "--entry: given without --states"),
        ({"multiqc": "figures.json"}, "ends in _mqc.json"),
        ({"libraries": ["a.narrowPeak"]}, "lacks the column sample or frip"),
        ({"bigwigs": "a.narrowPeak"}, "a.narrowPeak"),
    ],
)
def test_what_cannot_be_shown_is_refused(made, tmp_path, monkeypatch, given, said):
    monkeypatch.chdir(tmp_path)
    for path in (made.peaks, made.bigwig):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    whole = {"peaks": "a.narrowPeak", **given} if given else {}
    with pytest.raises(InputError, match=re.escape(said)):
        epizoo.report("a.html", **whole)
    assert not (tmp_path / "a.html").exists()


def test_signal_of_another_assembly_is_refused(tmp_path):
    bigwig = tmp_path / "a.bw"
    with pyBigWig.open(str(bigwig), "w") as file:
        file.addHeader([("chr21", 48_129_895)])
        file.addEntries(["chr21"], [100], ends=[200], values=[3.0])
    (tmp_path / "a.bed").write_text("chr21\t100\t200\n")
    given = {"peaks": tmp_path / "a.bed", "bigwigs": bigwig}
    epizoo.report(tmp_path / "hg19.html", **given, assembly="hg19")
    with pytest.raises(InputError, match=r"a\.bw: has chr21 of 48,129,895 bp, and hg38 has 46,709,983 bp"):
        epizoo.report(tmp_path / "hg38.html", **given, assembly="hg38")


def test_peaks_of_another_assembly_are_refused(made, tmp_path):
    (tmp_path / "b.narrowPeak").write_text("chr1\t399000\t401000\tp\t1\t.\t1\t1\t1\t5\n")
    with pytest.raises(InputError, match="past the end of its chromosome"):
        epizoo.report(tmp_path / "a.html", peaks=tmp_path / "b.narrowPeak", bigwigs=made.bigwig)


def write_bigwig(path, sizes):
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader(list(sizes.items()))
        for chrom, size in sizes.items():
            file.addEntries([chrom], [0], ends=[size // 2], values=[1.0])
    return path


def write_peak(path, chrom, start=20_000, more="1\t1\t1\t5"):
    path.write_text(f"{chrom}\t{start}\t{start + 500}\tp\t9\t.\t{more}\n")
    return path


def test_signals_of_different_chromosomes_go_together(tmp_path):
    sizes = {"a": {"chr1": 90_000}, "b": {"chr2": 80_000, "chr1": 90_000}}
    signals = {name: write_bigwig(tmp_path / f"{name}.bw", of) for name, of in sizes.items()}
    peaks = {"a": write_peak(tmp_path / "a.bed", "chr1"), "b": write_peak(tmp_path / "b.bed", "chr2")}
    # A sample without a signal has a chromosome of its own.
    peaks["c"] = write_peak(tmp_path / "c.bed", "chr3")
    epizoo.report(tmp_path / "a.html", peaks=peaks, bigwigs=signals)
    given = excerpts((tmp_path / "a.html").read_text())
    assert dict(given["genome"]["sizes"]) == {"chr1": 90_000, "chr2": 80_000, "chr3": 20_500}
    shown = {track["name"]: {part["chr"] for part in track["parts"]} for track in given["tracks"] if "parts" in track}
    assert shown == {"a": {"chr1"}, "b": {"chr1", "chr2"}}


def test_infinite_scores_and_q_values_are_left_out(tmp_path):
    rows = [("inf", "inf"), ("3", "2"), ("5", "4"), (".", "inf"), ("-inf", "1")]
    (tmp_path / "a.narrowPeak").write_text(
        "".join(f"chr1\t{9_000 * i}\t{9_000 * i + 99}\tp\t{s}\t.\t1\t1\t{q}\t5\n" for i, (s, q) in enumerate(rows))
    )
    epizoo.report(tmp_path / "a.html", peaks=tmp_path / "a.narrowPeak")
    text = (tmp_path / "a.html").read_text()
    assert text.count("; infinite and left out: 2</p>") == 2
    (peaks,) = excerpts(text)["tracks"]
    assert {start: score for _, start, _, score in peaks["rows"]} == {
        0: None,
        9_000: 3,
        18_000: 5,
        27_000: None,
        36_000: None,
    }


def test_a_page_of_wide_loci_holds_the_widest_rows_and_says_so(tmp_path):
    n, random = 60_000, np.random.default_rng(4)
    widths = random.integers(20, 900, n)
    rows = [f"chr1\t{1_000 * i}\t{1_000 * i + width}\tA\n" for i, width in enumerate(widths)]
    (tmp_path / "a.bed").write_text("".join(rows))
    given = {"peaks": {"a": tmp_path / "a.bed"}, "states": {"b": tmp_path / "a.bed"}}
    epizoo.report(tmp_path / "a.html", **given, loci=["chr1:1-59,000,000"])
    text = (tmp_path / "a.html").read_text()
    assert len(text) < 5_000_000
    for name in ("a: peaks", "b: states"):
        assert f"{name}: the 25,000 widest are shown, 34,000 narrower ones are not." in text
    shown = np.array([row[1:3] for row in excerpts(text)["tracks"][0]["rows"]])
    assert (np.diff(shown[:, 0]) > 0).all()
    assert sorted(np.diff(shown)[:, 0]) == sorted(widths[:59_000])[-25_000:]


def test_tracks_that_are_not_shown_are_counted(made, tmp_path):
    names = [f"s{number}" for number in range(27)]
    given = {"peaks": dict.fromkeys([*names, "t"], made.peaks), "bigwigs": dict.fromkeys(names, made.bigwig)}
    epizoo.report(tmp_path / "a.html", **given)
    text = (tmp_path / "a.html").read_text()
    assert "Of 27 tracks of signal 24 are shown." in text
    assert "tracks of peaks" not in text
    assert [track["kind"] for track in excerpts(text)["tracks"]].count("peaks") == 28


def test_colours_are_read_as_the_states_are(tmp_path):
    rows = [("b#1", "1,2,3"), ("c", "4,5,6"), ("d", "300,0,0")]
    text = "".join(f"chr1\t{9 * i}\t{9 * i + 9}\t{name}\t0\t.\t0\t9\t{rgb}\n" for i, (name, rgb) in enumerate(rows))
    # Neither is compressed as its suffix says.
    (tmp_path / "a.gz").write_text(f"track name=a\n#x\n{text}")
    (tmp_path / "a.bed").write_bytes(gzip.compress(text.encode()))
    for path in (tmp_path / "a.gz", tmp_path / "a.bed"):
        epizoo.report(tmp_path / "a.html", states={"a": path})
        (states,) = excerpts((tmp_path / "a.html").read_text())["tracks"]
        found = {name: color for *_, name, color in states["rows"]}
        assert list(found) == ["b#1", "c", "d"]
        assert list(found.values())[:2] == ["1,2,3", "4,5,6"]
        assert found["d"] != "300,0,0"


def test_a_state_has_one_colour_in_all_files(tmp_path):
    states = {"a": ("E1", "E3"), "b": ("E3", "E10"), "c": ("E2",), "d": ("E2", "E1")}
    for name, of in states.items():
        rows = [f"chr1\t{900 * i}\t{900 * i + 900}\t{state}" for i, state in enumerate(of)]
        # One file alone says a colour.
        more = "\t0\t.\t0\t900\t1,2,3" if name == "c" else ""
        (tmp_path / f"{name}.bed").write_text("".join(f"{row}{more}\n" for row in rows))
    epizoo.report(tmp_path / "a.html", states={name: tmp_path / f"{name}.bed" for name in states})
    tracks = excerpts((tmp_path / "a.html").read_text())["tracks"]
    found = {(name, color) for track in tracks for *_, name, color in track["rows"]}
    assert len(found) == len(dict(found)) == len(set(dict(found).values())) == 4
    assert dict(found)["2"] == "1,2,3"


def test_two_lengths_of_a_chromosome_are_refused(tmp_path):
    signals = {name: write_bigwig(tmp_path / f"{name}.bw", {"chr1": size}) for name, size in (("a", 9_000), ("b", 80))}
    peaks = write_peak(tmp_path / "a.bed", "chr1", 1_000)
    with pytest.raises(InputError, match=r"b.bw: chr1 is 80 bp long, but 9,000 bp in .*a.bw"):
        epizoo.report(tmp_path / "a.html", peaks={"a": peaks}, bigwigs=signals)
    with pytest.raises(InputError, match=r"a.bed: .*past the end of its chromosome in .*b.bw, which is 80 bp long"):
        epizoo.report(tmp_path / "a.html", peaks={"a": peaks}, bigwigs={"other": signals["b"]})


def test_loci_are_those_of_the_bigwig_that_is_named(tmp_path):
    peaks, signal = write_peak(tmp_path / "a.bed", "chr1"), write_bigwig(tmp_path / "a.bw", {"chr1": 30_000})
    with pytest.raises(InputError, match=r"--loci: chr1:1-90,000 does not lie in the genome of .*a.bw"):
        epizoo.report(tmp_path / "a.html", peaks=peaks, bigwigs=signal, loci=["chr1:1-90,000"])


def test_the_command_shows_itself(made, tmp_path):
    output = tmp_path / "a.html"
    words = ["report", "--peaks", f"a={made.peaks}", "--bigwig", f"a={made.bigwig}", "-o", str(output)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert f"Wrote {output}" in result.output.replace("\n", "")
    assert f"<code>cd {os.getcwd()}\n{shlex.join(['epizoo', *words])}</code>" in output.read_text()


def test_call_peaks_writes_a_report_with_its_settings(tmp_path):
    example = epizoo.load_peak_caller("peak_caller/h3k4me3").folder / "example_files"
    words = ["call-peaks", "peak_caller/h3k4me3", "--bigwig", str(example / "H3K4me3.bw")]
    words += ["--regions", str(example / "intervals.bed"), "-o", str(tmp_path / "k4.narrowPeak")]
    result = CliRunner().invoke(app, [*words, "--report", str(tmp_path / "k4.html")])
    assert result.exit_code == 0, result.output
    text = (tmp_path / "k4.html").read_text()
    n_peaks = len((tmp_path / "k4.narrowPeak").read_text().splitlines())
    assert table(text, "Figures of each sample")[1][:2] == ["k4", str(n_peaks)]
    assert "Signal: coverage, background" in text
    assert "set by background and peaks" in " ".join(text.split())


def test_a_report_of_reads_shows_their_coverage(tmp_path):
    size, length, random = 2_000_000, 200, np.random.default_rng(3)
    starts = np.concatenate([random.integers(0, size - 36, 4_000), random.normal(1_000_000, 80, 300).astype(int)])
    reads = tmp_path / "reads.bed"
    reads.write_text("".join(f"chr1\t{start}\t{start + 36}\t.\t0\t+\n" for start in starts))
    (tmp_path / "sizes.txt").write_text(f"chr1\t{size}\n")
    words = ["call-peaks", "peak_caller/universal", "--reads", str(reads), "--chrom-sizes", str(tmp_path / "sizes.txt")]
    words += ["--keep-duplicates", "all", "-o", str(tmp_path / "a.bed"), "--report", str(tmp_path / "a.html")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    expected = np.zeros(size)
    for start in starts:
        expected[start : start + length] += 1
    signal = excerpts((tmp_path / "a.html").read_text())["tracks"][0]
    part = next(part for part in signal["parts"] if part["start"] < 1_000_000)
    values = np.repeat(part["values"], part["runs"])
    covered = expected[part["start"] : part["start"] + len(values) * part["bin"]].reshape(len(values), -1)
    assert values == pytest.approx(covered.mean(axis=1), rel=1e-3)
    files = table((tmp_path / "a.html").read_text(), "Files")
    assert [row[1] for row in files if "signal" in row[0]] == ["coverage of the reads (--coverage keeps it)"]
    assert {path.name for path in tmp_path.iterdir()} == {"reads.bed", "sizes.txt", "a.bed", "a.html"}


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("jinja2", "jinja2: not installed"),
        ("igv_notebook", "igv_notebook: not installed"),
    ],
)
def test_what_no_report_can_be_made_of_is_said_before_the_work(made, tmp_path, monkeypatch, missing, said):
    monkeypatch.setitem(sys.modules, missing, None)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    words = ["call-peaks", "peak_caller/universal", "--bigwig", str(made.bigwig), "-o", str(tmp_path / "a.bed")]
    result = CliRunner().invoke(app, [*words, "--report", str(tmp_path / "a.html")])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MissingDependencyError, match=said):
        epizoo.report(tmp_path / "a.html", peaks=tmp_path / "no_file_is_read")


def test_a_report_of_a_whole_genome_is_below_5_mb(tmp_path):
    size, n_peaks = 240_000_000, 50_000
    starts = np.sort(np.random.default_rng(2).choice(size // 2_000, n_peaks, replace=False)) * 2_000
    rows = [
        f"chr1\t{start}\t{start + 900}\tp{i}\t{i % 1000}\t.\t{i}\t{i}\t{i}\t400\n" for i, start in enumerate(starts)
    ]
    (tmp_path / "a.narrowPeak").write_text("".join(rows))
    with pyBigWig.open(str(tmp_path / "a.bw"), "w") as file:
        file.addHeader([("chr1", size)])
        file.addEntries(["chr1"] * n_peaks, starts.tolist(), ends=(starts + 900).tolist(), values=[2.5] * n_peaks)
    epizoo.report(tmp_path / "a.html", peaks=tmp_path / "a.narrowPeak", bigwigs=tmp_path / "a.bw")
    assert (tmp_path / "a.html").stat().st_size < 5_000_000
