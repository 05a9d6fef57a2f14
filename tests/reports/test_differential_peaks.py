"""Differential peaks of a report: the most significant ones first, and words where none differs."""

import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.genome.loci import Region
from epizoo.reports.blocks import Cell, Table
from epizoo.reports.differential_peaks import (
    differential_loci,
    differential_peaks,
    differential_sentences,
    read_differential,
)


def table(q_values):
    n = len(q_values)
    return pd.DataFrame(
        {
            "chrom": "2",
            "start": 1_000 * np.arange(n),
            "end": 1_000 * np.arange(n) + 500,
            "name": [f"p{number}" for number in range(n)],
            "mean_count": 12.5,
            "log2_fold": np.where(np.arange(n) % 3, 1.5, -2.0),
            "p_value": q_values,
            "q_value": q_values,
        }
    )


@pytest.mark.parametrize("suffix", [".tsv", ".parquet"])
def test_the_most_significant_peaks_come_first(tmp_path, suffix):
    q_values = np.linspace(0.9, 1e-9, 90)
    q_values[5] = np.nan
    path = tmp_path / f"x{suffix}"
    frame = table(q_values)
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, sep="\t", index=False, na_rep="NA")
    tables = {"b over a": read_differential(path)}
    (sentence,) = differential_sentences(tables)
    (listed,) = differential_peaks(tables).blocks
    assert isinstance(listed, Table)
    differs = frame[frame["q_value"] <= 0.05]
    higher = int((differs["log2_fold"] > 0).sum())
    assert f"{len(differs)} of 90 peaks differ" in sentence
    assert f"{higher} are higher and {len(differs) - higher} lower" in sentence
    assert [row[1] for row in listed.rows] == [f"p{number}" for number in range(89, 89 - len(listed.rows), -1)]
    assert listed.rows[0][0] == "2:89,001-89,500"


def test_where_no_peak_differs_there_is_no_table():
    tables = {"b over a": table(np.array([0.3, np.nan]))}
    assert not differential_peaks(tables).blocks
    assert differential_sentences(tables)[0].startswith("b over a: 0 of 2 peaks differ")


def test_a_listed_peak_inside_the_genome_is_shown_where_it_is_clicked():
    tables = {"b over a": table(np.array([0.01, 0.02, 0.04, 0.9]))}
    loci = differential_loci(tables, {"2": 2_000})
    assert {place: locus.region for place, locus in loci.items()} == {
        Region("2", 0, 500): Region("2", 0, 2_000),
        Region("2", 1_000, 1_500): Region("2", 0, 2_000),
    }
    (listed,) = differential_peaks(tables, loci).blocks
    assert [row[0] for row in listed.rows] == [
        Cell("2:1-500", locus="2:1-2,000"),
        Cell("2:1,001-1,500", locus="2:1-2,000"),
        "2:2,001-2,500",
    ]


def test_no_more_differential_peaks_are_shown_than_a_page_holds():
    tables = {str(number): table(np.full(30, 0.01)).assign(chrom=str(number)) for number in range(6)}
    sizes = dict.fromkeys(tables, 10**6)
    assert len(differential_loci(tables, sizes)) == 100


def test_without_a_comparison_there_is_no_section():
    assert not differential_peaks({}).blocks


@pytest.mark.parametrize("suffix", [".tsv", ".parquet"])
def test_names_are_texts(tmp_path, suffix):
    frame = table(np.array([0.01, 0.02])).assign(chrom=["NA", "1"], name=["NA", "007"])
    path = tmp_path / f"x{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, sep="\t", index=False)
    (listed,) = differential_peaks({"b over a": read_differential(path)}).blocks
    assert [row[:2] for row in listed.rows] == [["NA:1-500", "NA"], ["1:1,001-1,500", "007"]]


HEADER = "chrom\tstart\tend\tname\tmean_count\tlog2_fold\tq_value\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("chrom\tstart\n1\t2\n", "no column name"),
        (HEADER + "1\tx\t9\tp\t3\t1\t0.1\n", "start holds 'x'"),
        (HEADER + "1\t1\tNA\tp\t3\t1\t0.1\n", "end holds 'NA'"),
        (HEADER + "1\t1\t9\tp\t3\t1\tlow\n", "q_value holds 'low'"),
    ],
)
def test_what_is_no_table_of_differential_peaks_is_refused(tmp_path, text, message):
    path = tmp_path / "x.tsv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=rf"x\.tsv: .*{message}"):
        read_differential(path)
