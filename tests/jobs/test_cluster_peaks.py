"""Peaks of clusters of single cells against calls in the fragments of each cluster by itself."""

import gzip

import numpy as np
import pandas as pd
import pytest
from read_writers import SIZES
from typer.testing import CliRunner

import epizoo
from epizoo.calling.peak_reader import read_peaks
from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.genome.reads.text_reads import is_single_cell

ENTRY = "peak_caller/universal"
CLUSTERS = {"cell.1": "B", "cell.2": "B", "cell.3": "T"}


@pytest.fixture
def cells(tmp_path):
    """Fragments of four cells, one of which has no cluster; B cells are open at 10,000, T cells at 20,000."""
    random = np.random.default_rng(1)
    rows = []
    for cell in ("cell.1", "cell.2", "cell.3", "cell.4"):
        place = 20_000 if CLUSTERS.get(cell) == "T" else 10_000
        starts = np.r_[random.integers(0, 29_000, 300), place + random.integers(0, 300, 300)]
        rows += [("chr1", int(start), int(start + random.integers(60, 300)), cell, 1) for start in starts]
    random.shuffle(rows)
    path, sizes = tmp_path / "cells.gz", tmp_path / "sizes"
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    # Files of several runs are joined with their comments.
    head, _, rest = text[len(text) // 2 :].partition("\n")
    path.write_bytes(gzip.compress(f"# id=a\n{text[: len(text) // 2]}{head}\n# id=b\n{rest}".encode()))
    sizes.write_text("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    return path, sizes, rows


def test_each_cluster_has_the_peaks_of_its_own_fragments(cells, tmp_path):
    path, sizes, rows = cells
    output = tmp_path / "peaks"
    found = epizoo.call_cluster_peaks(ENTRY, path, CLUSTERS, chrom_sizes=sizes, output=output)
    assert found["cluster"].unique().tolist() == ["B", "T"]
    for cluster in ("B", "T"):
        own = tmp_path / f"{cluster}.fragments.tsv"
        own.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows if CLUSTERS.get(row[3]) == cluster))
        expected = epizoo.call_peaks(ENTRY, reads=own, chrom_sizes=sizes)
        here = found[found["cluster"] == cluster].drop(columns="cluster").reset_index(drop=True)
        pd.testing.assert_frame_equal(here, pd.DataFrame(expected))
        assert read_peaks(output / f"{cluster}.narrowPeak")["start"].tolist() == expected["start"].tolist()
    first = {cluster: int(table["start"].iloc[0]) for cluster, table in found.groupby("cluster")}
    assert abs(first["B"] - 10_000) < 500
    assert abs(first["T"] - 20_000) < 500


def test_names_of_cells_are_told_by_recurring(cells, tmp_path):
    path, _, _ = cells
    assert is_single_cell(path)
    peaks = tmp_path / "peaks.bed"
    peaks.write_text("".join(f"chr1\t{start}\t{start + 50}\tpeak_{start}\t7\n" for start in range(0, 5_000, 100)))
    assert not is_single_cell(peaks)


def test_the_command_calls_each_cluster(cells, tmp_path):
    path, sizes, _ = cells
    table = tmp_path / "clusters.tsv"
    table.write_text("barcode\tcluster\n" + "".join(f"{cell}\t{cluster}\n" for cell, cluster in CLUSTERS.items()))
    command = ["call-peaks", ENTRY, "--reads", str(path), "--barcodes", str(table), "--chrom-sizes", str(sizes)]
    done = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "peaks")])
    assert done.exit_code == 0, done.stderr
    assert "peaks of 2 clusters" in done.stdout
    assert sorted(file.name for file in (tmp_path / "peaks").iterdir()) == ["B.narrowPeak", "T.narrowPeak"]
    done = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "peaks"), "--summits", str(tmp_path / "s.bed")])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "--summits: given with --barcodes" in done.stderr


