"""Enrichment of states, against counting base by base."""

import numpy as np
import pandas as pd
import pytest

from epizoo.calling.segments import segments_from_states
from epizoo.errors import InputError
from epizoo.figures.heatmaps import Scale, draw_heatmap
from epizoo.metrics.enrichment import (
    BASE,
    GENOME,
    neighborhood_enrichment,
    overlap_enrichment,
    read_anchors,
    write_enrichment,
)
from epizoo.metrics.segmentations import Segmentation, read_segmentation

BIN = 10
SIZES = {"chr1": 40, "chr2": 7}


@pytest.fixture
def states():
    """States bin by bin; chr2's first bins and some of chr1's have none."""
    rng = np.random.default_rng(3)
    return {chrom: np.repeat(rng.integers(0, 4, n), rng.integers(1, 4, n))[:n] for chrom, n in SIZES.items()}


def segmentation_of(states, gap=True):
    tables = []
    for chrom, values in states.items():
        table = segments_from_states(values, chrom, bin_bp=BIN, chrom_size=len(values) * BIN)
        tables.append(table.iloc[1:] if gap else table)
    return Segmentation(pd.concat(tables, ignore_index=True), ("a", "b", "c", "d"))


def per_base(segmentation):
    """The state of every base, -1 where there is none."""
    painted = {chrom: np.full(n * BIN, -1) for chrom, n in SIZES.items()}
    for chrom, start, end, state in segmentation.segments.itertuples(index=False):
        painted[chrom][start:end] = state
    return painted


def intervals(seed, n=12):
    rng = np.random.default_rng(seed)
    chroms = rng.choice(["chr1", "chr2", "chr9"], n)
    starts = rng.integers(0, 60, n)
    return pd.DataFrame({"chrom": chroms, "start": starts, "end": starts + rng.integers(1, 40, n)})


@pytest.mark.parametrize("gap", [False, True])
def test_overlap_is_counted_base_by_base(states, gap):
    segmentation = segmentation_of(states, gap)
    painted = per_base(segmentation)
    annotations = {"one": intervals(0), "two": intervals(1, 3)}
    table = overlap_enrichment(segmentation, annotations, bin_bp=BIN)
    whole = np.concatenate(list(painted.values()))
    genome = np.bincount(whole[whole >= 0], minlength=4) / (whole >= 0).sum()
    np.testing.assert_allclose(table[GENOME].to_numpy()[:-1], 100 * genome)
    for name, rows in annotations.items():
        covered = {chrom: np.zeros(len(values), bool) for chrom, values in painted.items()}
        for chrom, start, end in rows.itertuples(index=False):
            if chrom in covered:
                covered[chrom][start:end] = True
        inside = np.concatenate([painted[chrom][covered[chrom]] for chrom in painted])
        counts = np.bincount(inside[inside >= 0], minlength=4)
        np.testing.assert_allclose(table[name].to_numpy()[:-1], counts / counts.sum() / genome)
        assert table.loc[BASE, name] == pytest.approx(100 * counts.sum() / (whole >= 0).sum())


def test_shares_weighted_by_folds_sum_to_one(states):
    table = overlap_enrichment(segmentation_of(states), {"one": intervals(5)}, bin_bp=BIN).drop(index=BASE)
    assert (table[GENOME] / 100 * table["one"]).sum() == pytest.approx(1)


@pytest.mark.parametrize(("left", "right"), [(3, 3), (1, 4)])
def test_neighbourhoods_are_counted_anchor_by_anchor(states, left, right):
    segmentation = segmentation_of(states)
    painted = per_base(segmentation)
    rng = np.random.default_rng(8)
    anchors = pd.DataFrame(
        {"chrom": rng.choice(["chr1", "chr2"], 30), "position": rng.integers(100, 400, 30), "strand": list("+-") * 15}
    )
    table = neighborhood_enrichment(segmentation, anchors, n_left=left, n_right=right, spacing_bp=25, bin_bp=BIN)
    assert list(table.columns) == [25 * step for step in range(-left, right + 1)]
    whole = np.concatenate(list(painted.values()))
    genome = np.bincount(whole[whole >= 0], minlength=4) / (whole >= 0).sum()
    for distance in table.columns:
        counts = np.zeros(4)
        for chrom, position, strand in anchors.itertuples(index=False):
            at = position + (distance if strand == "+" else -distance)
            if 0 <= at < len(painted[chrom]) and painted[chrom][at] >= 0:
                counts[painted[chrom][at]] += 1
        np.testing.assert_allclose(table[distance].to_numpy(), counts / counts.sum() / genome)


