"""Tables are text or Parquet by the suffix of their file, and hold the same values."""

import gzip
import re
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from random_entries import CHROM_SIZES
from report_pages import excerpts
from typer.testing import CliRunner

import epizoo
from epizoo.calling.peak_reader import read_peaks
from epizoo.calling.peaks import PEAK_COLUMNS
from epizoo.cli.all_commands import app
from epizoo.errors import InputError, MissingDependencyError
from epizoo.genome.cell_mark_table import read_cell_mark_table
from epizoo.genome.intervals import read_bed, read_chrom_sizes
from epizoo.genome.table_files import check_tables, write_table
from epizoo.metrics.label_files import read_labels

TABLE = pd.DataFrame({"n": [3, 5], "share": [0.25, float("nan")]}, index=pd.Index(["A", "B"], name="state"))


@pytest.mark.parametrize("name", ["x.tsv", "x.tsv.gz", "x.txt", "x"])
def test_text_holds_the_table(tmp_path, name):
    write_table(tmp_path / name, TABLE, index=True, na_rep="NA")
    content = (tmp_path / name).read_bytes()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    assert text == "state\tn\tshare\nA\t3\t0.25\nB\t5\tNA\n"


@pytest.mark.parametrize("name", ["x.tsv", "x.tsv.gz"])
def test_text_is_never_whole_in_memory(tmp_path, name):
    table = pd.DataFrame({f"column_{number}": ["e" * 100] * 60_000 for number in range(10)})
    tracemalloc.start()
    write_table(tmp_path / name, table)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    content = (tmp_path / name).read_bytes()
    text = gzip.decompress(content) if name.endswith(".gz") else content
    assert text == table.to_csv(sep="\t", index=False, lineterminator="\n").encode()
    assert most < len(text) / 3


def test_parquet_holds_the_table(tmp_path):
    write_table(tmp_path / "x.parquet", TABLE.rename(columns={"n": 200}), index=True)
    found = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pydict()
    assert found == {"state": ["A", "B"], "200": [3, 5], "share": [0.25, None]}


@pytest.mark.parametrize("name", ["x.csv", "x.xlsx", "x.parquet.gz", "x.bed"])
def test_other_suffixes_are_refused(name):
    with pytest.raises(InputError, match=rf"{name}: .*\.tsv, \.txt.*\.parquet"):
        check_tables([None, name])


def test_parquet_without_pyarrow_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pyarrow: .*epizoo\[parquet\]"):
        check_tables(["x.parquet"])


def test_peaks_and_states_in_parquet_are_those_of_text(tmp_path, random_zoo):
    caller, annotator = (random_zoo.folder / name for name in ("peak_caller/random", "chromatin_states/random"))
    loose = {"q_value": 1, "enter_probability": 1e-6, "extend_probability": 1e-6}
    peaks = epizoo.call_peaks(caller, random_zoo.bigwig, **loose, output=tmp_path / "peaks.parquet")
    found = pd.read_parquet(tmp_path / "peaks.parquet")
    pd.testing.assert_frame_equal(found, pd.DataFrame(peaks)[list(PEAK_COLUMNS)], check_dtype=False)
    for name in ("states.parquet", "states.bed", "states.bed.gz"):
        annotation = epizoo.annotate(annotator, random_zoo.marks, output=tmp_path / name)
    states = pd.read_parquet(tmp_path / "states.parquet")
    columns = ["chrom", "start", "end", "state"]
    pd.testing.assert_frame_equal(states[columns], annotation.segments[columns], check_dtype=False)
    rows = [line.split("\t") for line in (tmp_path / "states.bed").read_text().splitlines()]
    shown = states.astype(str)
    assert [[row[0], row[1], row[2], row[3], row[8]] for row in rows] == shown[
        ["chrom", "start", "end", "name", "itemRgb"]
    ].to_numpy().tolist()
    assert gzip.decompress((tmp_path / "states.bed.gz").read_bytes()) == (tmp_path / "states.bed").read_bytes()


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("x.csv", [], r"x\.csv: .*\.bed.*\.parquet"),
        ("x.parquet", ["--track-line", "mine"], r"x\.parquet: .*track line"),
    ],
)
def test_states_have_their_suffixes(tmp_path, random_zoo, name, more, message):
    words = ["annotate", str(random_zoo.folder / "chromatin_states/random"), "--binarized", str(random_zoo.marks)]
    done = CliRunner().invoke(app, [*words, "-o", str(tmp_path / name), *more])
    assert done.exit_code == 2
    assert re.search(message, done.stderr), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrote_names_the_index(tmp_path, random_zoo):
    words = ["annotate", str(random_zoo.folder / "chromatin_states/random"), "--binarized", str(random_zoo.marks)]
    done = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "x.bed.gz")])
    assert "x.bed.gz and its index x.bed.gz.tbi: " in done.stdout


