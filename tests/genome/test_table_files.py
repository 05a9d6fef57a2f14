"""Tables are text or Parquet by the suffix of their file, and hold the same values."""

import gzip
import re
import sys
import tracemalloc

import pandas as pd
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.calling.peaks import PEAK_COLUMNS
from epizoo.cli import app
from epizoo.errors import InputError, MissingDependencyError
from epizoo.genome.table_files import check_tables, write_table

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
