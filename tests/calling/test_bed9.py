"""Segments and files, read back by other parsers than ours."""

import bioframe
import numpy as np
import pandas as pd
import pytest

from epizoo.calling.bed9 import bed9_writer, state_writer
from epizoo.calling.segments import segments_from_states
from epizoo.calling.state_colors import StateStyle
from epizoo.errors import InputError
from epizoo.genome.bigwig.writer import BigWigWriter

STYLES = [
    StateStyle("1_TssA", (255, 0, 0)),
    StateStyle("2_Het", (138, 145, 208)),
    StateStyle("3_Quies", (255, 255, 255)),
]
BED9 = ["chrom", "start", "end", "name", "score", "strand", "thickStart", "thickEnd", "itemRgb"]


def painted(segments, n_bins, bin_bp):
    """The state of every bin, one segment at a time."""
    states = np.full(n_bins, -1)
    for row in segments.itertuples():
        states[row.start // bin_bp : -(-row.end // bin_bp)] = row.state
    return states


@pytest.mark.parametrize("seed", range(4))
def test_segments_give_back_the_states(seed):
    states = np.random.default_rng(seed).integers(0, 3, size=57).astype(np.uint8)
    segments = segments_from_states(states, "chr7", bin_bp=200, chrom_size=57 * 200 - 50, start_bin=0)
    np.testing.assert_array_equal(painted(segments, 57, 200), states)
    assert segments["end"].iloc[-1] == 57 * 200 - 50
    assert (segments["start"].to_numpy()[1:] == segments["end"].to_numpy()[:-1]).all()
    assert (np.diff(segments["state"]) != 0).all()


def test_no_states_give_no_segments():
    assert segments_from_states(np.zeros(0, np.uint8), "chr1", bin_bp=200, chrom_size=100).empty


def test_segments_keep_their_place_on_the_chromosome():
    segments = segments_from_states(np.array([0, 2, 2]), "chr1", bin_bp=200, chrom_size=10_000, start_bin=10)
    assert segments[["start", "end", "state"]].to_numpy().tolist() == [[2000, 2200, 0], [2200, 2600, 2]]


def test_bed9_is_read_by_bioframe(tmp_path):
    tables = [
        segments_from_states(np.array([0, 0, 1]), "chr1", bin_bp=200, chrom_size=600),
        segments_from_states(np.array([2]), "chr2", bin_bp=200, chrom_size=150),
    ]
    with bed9_writer(tmp_path / "x.bed", STYLES) as write:
        for table in tables:
            write(table)
    read = bioframe.read_table(tmp_path / "x.bed", schema="bed9")
    assert list(read.columns) == BED9
    assert read.to_numpy().tolist() == [
        ["chr1", 0, 400, "1_TssA", 0, ".", 0, 400, "255,0,0"],
        ["chr1", 400, 600, "2_Het", 0, ".", 400, 600, "138,145,208"],
        ["chr2", 0, 150, "3_Quies", 0, ".", 0, 150, "255,255,255"],
    ]


def test_bed9_rows_are_what_python_formats(tmp_path):
    rng = np.random.default_rng(3)
    ends = np.cumsum([1, 8, 1, 90, 900, *10 ** rng.integers(0, 12, 60), 2**40])
    columns = {"start": np.r_[0, ends[:-1]], "end": ends, "state": rng.integers(0, len(STYLES), len(ends))}
    table = pd.DataFrame({"chrom": ["chr1"] * 30 + ["chrUn_é"] * (len(ends) - 30), **columns})
    with bed9_writer(tmp_path / "x.bed", STYLES, 'track name="x"') as write:
        write(table.iloc[:0])
        write(table)
    expected = ['track name="x"']
    for chrom, start, end, state in table.itertuples(index=False):
        color = ",".join(map(str, STYLES[state].color))
        expected.append(f"{chrom}\t{start}\t{end}\t{STYLES[state].name}\t0\t.\t{start}\t{end}\t{color}")
    assert (tmp_path / "x.bed").read_text(encoding="utf-8").split("\n") == [*expected, ""]


def test_nothing_is_left_when_a_writer_fails(tmp_path):
    def write_part_of_a_bed_file():
        with bed9_writer(tmp_path / "x.bed", STYLES) as write:
            write(segments_from_states(np.array([0]), "chr1", bin_bp=200, chrom_size=600))
            raise KeyboardInterrupt

    def write_part_of_a_bigwig():
        with BigWigWriter(tmp_path / "x.bw", {"chr1": 100}, 10) as writer:
            writer.add("chr1", 0, np.ones(4, np.float32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_part_of_a_bed_file()
    with pytest.raises(KeyboardInterrupt):
        write_part_of_a_bigwig()
    assert list(tmp_path.iterdir()) == []


def test_unwritable_outputs_are_refused(tmp_path):
    with (
        pytest.raises(InputError, match=r"x\.b.*does not exist"),
        bed9_writer(tmp_path / "no" / "x.bed", STYLES),
    ):
        pass
    with (
        pytest.raises(InputError, match=r"x\.b.*does not exist"),
        BigWigWriter(tmp_path / "no" / "x.bw", {"chr1": 9}, 10),
    ):
        pass


@pytest.mark.parametrize("suffix", [".bed", ".parquet"])
def test_the_suffix_chooses_the_form_of_the_same_states(tmp_path, suffix):
    path = tmp_path / f"states{suffix}"
    segments = pd.DataFrame({"chrom": "chr1", "start": [0, 400], "end": [400, 600], "state": [2, 0]})
    with state_writer(path, STYLES) as write:
        write(segments)
    found = pd.read_parquet(path) if suffix == ".parquet" else bioframe.read_table(path, schema="bed9")
    assert found[["chrom", "start", "end", "name"]].to_numpy().tolist() == [
        ["chr1", 0, 400, "3_Quies"],
        ["chr1", 400, 600, "1_TssA"],
    ]
