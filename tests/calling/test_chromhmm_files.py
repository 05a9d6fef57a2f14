"""ChromHMM's files of states: expectations typed by hand, and ChromHMM's own output reproduced."""

import gzip

import numpy as np
import pandas as pd
import pytest
from chromhmm_text import read_bins

from epizoo.calling import chromhmm_files
from epizoo.calling.segments import segments_from_states
from epizoo.calling.state_colors import default_colors
from epizoo.errors import InputError

SEGMENTS = pd.concat(
    [
        segments_from_states(np.array([1, 1, 0, 1]), "chr2", bin_bp=200, chrom_size=750),
        segments_from_states(np.array([2]), "chr10", bin_bp=200, chrom_size=1000),
    ],
    ignore_index=True,
)
COLORS = [(255, 0, 0), (0, 100, 0), (255, 255, 255)]


def test_segments_are_rows_of_a_letter_and_a_number_from_1(tmp_path):
    path = tmp_path / "segments.bed"
    chromhmm_files.write_segments(path, SEGMENTS, order="U")
    assert path.read_text() == "chr2\t0\t400\tU2\nchr2\t400\t600\tU1\nchr2\t600\t750\tU2\nchr10\t0\t200\tU3\n"


def test_dense_tracks_show_numbers_labels_and_colours(tmp_path):
    path = tmp_path / "dense.bed"
    chromhmm_files.write_dense(path, SEGMENTS[:2], "Liver_3", COLORS)
    assert path.read_text() == (
        'track name="Liver_3" description="Liver_3 (Emission ordered)" visibility=1 itemRgb="On"\n'
        "chr2\t0\t400\t2\t0\t.\t0\t400\t0,100,0\n"
        "chr2\t400\t600\t1\t0\t.\t400\t600\t255,0,0\n"
    )
    chromhmm_files.write_dense(path, SEGMENTS[:1], "Liver_3", COLORS, labels=["TssA", "Tx", "Quies"])
    assert path.read_text().splitlines()[1].split("\t")[3] == "2_Tx"


def test_expanded_tracks_hold_a_row_for_each_state_and_chromosome(tmp_path):
    path = tmp_path / "expanded.bed"
    chromhmm_files.write_expanded(path, SEGMENTS, "Liver_3", COLORS)
    assert path.read_text() == (
        'track name="Expanded_Liver_3" description="Liver_3 (Emission ordered)" visibility=2 itemRgb="On"\n'
        "browser position chr10:1-1\n"
        "chr10\t0\t200\t3\t0\t.\t0\t200\t255,255,255\t3\t0,200,1\t0,0,199\n"
        "chr2\t0\t750\t2\t0\t.\t0\t750\t0,100,0\t4\t0,400,150,1\t0,0,600,749\n"
        "chr2\t0\t750\t1\t0\t.\t400\t750\t255,0,0\t3\t0,200,1\t0,400,749\n"
    )


def test_states_by_line_count_from_1_after_two_lines_of_names(tmp_path):
    path = tmp_path / "states.txt.gz"
    chromhmm_files.write_states_by_line(path, np.array([0, 11, 2], np.uint8), "Liver", "chrX")
    assert gzip.decompress(path.read_bytes()).decode() == "Liver\tchrX\nMaxState E\n1\n12\n3\n"


def test_posteriors_are_printed_as_java_prints_four_decimals(tmp_path):
    path = tmp_path / "posterior.txt"
    values = np.array([[1.0, 0.0, 0.0], [0.99996, 0.00004, 0.0], [0.1, 0.65004, 0.24996]])
    chromhmm_files.write_posteriors(path, values, "Liver", "chr1", order="T")
    assert path.read_text() == "Liver\tchr1\nT1\tT2\tT3\n1\t0\t0\n1\t0\t0\n0.1\t0.65\t0.25\n"


def test_nothing_is_a_segmentation_too(tmp_path):
    empty = SEGMENTS[:0]
    chromhmm_files.write_segments(tmp_path / "segments.bed", empty)
    assert (tmp_path / "segments.bed").read_bytes() == b""
    chromhmm_files.write_dense(tmp_path / "dense.bed", empty, "Liver_3", COLORS)
    chromhmm_files.write_expanded(tmp_path / "expanded.bed", empty, "Liver_3", COLORS)
    assert len((tmp_path / "expanded.bed").read_text().splitlines()) == 1


def test_what_does_not_fit_is_not_written(tmp_path):
    with pytest.raises(InputError, match=r"\b2 colours\b.*\b3 states"):
        chromhmm_files.write_dense(tmp_path / "dense.bed", SEGMENTS, "Liver_3", COLORS[:2])
    with pytest.raises(InputError, match=r"\b1 labels?\b.*\b3 states"):
        chromhmm_files.write_expanded(tmp_path / "expanded.bed", SEGMENTS, "Liver_3", COLORS, labels=["TssA"])
    with pytest.raises(InputError, match="order 'X'"):
        chromhmm_files.write_segments(tmp_path / "segments.bed", SEGMENTS, order="X")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n_states", [1, 2, 50, 300])
def test_every_state_has_a_colour_and_they_differ_as_long_as_they_can(n_states):
    colors = default_colors(n_states)
    assert len(colors) == n_states
    assert len(set(colors)) == min(n_states, 214)


@pytest.mark.data
@pytest.mark.parametrize("cell", ["GM12878", "K562"])
def test_chromhmms_files_are_reproduced_byte_for_byte_from_its_states(data_dir, tmp_path, cell):
    reference = data_dir / "states" / "chromhmm_reference"
    _, _, rows = read_bins(reference / "STATEBYLINE" / f"{cell}_10_chr11_statebyline.txt.gz")
    segments = segments_from_states(rows[:, 0].astype(np.int64) - 1, "chr11", bin_bp=200, chrom_size=134452384)
    chromhmm_files.write_segments(tmp_path / "segments.bed", segments)
    chromhmm_files.write_dense(tmp_path / "dense.bed", segments, f"{cell}_10", default_colors(10))
    chromhmm_files.write_expanded(tmp_path / "expanded.bed", segments, f"{cell}_10", default_colors(10))
    compared = 0
    for kind in ("segments", "dense", "expanded"):
        path = reference / f"{cell}_10_{kind}.bed.gz"
        if path.exists():
            assert (tmp_path / f"{kind}.bed").read_bytes() == gzip.decompress(path.read_bytes())
            compared += 1
    assert compared == {"GM12878": 3, "K562": 1}[cell]


@pytest.mark.data
def test_chromhmms_posteriors_survive_reading_and_writing(data_dir, tmp_path):
    path = data_dir / "states" / "chromhmm_reference" / "POSTERIOR" / "GM12878_10_chr11_posterior.txt.gz"
    (cell, chrom), states, posteriors = read_bins(path)
    chromhmm_files.write_posteriors(tmp_path / "posterior.txt", posteriors, cell, chrom, states[0][0])
    assert (tmp_path / "posterior.txt").read_bytes() == gzip.decompress(path.read_bytes())


def test_a_damaged_gzipped_file_is_named(tmp_path):
    content = bytearray(gzip.compress(b"some text of a model\n" * 99))
    content[20:40] = b"\xff" * 20
    (tmp_path / "model.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"model\.txt: cannot be read"):
        chromhmm_files.read_lines(tmp_path / "model.txt")
