"""`epizoo consensus` from files to files, and what it refuses."""

import pandas as pd
import pytest

import epizoo
from epizoo.calling.peak_reader import read_peaks
from epizoo.errors import InputError


@pytest.fixture
def samples(tmp_path):
    """One peak that all share, one of the second group alone, one of a single sample."""
    rows = {"a1": [100], "a2": [120], "b1": [110, 1000], "b2": [130, 1010], "b3": [90, 5000]}
    for name, starts in rows.items():
        text = "".join(f"chr1\t{start}\t{start + 100}\tp\t7\t.\t1\t-1\t-1\t50\n" for start in starts)
        (tmp_path / f"{name}.narrowPeak").write_text(text)
    return {name: tmp_path / f"{name}.narrowPeak" for name in rows}


def test_files_hold_the_peaks_and_their_samples(samples, tmp_path):
    table = tmp_path / "samples.tsv"
    table.write_text("# a study\nsample\tgroup\tassay\n" + "".join(f"{name}\t{name[0]}\t\n" for name in samples))
    output, support = tmp_path / "consensus.narrowPeak.gz", tmp_path / "support.tsv"
    found = epizoo.consensus(samples, groups=table, output=output, support=support)
    assert found.peaks[["start", "end"]].to_numpy().tolist() == [[110, 210], [1010, 1100]]
    read = read_peaks(output)
    assert read[["start", "end", "score", "signalValue"]].to_numpy().tolist() == [
        [110, 210, 1000, 5],
        [1010, 1100, 400, 2],
    ]
    written = pd.read_csv(support, sep="\t")
    assert written[list(samples)].to_numpy().tolist() == [[1] * 5, [0, 0, 1, 1, 0]]
    one_group = epizoo.consensus(samples, min_support=3).peaks
    assert one_group["start"].tolist() == [110]


def on(chroms):
    return pd.DataFrame({"chrom": list(chroms), "start": 100, "end": 200, "peak": 50})


def test_names_of_ensembl_are_taken_for_those_of_the_first_sample(caplog):
    names = ["chr1", "chr2", "chr10"]
    samples = {"a": on(names[:2]), "b": on(["1", "2", "10"]), "c": on(names)}
    found = epizoo.consensus(samples)
    alike = epizoo.consensus({"a": on(names[:2]), "b": on(names), "c": on(names)})
    pd.testing.assert_frame_equal(found.peaks, alike.peaks)
    pd.testing.assert_frame_equal(found.support, alike.support)
    assert len(found.peaks) == 3
    assert "b: chromosome 1 is taken for chr1 of a" in caplog.text


def test_a_sample_that_shares_no_chromosome_is_refused_but_for_one_without_peaks():
    samples = {"a": on(["chr1", "chr2"]), "b": on(["NC_000001.11"]), "c": on(["chr2"])}
    message = r"b: its peaks lie on NC_000001\.11, those of the other samples on chr1, chr2"
    with pytest.raises(InputError, match=message):
        epizoo.consensus(samples)
    with pytest.raises(InputError, match="a: its peaks lie on"):
        epizoo.consensus({"a": on(["chr1"]), "b": on(["chr2"])})
    assert len(epizoo.consensus({**samples, "b": on([])}).peaks) == 1
    assert len(epizoo.consensus(samples, assembly_is_checked=True).peaks) == 1
    assert len(epizoo.consensus({"a": on(["chr1"])}).peaks) == 1


@pytest.mark.parametrize("name", ["chrom", "start", "end", "name"])
def test_samples_called_as_columns_of_the_table_are_refused_before_work(samples, tmp_path, name):
    output = tmp_path / "consensus.bed"
    with pytest.raises(InputError, match=f"the sample {name} has the name of a column"):
        epizoo.consensus({**samples, name: samples["a1"]}, output=output, support=tmp_path / "support.tsv")
    assert not output.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_support": 4}, "4 given, expected 1 to 3"),
        ({"output": "c.broadPeak"}, "broadPeak cannot hold a consensus"),
        ({"groups": {"a1": "a"}}, "no group is stated for the sample a2"),
        ({"groups": "missing.tsv"}, "no such file"),
    ],
)
def test_what_cannot_be_joined_is_refused(samples, options, message):
    groups = {name: name[0] for name in samples}
    with pytest.raises(InputError, match=message):
        epizoo.consensus(samples, **({"groups": groups} | options))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\tgroup\na1\ta\n", "a column sample"),
        ("sample\tgroup\na1\ta\na1\tb\n", "line 3 is a second sample a1"),
        ("sample\tgroup\na1\ta\tb\n", "line 2 has 3 fields"),
        ("sample\tassay\na1\ta\n", "has no column group"),
        ("", "found no line"),
    ],
)
def test_tables_of_samples_say_what_is_wrong_with_them(samples, tmp_path, text, message):
    (tmp_path / "samples.tsv").write_text(text)
    with pytest.raises(InputError, match=message):
        epizoo.consensus(samples, groups=tmp_path / "samples.tsv")