@pytest.fixture(scope="module")
def both(tmp_path_factory, random_zoo):
    """A folder of peaks and states as text and as Parquet."""
    folder = tmp_path_factory.mktemp("both")
    caller, annotator = (random_zoo.folder / name for name in ("peak_caller/random", "chromatin_states/random"))
    loose = {"q_value": 1, "enter_probability": 1e-6, "extend_probability": 1e-6}
    for suffix in ("narrowPeak", "parquet"):
        epizoo.call_peaks(caller, random_zoo.bigwig, **loose, output=folder / f"peaks.{suffix}")
    for suffix in ("bed", "parquet"):
        epizoo.annotate(annotator, random_zoo.marks, output=folder / f"states.{suffix}")
    reads = [f"chr1\t{start}\t{start + 36}\tr\t0\t+\n" for start in range(100, 30_000, 90)]
    (folder / "reads.bed").write_text("".join(reads))
    (folder / "sizes.txt").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in CHROM_SIZES.items()))
    return folder


def test_rows_of_parquet_in_any_order_and_of_any_index_are_those_of_text(both, tmp_path):
    shuffled = pd.read_parquet(both / "peaks.parquet").sample(frac=1, random_state=0)
    shuffled.to_parquet(tmp_path / "shuffled.parquet")
    narrow_peak = shuffled.iloc[:, :10]
    narrow_peak.to_csv(tmp_path / "shuffled.narrowPeak", sep="\t", header=False, index=False)
    for suffix in ("parquet", "narrowPeak"):
        run("states-of", tmp_path / f"shuffled.{suffix}", both / "states.bed", "-o", tmp_path / f"{suffix}.tsv")
    assert (tmp_path / "parquet.tsv").read_text() == (tmp_path / "narrowPeak.tsv").read_text()


@pytest.mark.parametrize("bad", [np.nan, 1.5, -1.0, 90.0])
def test_a_row_of_parquet_that_is_no_interval_is_shown(tmp_path, bad):
    table = pd.DataFrame({"chrom": "chr1", "start": [1.0, 2, bad, 4], "end": 9}, index=[7, 3, 9, 1])
    table.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(InputError, match=rf"bad\.parquet: row 3 is 'chr1\\t{bad}\\t9'"):
        read_bed(tmp_path / "bad.parquet")


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    "words",
    [
        ["states-of", "{peaks}", "{states}"],
        ["enrichment", "{states}", "--over", "{peaks}"],
        ["neighborhood", "{states}", "--anchors", "{peaks}"],
        ["compare-states", "{states}", "{states}"],
        ["consensus", "--peaks", "a={peaks}", "--peaks", "b={peaks}"],
        ["count", "--peaks", "{peaks}", "--reads", "a={reads}", "--chrom-sizes", "{sizes}"],
    ],
    ids=lambda words: words[0],
)
def test_commands_read_parquet_as_the_same_text(both, tmp_path, words):
    outputs = []
    for peaks, states in (("peaks.narrowPeak", "states.bed"), ("peaks.parquet", "states.parquet")):
        # Columns are called after their files.
        (tmp_path / "in").mkdir(exist_ok=True)
        places = {"peaks": tmp_path / "in" / peaks, "states": tmp_path / "in" / states}
        places |= {"reads": both / "reads.bed", "sizes": both / "sizes.txt"}
        for path in (places["peaks"], places["states"]):
            path.write_bytes((both / path.name).read_bytes())
        suffix = "bed" if words[0] == "consensus" else "tsv"
        outputs.append(tmp_path / f"{len(outputs)}.{suffix}")
        run(*(word.format(**places) for word in words), "-o", outputs[-1])
    first, second = (path.read_text().replace("peaks.narrowPeak", "peaks.parquet") for path in outputs)
    assert first == second
    assert len(first.splitlines()) >= 2


