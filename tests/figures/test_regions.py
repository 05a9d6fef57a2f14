"""What a picture shows is what the files hold."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from epizoo.errors import InputError
from epizoo.figures.panels import binarized_panels, label_of, on_one_scale, peaks_panel, states_panel
from epizoo.figures.regions import (
    MAX_COLUMNS,
    MarkCallsPanel,
    ProbabilityPanel,
    SignalPanel,
    _figure,
    draw,
)
from epizoo.genome.loci import Region, parse_region
from epizoo.genome.marks import BinarizedChromosome, write_binarized

REGION = Region("chr1", 1000, 3000)


def drawn(panel):
    axes = Figure().add_subplot()
    axes.set_xlim(REGION.start, REGION.end)
    panel.draw(axes, REGION)
    return axes


def boxes(axes):
    """Left and right edges of every box."""
    return sorted(
        (float(path.vertices[:, 0].min()), float(path.vertices[:, 0].max()))
        for collection in axes.collections
        for path in collection.get_paths()
    )


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("chr1:1-1", ("chr1", 0, 1)),
        ("chrX:1,001-2,000", ("chrX", 1000, 2000)),
        (" HLA:7–9 ", ("HLA", 6, 9)),
    ],
)
def test_regions_are_read_as_browsers_write_them(text, region):
    assert parse_region(text) == region


@pytest.mark.parametrize("text", ["chr1", "chr1:5", "chr1:0-5", "chr1:9-5", "chr1:a-b", ":1-5", "chr1:-5-9"])
def test_other_texts_are_no_regions(text):
    with pytest.raises(InputError, match="region: "):
        parse_region(text)


def test_no_peak_is_lost_from_afar():
    values = np.zeros(50_000, np.float32)
    values[[0, 777, 31_415, 49_999]] = [1, 5, 3, 2]
    (patch,) = drawn(SignalPanel("x", 1000, 10, values)).patches
    heights, edges, _ = patch.get_data()
    assert len(heights) <= MAX_COLUMNS
    assert sorted(heights)[-4:] == [1, 2, 3, 5]
    for position, height in ((777, 5), (31_415, 3)):
        assert heights[np.searchsorted(edges, 1000 + position * 10, side="right") - 1] == height


def test_few_bins_are_drawn_as_they_are():
    values = np.array([0.1, 0.9, 0.4], np.float32)
    heights, edges, _ = drawn(ProbabilityPanel("p", 1000, 50, values)).patches[0].get_data()
    np.testing.assert_array_equal(heights, values)
    np.testing.assert_array_equal(edges, [1000, 1050, 1100, 1150])


def test_marks_are_boxes_where_present_and_where_missing():
    calls = np.array([1, 1, 0, 2, 2, 0, 1], np.uint8)
    assert boxes(drawn(MarkCallsPanel("m", 1000, 200, calls))) == [(1000, 1400), (1600, 2000), (2200, 2400)]


@pytest.mark.parametrize("bin_bp", [50, 200, 700])
def test_binarised_marks_lie_where_their_bins_do(tmp_path, bin_bp):
    values = np.zeros((100, 1), np.uint8)
    values[2_000 // bin_bp] = 1
    write_binarized(tmp_path / "a_chr1_binary.txt", BinarizedChromosome("a", "chr1", ("m",), values))
    (panel,) = binarized_panels(tmp_path, REGION, bin_bp=bin_bp)
    start = 2_000 // bin_bp * bin_bp
    assert boxes(drawn(panel)) == [(start, start + bin_bp)]


def test_peaks_of_the_region_are_drawn_with_their_summits(tmp_path):
    path = tmp_path / "x.narrowPeak"
    rows = ["track name=x", "chr1\t500\t1100\ta\t9\t.\t3\t-1\t-1\t580", "chr1\t2000\t2500\tb\t9\t.\t3\t-1\t-1\t100"]
    rows += ["chr2\t2000\t2500\tc\t9\t.\t3\t-1\t-1\t100", "chr1\t3000\t3100\td\t9\t.\t3\t-1\t-1\t0", ""]
    path.write_text("\n".join(rows))
    axes = drawn(peaks_panel(path, REGION, "peaks"))
    assert boxes(axes) == [(500, 1100), (2000, 2500)]
    assert axes.lines[0].get_xdata().tolist() == [1080.5, 2100.5]


def test_narrow_peaks_have_their_summits_too_but_none_outside_the_region(tmp_path):
    rows = ["chr1\t500\t1100\ta\t9\t.\t3\t-1\t-1\t80", "chr1\t2000\t2001\tb\t9\t.\t3\t-1\t-1\t0"]
    (tmp_path / "x.narrowPeak").write_text("\n".join(rows))
    panel = peaks_panel(tmp_path / "x.narrowPeak", REGION, "peaks")
    assert drawn(panel).lines[0].get_xdata().tolist() == [2000.5]
    assert [key.get_label() for key in panel.legend()] == ["summit"]


def test_peaks_of_a_plain_bed_have_no_summits(tmp_path):
    (tmp_path / "x.bed").write_text("chr1\t2000\t2500\n")
    assert boxes(drawn(peaks_panel(tmp_path / "x.bed", REGION, "peaks"))) == [(2000, 2500)]


def test_the_legend_names_each_state_once_in_order(tmp_path):
    states = [("10_Quies", "255,255,255"), ("2_Enh", "255,255,0"), ("10_Quies", "255,255,255"), ("1_Tss", "255,0,0")]
    rows = [f"chr1\t{1000 + 200 * i}\t{1200 + 200 * i}\t{n}\t0\t.\t0\t0\t{c}\n" for i, (n, c) in enumerate(states)]
    (tmp_path / "x.bed").write_text("".join(rows))
    patches = states_panel(tmp_path / "x.bed", REGION, "states").legend()
    assert [patch.get_label() for patch in patches] == ["1_Tss", "2_Enh", "10_Quies"]
    assert patches[0].get_facecolor() == (1.0, 0.0, 0.0, 1.0)


def test_a_state_without_a_colour_is_refused(tmp_path):
    (tmp_path / "x.bed").write_text("chr1\t1000\t1200\tTss\t0\t.\t0\t0\tred\n")
    with pytest.raises(InputError, match=r"x\.bed: line 1\b"):
        states_panel(tmp_path / "x.bed", REGION, "states")


def test_a_region_without_anything_in_it_is_drawn(tmp_path):
    (tmp_path / "x.bed").write_text("chr2\t1000\t1200\tTss\t0\t.\t0\t0\t255,0,0\n")
    panels = [peaks_panel(tmp_path / "x.bed", REGION, "peaks"), states_panel(tmp_path / "x.bed", REGION, "states")]
    draw(tmp_path / "x.png", REGION, panels)
    assert (tmp_path / "x.png").stat().st_size > 1000
    # An empty strip would look like a chromosome without peaks.
    assert [[text.get_text() for text in drawn(panel).texts] for panel in panels] == [["x.bed has nothing on chr1"]] * 2


def test_a_file_with_other_names_of_chromosomes_is_refused(tmp_path):
    (tmp_path / "x.bed").write_text("1\t1000\t1200\tTss\t0\t.\t0\t0\t255,0,0\n")
    for make in (peaks_panel, states_panel):
        with pytest.raises(InputError, match=r"x\.bed: .*\b1\b.*\bchr1\b"):
            make(tmp_path / "x.bed", REGION, "x")


def test_the_legend_follows_the_states_order(tmp_path):
    rows = [f"chr1\t{1000 + 200 * i}\t{1200 + 200 * i}\t{n}\t0\t.\t0\t0\t9,9,9\n" for i, n in enumerate("QATB")]
    (tmp_path / "x.bed").write_text("".join(rows))
    panel = states_panel(tmp_path / "x.bed", REGION, "states")._replace(order=("T", "A", "Q"))
    assert [patch.get_label() for patch in panel.legend()] == ["T", "A", "Q", "B"]


def test_no_label_of_the_axis_is_cut_off():
    panel = SignalPanel("x", 0, 100, np.ones(4000, np.float32))
    for end in (400_000, 249_000_000):
        figure = _figure(Region("chr1", end - 400_000, end), [panel], None)
        renderer = figure.canvas.get_renderer()
        figure.draw_without_rendering()
        labels = figure.axes[-1].xaxis.get_ticklabels()
        right = max(label.get_window_extent(renderer).x1 for label in labels if label.get_text())
        assert right <= figure.bbox.x1


@pytest.mark.parametrize(("path", "label"), [("a/H3K4me3.tcell.bw", "H3K4me3.tcell"), ("x.bed.gz", "x"), ("x", "x")])
def test_files_are_called_by_their_names(path, label):
    assert label_of(path) == label


def test_panels_of_one_model_share_the_legend(tmp_path):
    rows = [f"chr1\t1000\t1200\t{name}\t0\t.\t0\t0\t{color}\n" for name, color in (("Enh", "255,255,0"),)]
    (tmp_path / "x.bed").write_text("".join(rows))
    panels = [states_panel(tmp_path / "x.bed", REGION, name) for name in ("a", "b")]
    draw(tmp_path / "x.svg", REGION, panels)
    assert (tmp_path / "x.svg").read_text().count(">Enh</text>") == 1


def test_no_signal_is_an_axis_from_0_to_1():
    assert drawn(SignalPanel("x", 1000, 10, np.zeros(50, np.float32))).get_ylim() == (0, 1)


@pytest.mark.parametrize("highest", [(3.0, 40.0), (0.0, 0.0)])
def test_panels_on_one_scale_have_the_axis_of_the_highest(highest):
    panels = [SignalPanel("x", 1000, 10, np.full(200, value)) for value in highest]
    tops = [drawn(panel).get_ylim()[1] for panel in on_one_scale(panels)]
    assert tops[0] == tops[1] == pytest.approx(max(highest) * 1.08 or 1.0)