def test_a_tiny_cluster_leaves_the_others_as_they_are(cells, tmp_path, caplog):
    path, sizes, rows = cells
    alone = epizoo.call_cluster_peaks(ENTRY, path, CLUSTERS, chrom_sizes=sizes)
    # Cells whose one fragment lies on chrM, which is left out, and where there are too few for a peak.
    tiny = [("chrM", 10, 90, "cell.5", 1), ("chr1", 10, 90, "cell.6", 1)]
    path.write_bytes(gzip.compress("".join("\t".join(map(str, row)) + "\n" for row in rows + tiny).encode()))
    sizes.write_text(sizes.read_text() + "chrM\t16571\n")
    table = tmp_path / "clusters.tsv"
    clusters = {"cell.5": "mito", "cell.6": "rare", **CLUSTERS}
    table.write_text("".join(f"{cell}\t{cluster}\n" for cell, cluster in clusters.items()))
    command = ["call-peaks", ENTRY, "--reads", str(path), "--barcodes", str(table), "--chrom-sizes", str(sizes)]
    done = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "peaks")])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "rare: 0 peaks."
    assert "peaks of 3 clusters" in done.stdout
    assert sorted(file.name for file in (tmp_path / "peaks").iterdir()) == [
        "B.narrowPeak",
        "T.narrowPeak",
        "rare.narrowPeak",
    ]
    caplog.clear()
    found = epizoo.call_cluster_peaks(ENTRY, path, clusters, chrom_sizes=sizes)
    assert "no file of peaks for the cluster mito: " in caplog.text
    assert "cells.gz, cluster rare: no peaks" in caplog.text
    pd.testing.assert_frame_equal(found.astype({"cluster": str}), alone.astype({"cluster": str}))
    assert found["cluster"].cat.categories.tolist() == ["rare", "B", "T"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cell.1\n", "line 1 is 'cell.1', expected a barcode and its cluster"),
        ("cell.1\tB\ncell.1\tT\n", "a second cluster"),
        ("cell.1\tB/T\n", "cannot be a file's name"),
        ("barcode\tcluster\n", "holds no barcode"),
        ("cell.1-1\tB\n", "no fragment is of one of the 1 barcodes, such as cell.1-1"),
    ],
)
def test_barcodes_that_cannot_be_used_are_refused(cells, tmp_path, text, message):
    path, sizes, _ = cells
    (tmp_path / "clusters.tsv").write_text(text)
    with pytest.raises(InputError, match=message):
        epizoo.call_cluster_peaks(ENTRY, path, tmp_path / "clusters.tsv", chrom_sizes=sizes, output=tmp_path / "peaks")


def test_clusters_of_which_no_fragment_can_be_used_are_refused(cells, tmp_path):
    path, sizes, _ = cells
    (tmp_path / "other.sizes").write_text("chrOther\t1000\n")
    for options in ({"chrom_sizes": tmp_path / "other.sizes"}, {"chrom_sizes": sizes, "min_fragment_bp": 1_900}):
        with pytest.raises(InputError, match="no cluster has a fragment"):
            epizoo.call_cluster_peaks(ENTRY, path, CLUSTERS, **options)


def test_rows_without_signal_change_no_peak(cells):
    # With a bigWig of probabilities all rows are computed, without one those without reads are not.
    path, _, rows = cells
    sizes = path.with_name("long")
    sizes.write_text("chr1\t3000000\nchr2\t900000\n")
    fragments = path.with_name("own.fragments.tsv")
    fragments.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    some = epizoo.call_peaks(ENTRY, reads=fragments, chrom_sizes=sizes)
    every = epizoo.call_peaks(ENTRY, reads=fragments, chrom_sizes=sizes, probabilities=path.with_name("p.bw"))
    pd.testing.assert_frame_equal(pd.DataFrame(some), pd.DataFrame(every))
    assert len(some) > 0


def test_barcodes_without_a_fragment_are_told(cells, caplog):
    path, sizes, _ = cells
    table = CLUSTERS | {"cell.2-1": "T", "cell.9": "T"}
    epizoo.call_cluster_peaks(ENTRY, path, table, chrom_sizes=sizes)
    (told,) = [message for message in caplog.messages if "barcodes" in message and "such as" in message]
    assert "no fragment is of 2 of the 5 barcodes, such as cell.2-1" in told
    caplog.clear()
    epizoo.call_cluster_peaks(ENTRY, path, CLUSTERS, chrom_sizes=sizes)
    assert not [message for message in caplog.messages if "such as" in message]
