"""Enrichment of states over annotations and around anchors, as ChromHMM computes it.

OverlapEnrichment and NeighborhoodEnrichment of ChromHMM (Ernst and Kellis, Nature Protocols 2017), with its default
settings: bases, not bins, are counted, and bases that several intervals of an annotation cover count once.
"""

import os
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.intervals import read_bed, read_lines
from epizoo.genome.table_files import is_parquet, write_table
from epizoo.genome.text_files import write_text
from epizoo.metrics.segmentations import Segmentation, bp_of_pairs, by_chromosome, merge_intervals, states_at

File = str | os.PathLike[str]

GENOME, BASE = "Genome %", "Base"
"""Column of each state's share of the genome, and row of each annotation's share, in per cent."""


def overlap_enrichment(
    segmentation: Segmentation,
    annotations: Mapping[str, pd.DataFrame],
    *,
    bin_bp: int = 200,
    weights: Mapping[str, Float64[np.ndarray, " interval"]] | None = None,
) -> pd.DataFrame:
    """Fold enrichment of each state over annotations: (share of the annotation in the state) / (share of the genome).

    The genome is what the segmentation covers. As in ChromHMM, a chromosome's last, incomplete bin counts as a whole
    one, and states that do not occur are left out.

    Args:
        segmentation: states along the genome.
        annotations: name to interval table; overlapping intervals of one count once.
        bin_bp: width of the bins of the segmentation; 1 takes its segments as they are.
        weights: name to the weight of each interval (ChromHMM's ``-signal``); overlapping intervals then all count.

    Returns:
        A row for each state and a last one, `BASE`, with the annotations' share of the genome in per cent; the column
        `GENOME` with the states' share of it in per cent, then a column for each annotation.

    Raises:
        InputError: a segment does not begin on the grid of bins, or an annotation overlaps no state.
    """
    segments = _on_grid(segmentation, bin_bp)
    n_states = len(segmentation.labels)
    genome = _bp_of_states(segments, n_states)
    columns = {GENOME: np.append(100 * genome / genome.sum(), 100.0)}
    for name, intervals in annotations.items():
        if weights is None:
            overlap = _overlap(segments, intervals, n_states)
        else:
            overlap = _weighted_overlap(segments, intervals, weights[name], n_states)
        if not overlap.sum():
            raise InputError(
                f"{name}: none of its intervals overlaps a state of {segmentation.name}; are their chromosomes named "
                "alike, and are they of the same assembly?"
            )
        folds = _folds(overlap, genome)[:, 0]
        columns[name] = np.append(folds, 100 * overlap.sum() / genome.sum())
    index = pd.Index([*segmentation.labels, BASE], name=segmentation.heading)
    return pd.DataFrame(columns, index=index)[np.append(genome > 0, True)]