def test_reports_and_pictures_show_parquet_as_the_same_text(both, tmp_path):
    pages, pictures = [], []
    for peaks, states in (("peaks.narrowPeak", "states.bed"), ("peaks.parquet", "states.parquet")):
        given = {"peaks": {"a": both / peaks}, "states": {"a": both / states}}
        epizoo.report(tmp_path / "a.html", **given)
        pages.append(excerpts((tmp_path / "a.html").read_text()))
        run("plot", "--region", "chr1:1-30000", "--states", both / states, "-o", tmp_path / "a.svg")
        pictures.append(re.findall(r"fill: #[0-9a-f]{6}", (tmp_path / "a.svg").read_text()))
    # Text has five digits of a score.
    for page in pages:
        for track in page["tracks"]:
            track["rows"] = [[*row[:3], str(row[3])[:4], *row[4:]] for row in track["rows"]]
    assert pages[0] == pages[1]
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"chrom": ["chr1"], "start": [5]}, "has the columns chrom, start, expected chrom, start and end"),
        ({"chrom": ["chr1", "chr1"], "start": [5, 9], "end": [7, 9]}, r"row 2 is 'chr1\\t9\\t9', expected an interval"),
        ({"chrom": ["chr1"], "start": [-1], "end": [7]}, "row 1 is"),
        ({"chrom": [None], "start": [1], "end": [7]}, "row 1 is"),
        ({"chrom": ["chr1"], "start": [0.5], "end": [7.0]}, "row 1 is"),
        ({"chrom": ["chr1"], "start": [1], "end": [7], "score": ["high"]}, "holds texts where peaks have numbers"),
        (None, "cannot be read as Parquet"),
    ],
)
def test_parquet_that_holds_no_peaks_is_refused(tmp_path, table, message):
    path = tmp_path / "x.parquet"
    if table is None:
        path.write_text("chr1\t5\t9\n")
    else:
        pd.DataFrame(table).to_parquet(path)
    with pytest.raises(InputError, match=f"x.parquet: {message}"):
        read_peaks(path)
    if "score" not in (table or {}):
        with pytest.raises(InputError, match=f"x.parquet: {message}"):
            read_bed(path)


def test_text_that_is_parquet_is_refused(both):
    for read in (read_chrom_sizes, read_labels, read_cell_mark_table):
        with pytest.raises(InputError, match=r"peaks\.parquet: is Parquet by its name, expected text"):
            read(both / "peaks.parquet")
    with pytest.raises(InputError, match=r"no\.parquet: no such file"):
        read_bed(both / "no.parquet")


@pytest.mark.parametrize("option", ["--probabilities", "--denoised", "--coverage"])
@pytest.mark.parametrize("name", ["x.txt", "x.bed", "x.bw.gz"])
def test_bigwigs_have_their_suffixes(tmp_path, option, name):
    source = ["--reads", "no.bam"] if option == "--coverage" else ["--bigwig", "no.bw"]
    words = ["call-peaks", "peak_caller/universal", *source, "-o", str(tmp_path / "a.bed")]
    done = CliRunner().invoke(app, [*words, option, str(tmp_path / name)])
    assert done.exit_code == 2
    # No file is read before.
    assert f"{name}: is a bigWig, and {Path(name).suffix} is not its suffix; name it .bw" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_bigwig_of_reproducibility_has_its_suffix(tmp_path, random_zoo):
    words = ["reproducibility", str(random_zoo.folder / "chromatin_states/random"), "--binarized", str(tmp_path)]
    done = CliRunner().invoke(app, [*words, "--cell", "A", "--replicate", "B", "-o", str(tmp_path / "x.tsv")])
    assert done.exit_code == 2
    assert "x.tsv: is a bigWig, and .tsv is not its suffix" in done.stderr