def test_upstream_and_downstream_turn_round_on_the_minus_strand():
    states = np.array([0] * 10 + [1] * 10)
    segmentation = Segmentation(segments_from_states(states, "chr1", bin_bp=BIN, chrom_size=200), ("a", "b"))
    anchors = pd.DataFrame({"chrom": ["chr1"], "position": [100], "strand": ["-"]})
    table = neighborhood_enrichment(segmentation, anchors, n_left=1, n_right=2, spacing_bp=40, bin_bp=BIN)
    assert table.loc["b"].tolist() == [2, 2, 0, 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chr1\t5\t+\nchr1\t7\t-\n", [("chr1", 5, "+"), ("chr1", 7, "-")]),
        ("chr1\t5\nchr2\t0\n", [("chr1", 5, "+"), ("chr2", 0, "+")]),
        ("# a\nchr1\t5\t9\tg\t0\t+\nchr1\t5\t9\tg\t0\t-\nchr1\t5\t9\tg\t0\t.\n", [5, 8, 7]),
        ("track x\nchr1\t5\t9\n", [("chr1", 7, "+")]),
    ],
)
def test_anchors_are_read_from_chromhmms_files_and_bed(tmp_path, text, expected):
    (tmp_path / "anchors").write_text(text)
    table = read_anchors(tmp_path / "anchors")
    if isinstance(expected[0], int):
        assert table["position"].tolist() == expected
    else:
        assert list(table.itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize(
    ("text", "names", "labels", "order", "states"),
    [
        ("E10 E2 E10", None, ("2", "10"), "E", [1, 0, 1]),
        ("3 1 3", None, ("1", "3"), "", [1, 0, 1]),
        ("2_Tx 1_TssA 2_Tx", None, ("1_TssA", "2_Tx"), "", [1, 0, 1]),
        ("Tx TssA Tx", None, ("Tx", "TssA"), "", [0, 1, 0]),
        ("Tx TssA Tx", ("TssA", "Quies", "Tx"), ("TssA", "Quies", "Tx"), "", [2, 0, 2]),
        ("E3 E1 E3", ("TssA", "Quies", "Tx"), ("1_TssA", "2_Quies", "3_Tx"), "E", [2, 0, 2]),
        ("X3 X1 X3", None, ("1", "3"), "", [1, 0, 1]),
        ("E1 E1_a E1", None, ("E1", "E1_a"), "", [0, 1, 0]),
    ],
)
def test_states_are_told_by_number_or_name(tmp_path, text, names, labels, order, states):
    rows = [f"chr1\t{10 * at}\t{10 * at + 10}\t{name}\n" for at, name in enumerate(text.split())]
    (tmp_path / "s.bed").write_text('track name="x"\n' + "".join(rows))
    segmentation = read_segmentation(tmp_path / "s.bed", names)
    assert (segmentation.labels, segmentation.order) == (labels, order)
    assert segmentation.segments["state"].tolist() == states


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t0\t10\n", r"s\.bed: .*four.* columns"),
        ("chr1\t0\t20\tE1\nchr1\t10\t30\tE2\n", "chr1:10-30.* overlap"),
    ],
)
def test_files_without_states_are_refused(tmp_path, text, message):
    (tmp_path / "s.bed").write_text(text)
    with pytest.raises(InputError, match=message):
        read_segmentation(tmp_path / "s.bed")


def test_foreign_names_grids_and_chromosomes_are_refused(tmp_path, states):
    (tmp_path / "s.bed").write_text("chr1\t0\t20\tTx\n")
    with pytest.raises(InputError, match=r"\bTx\b.*\bA\b"):
        read_segmentation(tmp_path / "s.bed", ("A",))
    segmentation = segmentation_of(states)
    elsewhere = pd.DataFrame({"chrom": ["1"], "start": [0], "end": [10]})
    with pytest.raises(InputError, match=r"x: .*overlaps"):
        overlap_enrichment(segmentation, {"x": elsewhere}, bin_bp=BIN)
    with pytest.raises(InputError, match="200 bp"):
        overlap_enrichment(segmentation, {"x": intervals(0)})
    anchors = pd.DataFrame({"chrom": ["1"], "position": [0], "strand": ["+"]})
    with pytest.raises(InputError, match="anchors: "):
        neighborhood_enrichment(segmentation, anchors, bin_bp=BIN)
    with pytest.raises(InputError, match=r"n_left: .*-1"):
        neighborhood_enrichment(segmentation, anchors, n_left=-1)


def test_tables_are_read_by_pandas(tmp_path, states):
    table = overlap_enrichment(segmentation_of(states), {"one": intervals(0)}, bin_bp=BIN)
    write_enrichment(tmp_path / "t.tsv", table)
    read = pd.read_csv(tmp_path / "t.tsv", sep="\t", index_col=0)
    pd.testing.assert_frame_equal(read, table, atol=1e-5)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_pictures_are_the_same_every_time(tmp_path, states, suffix):
    table = overlap_enrichment(segmentation_of(states), {"one": intervals(0)}, bin_bp=BIN)
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9), (1, 1, 1)]
    for name in ("a", "b"):
        draw_heatmap(tmp_path / f"{name}.{suffix}", table, "Fold enrichment", Scale("fold", folds=True), colors=colors)
    content = (tmp_path / f"a.{suffix}").read_bytes()
    assert content == (tmp_path / f"b.{suffix}").read_bytes()
    assert len(content) > 1000


def test_positions_less_than_a_bin_before_a_chromosome_count_as_its_first_bin():
    segments = pd.DataFrame({"chrom": ["chr1"] * 2, "start": [0, BIN], "end": [BIN, 4 * BIN], "state": [0, 1]})
    anchors = pd.DataFrame({"chrom": ["chr1"], "position": [5], "strand": ["+"]})
    table = neighborhood_enrichment(
        Segmentation(segments, ("a", "b")), anchors, n_left=2, n_right=1, spacing_bp=BIN, bin_bp=BIN
    )
    # At -15, -5, 5 and 15: nowhere, the first bin, the first bin and the second; "a" is a quarter of the genome.
    assert table.loc["a"].isna().tolist() == [True, False, False, False]
    assert table.loc["a"].tolist()[1:] == [4.0, 4.0, 0.0]