def enrichment_p_values(
    segmentation: Segmentation, annotations: Mapping[str, pd.DataFrame], *, bin_bp: int = 200
) -> pd.DataFrame:
    """-log10 p of each state's enrichment over annotations, by the centres of their intervals.

    Of the n intervals whose centre has a state, the number in a state of share p of the genome is binomial (n, p) by
    chance. The p-value is the probability of as many as there are or more: that of ChromHMM 1.26's ``-center
    -multicount``, but for its cap at 300. Intervals count once each, however wide they are, since bases of one interval
    are not independent.

    Args:
        segmentation: states along the genome.
        annotations: name to interval table.
        bin_bp: width of the bins of the segmentation; 1 takes its segments as they are.

    Returns:
        A row for each state that occurs, a column for each annotation.

    Raises:
        InputError: a segment does not begin on the grid of bins, or no centre of an annotation has a state.
    """
    from scipy.stats import binom

    segments = _on_grid(segmentation, bin_bp)
    n_states = len(segmentation.labels)
    genome = _bp_of_states(segments, n_states)
    of_chrom = dict(by_chromosome(segments))
    columns = {}
    for name, intervals in annotations.items():
        counts = np.zeros(n_states)
        for chrom, here in by_chromosome(intervals[intervals["chrom"].isin(list(of_chrom))]):
            states = states_at(of_chrom[chrom], ((here["start"] + here["end"] - 1) // 2).to_numpy())
            counts += np.bincount(states[states >= 0], minlength=n_states)
        if not counts.sum():
            raise InputError(f"{name}: no centre of its intervals has a state of {segmentation.name}; give others")
        log_p = binom.logsf(counts - 1, counts.sum(), genome / genome.sum())
        columns[name] = np.maximum(-log_p / np.log(10), 0.0)
    index = pd.Index(segmentation.labels, name=segmentation.heading)
    return pd.DataFrame(columns, index=index)[genome > 0]


def neighborhood_enrichment(
    segmentation: Segmentation,
    anchors: pd.DataFrame,
    *,
    n_left: int = 10,
    n_right: int = 10,
    spacing_bp: int = 200,
    bin_bp: int = 200,
) -> pd.DataFrame:
    """Fold enrichment of each state at distances from anchors, such as transcription start sites.

    As in ChromHMM, positions less than a bin before a chromosome's start count as its first bin. Unlike it, anchors on
    the minus strand are looked at from the far end where ``n_left`` and ``n_right`` differ too: ChromHMM 1.24 to 1.27
    then writes the column -L of them for what lies R downstream of the anchor. With equal ones the figures agree.

    Args:
        segmentation: states along the genome.
        anchors: chrom, position (0-based) and strand; "-" turns upstream and downstream round.
        n_left: number of positions before the anchor.
        n_right: number of positions after it.
        spacing_bp: distance of the positions.
        bin_bp: width of the bins of the segmentation; 1 takes its segments as they are.

    Returns:
        A row for each state that occurs, a column for each distance in bp; NaN where no anchor reaches a state.

    Raises:
        InputError: a segment does not begin on the grid of bins, no anchor is on a chromosome of the segmentation, or a
            number is out of range.
    """
    for name, value, least in (("n_left", n_left, 0), ("n_right", n_right, 0), ("spacing_bp", spacing_bp, 1)):
        if value < least:
            raise InputError(f"{name}: is {value}; expected {least} or more")
    segments = _on_grid(segmentation, bin_bp)
    n_states = len(segmentation.labels)
    distances = np.arange(-n_left, n_right + 1) * spacing_bp
    counts = np.zeros((n_states, len(distances)))
    for states in _states_around(segments, anchors, distances, bin_bp):
        for column in range(len(distances)):
            found = states[:, column]
            counts[:, column] += np.bincount(found[found >= 0], minlength=n_states)
    if not counts.any():
        raise InputError(
            f"anchors: none lies near a state of {segmentation.name}; are the chromosomes named alike, and are they of "
            "the same assembly?"
        )
    genome = _bp_of_states(segments, n_states)
    index = pd.Index(segmentation.labels, name=segmentation.heading)
    return pd.DataFrame(_folds(counts, genome), index=index, columns=distances)[genome > 0]


def n_anchors_in_states(segmentation: Segmentation, anchors: pd.DataFrame, *, bin_bp: int = 200) -> int:
    """Number of anchors that have a state where they lie, which are those that `neighborhood_enrichment` counts at 0.

    >>> states = Segmentation(pd.DataFrame({"chrom": ["a"], "start": [0], "end": [400], "state": [0]}), ("1",))
    >>> anchors = pd.DataFrame({"chrom": ["a", "a", "b"], "position": [399, 400, 0], "strand": "+"})
    >>> n_anchors_in_states(states, anchors)
    1

    Raises:
        InputError: a segment does not begin on the grid of bins.
    """
    around = _states_around(_on_grid(segmentation, bin_bp), anchors, np.zeros(1, np.int64), bin_bp)
    return sum(int((states >= 0).sum()) for states in around)


def read_anchors(path: File) -> pd.DataFrame:
    """Read anchors as chrom, position (0-based) and strand.

    ChromHMM's own anchor files (chrom, position, and a strand where there is one), or BED: with strands, the first base
    of each interval as it is read (of a gene, the transcription start site); without, the middle.

    Raises:
        InputError: the file cannot be read or a line is no anchor.
    """
    lines = [] if is_parquet(path) else [(number, line.split()) for number, line in read_lines(path)]
    lines = [(number, fields) for number, fields in lines if fields and not _is_comment(fields)]
    if lines and all(len(fields) == 2 or (len(fields) > 2 and fields[2] in ("+", "-")) for _, fields in lines):
        rows = [(fields[0], _position(path, number, fields[1]), (*fields, "+")[2]) for number, fields in lines]
        return pd.DataFrame(rows, columns=["chrom", "position", "strand"])
    table = read_bed(path)
    starts, ends = table["start"], table["end"]
    middle = (starts + ends) // 2
    if "strand" not in table:
        return pd.DataFrame({"chrom": table["chrom"], "position": middle, "strand": "+"})
    position = starts.where(table["strand"] == "+", (ends - 1).where(table["strand"] == "-", middle))
    return pd.DataFrame({"chrom": table["chrom"], "position": position, "strand": table["strand"]})


def write_enrichment(path: File, table: pd.DataFrame) -> None:
    """Write a table as ChromHMM writes its own (tab-separated, five decimals, ten in the row `BASE`), or as Parquet.

    Raises:
        InputError: the file cannot be written.
    """
    if is_parquet(path):
        write_table(path, table, index=True)
        return
    lines = ["\t".join([str(table.index.name), *map(str, table.columns)])]
    for label, values in zip(table.index, table.to_numpy(np.float64), strict=True):
        cells = [f"{value:.10f}" if label == BASE else f"{value:.5f}" for value in values]
        if label == BASE:
            cells[0] = "100"
        lines.append("\t".join([str(label), *(cell.replace("nan", "NaN") for cell in cells)]))
    with atomic_path(path) as temporary:
        write_text(temporary, "\n".join(lines) + "\n", compressed=os.fspath(path).endswith(".gz"))


def _is_comment(fields: list[str]) -> bool:
    """True if a line's fields begin a comment or a line for the genome browser."""
    return fields[0].startswith("#") or fields[0] in ("track", "browser")


def _position(path: File, number: int, field: str) -> int:
    if not field.isdecimal():
        raise InputError(f"{path}: line {number}: position {field!r} is no whole number from 0 on; correct it")
    return int(field)


def _on_grid(segmentation: Segmentation, bin_bp: int) -> pd.DataFrame:
    """The segments with the last end of a chromosome moved to the end of its bin."""
    if bin_bp < 1:
        raise InputError(f"bin_bp: is {bin_bp}; expected 1 or more")
    segments = segmentation.segments
    off = np.flatnonzero(segments["start"].to_numpy() % bin_bp)
    if len(off):
        chrom, start = segments["chrom"].iloc[off[0]], segments["start"].iloc[off[0]]
        raise InputError(
            f"{segmentation.name}: a segment begins at {chrom}:{start}, which is not on a grid of bins of {bin_bp} bp; "
            "give the width of its bins, or 1 to take the segments as they are"
        )
    return segments.assign(end=-(-segments["end"] // bin_bp) * bin_bp)


def _states_around(
    segments: pd.DataFrame, anchors: pd.DataFrame, distances: Int64[np.ndarray, " distance"], bin_bp: int
) -> Iterator[Int64[np.ndarray, "anchor distance"]]:
    """The states at distances from the anchors of each chromosome, -1 where there is none."""
    of_chrom = dict(by_chromosome(segments))
    for chrom, here in by_chromosome(anchors[anchors["chrom"].isin(list(of_chrom))]):
        sign = np.where(here["strand"] == "-", -1, 1)
        positions = here["position"].to_numpy()[:, None] + sign[:, None] * distances
        yield states_at(of_chrom[chrom], np.fix(positions / bin_bp).astype(np.int64) * bin_bp)


def _bp_of_states(segments: pd.DataFrame, n_states: int) -> Float64[np.ndarray, " state"]:
    widths = (segments["end"] - segments["start"]).to_numpy(np.float64)
    return np.bincount(segments["state"], weights=widths, minlength=n_states)


def _overlap(segments: pd.DataFrame, intervals: pd.DataFrame, n_states: int) -> Float64[np.ndarray, "state 1"]:
    """Number of bp of each state that the intervals cover."""
    covered = [intervals[["chrom", "start", "end"]].iloc[:0].assign(state=0)]
    for chrom, here in by_chromosome(intervals):
        starts, ends = merge_intervals(here["start"].to_numpy(), here["end"].to_numpy())
        covered.append(pd.DataFrame({"chrom": chrom, "start": starts, "end": ends, "state": 0}))
    return bp_of_pairs(segments, pd.concat(covered), (n_states, 1))


def _weighted_overlap(
    segments: pd.DataFrame, intervals: pd.DataFrame, weights: Float64[np.ndarray, " interval"], n_states: int
) -> Float64[np.ndarray, "state 1"]:
    """Sum over intervals of their weight times their bp in each state."""
    total = np.zeros((n_states, 1))
    of_chrom = dict(by_chromosome(segments))
    weighted = intervals[["chrom", "start", "end"]].assign(weight=np.asarray(weights, np.float64))
    for chrom, here in by_chromosome(weighted[weighted["chrom"].isin(list(of_chrom))]):
        edges = of_chrom[chrom][["start", "end"]].to_numpy()
        up, down = (_area_before(here[edge].to_numpy(), here["weight"].to_numpy(), edges) for edge in ("start", "end"))
        within = np.diff(up - down, axis=1)[:, 0]
        total[:, 0] += np.bincount(of_chrom[chrom]["state"], weights=within, minlength=n_states)
    return total


def _area_before(
    steps: Int64[np.ndarray, " step"], heights: Float64[np.ndarray, " step"], positions: Int64[np.ndarray, "row edge"]
) -> Float64[np.ndarray, "row edge"]:
    """Integral up to each position of a function that rises by a height at each step."""
    order = np.argsort(steps, kind="stable")
    steps, heights = steps[order], heights[order]
    n_before = np.searchsorted(steps, positions)
    level, moment = (np.concatenate([[0.0], np.cumsum(values)]) for values in (heights, heights * steps))
    return positions * level[n_before] - moment[n_before]


def _folds(
    counts: Float64[np.ndarray, "state column"], genome: Float64[np.ndarray, " state"]
) -> Float64[np.ndarray, "state column"]:
    """Share of each column in each state over the state's share of the genome; NaN where there is nothing to share."""
    totals, shares = counts.sum(axis=0), (genome / genome.sum())[:, None]
    within = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    return np.divide(within, shares, out=np.full_like(counts, np.nan), where=shares > 0)
