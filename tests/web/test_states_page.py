"""States in a real browser: the same file as `epizoo annotate`, and one sentence for what is wrong."""

import pandas as pd
import pytest
from bigwigs import SIZES, coverage, write_bigwig
from browsing import PATIENCE_MS, contrast, download, until
from conftest import open_page

from epizoo import annotate, load_annotator
from epizoo.web.page_data import write_state_example

MARKS = load_annotator("chromatin_states/encode-10").channels
READ_BP = 150
COVERAGE = {"signal_kind": "coverage", "read_length_bp": READ_BP}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A bigWig for each mark: gaps of NaN in one, means over bins in another, one without chr2."""
    folder = tmp_path_factory.mktemp("marks")
    found = {}
    for number, mark in enumerate([*MARKS, "H3K9me3"]):
        tracks = coverage(number % 4, peak_every=40_000 + 10_000 * (number % 3))
        if number == 1:
            del tracks["chr2"]
        options = {"gaps_are_nan": number == 0, "form": "bins" if number == 2 else "stretches"}
        found[mark] = write_bigwig(folder / f"K562-{mark.lower()}.fc.signal.bigWig", tracks, **options)
    return found


@pytest.fixture
def states(page):
    page.check("#task-states")
    return page


def add(page, *paths):
    """Add files, and wait until the page knows them, or says what is wrong."""
    before = page.locator("#marks-rows tr").count()
    page.set_input_files("#marks-files", list(map(str, paths)))
    until(
        page,
        f"document.querySelectorAll('#marks-rows tr').length === {before + len(paths)} || "
        "!document.getElementById('states-problem').hidden",
    )


def ask(page, entry, *, kind="coverage", read_length="", threshold="", regions="", allow_missing=False):
    page.set_checked("#allow-missing", allow_missing)
    page.select_option("#annotator", f"chromatin_states/{entry}")
    page.select_option("#states-kind", kind)
    page.fill("#read-length", str(read_length))
    page.fill("#threshold", str(threshold))
    page.fill("#states-regions", regions)
    page.click("#annotate")
    page.wait_for_selector("#states-result:visible, #states-problem:visible", timeout=PATIENCE_MS)


def problem(page):
    return page.inner_text("#states-problem")


def saved(page, folder):
    assert problem(page) == ""
    return download(page, "#states-bed", folder / "page.bed").read_bytes()


def commanded(folder, entry, marks, **settings):
    annotation = annotate(f"chromatin_states/{entry}", marks=marks, output=folder / "command.bed", **settings)
    return (folder / "command.bed").read_bytes(), annotation


@pytest.mark.parametrize("entry", ["encode-10", "encode-15", "roadmap-15", "roadmap-18"])
def test_states_are_those_of_the_command_line(states, files, tmp_path, entry):
    marks = {mark: files[mark] for mark in load_annotator(f"chromatin_states/{entry}").channels}
    expected, annotation = commanded(tmp_path, entry, marks, **COVERAGE)
    assert annotation.missing_marks or entry.startswith("roadmap-15")
    add(states, *files.values())
    ask(states, entry, read_length=READ_BP)
    assert saved(states, tmp_path) == expected
    per_bin = annotation.log_likelihood / annotation.n_bins
    assert f"{annotation.n_bins:,} bins, by chromatin_states/{entry} " in states.inner_text("#states-summary")
    assert f"log-likelihood {per_bin:.4f} per bin" in states.inner_text("#states-summary")
    for mark, share in annotation.missing_marks.items():
        assert f"{mark} in {share:.2%} of the bins" in states.inner_text("#states-notes")


@pytest.mark.parametrize(
    ("given", "regions", "page_regions"),
    [
        ({"threshold": 2.5, "signal_kind": "fold_change"}, [], ""),
        ({"threshold": 1.0, "signal_kind": "coverage"}, [("chr1", 0, SIZES["chr1"])], "chr1"),
        (
            COVERAGE,
            [("chr2", 150, 90_000), ("chr1", 100, 700_350), ("chr1", 650_000, 700_000), ("chr1", 700_350, 800_000)],
            "chr2:151-90,000 chr1:101-700,350 chr1:650,001-700,000 chr1:700,351-800,000",
        ),
    ],
)
def test_thresholds_and_regions_are_those_of_the_command_line(states, files, tmp_path, given, regions, page_regions):
    marks = {mark: files[mark] for mark in ("H3K27me3", "H3K36me3", "H3K4me1", "H3K4me3", "H3K9me3")}
    table = pd.DataFrame(regions, columns=["chrom", "start", "end"]) if regions else None
    expected, _ = commanded(tmp_path, "roadmap-15", marks, regions=table, **given)
    add(states, *marks.values())
    ask(
        states,
        "roadmap-15",
        kind=given["signal_kind"],
        read_length=given.get("read_length_bp", ""),
        threshold=given.get("threshold", ""),
        regions=page_regions,
    )
    assert saved(states, tmp_path) == expected


def test_missing_marks_are_left_out_of_the_likelihood(states, files, tmp_path):
    marks = {mark: files[mark] for mark in ("H3K27ac", "H3K4me3", "H3K36me3")}
    expected, _ = commanded(tmp_path, "encode-10", marks, allow_missing=True, **COVERAGE)
    add(states, *marks.values())
    ask(states, "encode-10", read_length=READ_BP, allow_missing=True)
    assert saved(states, tmp_path) == expected
    assert "Marks missing everywhere" in states.inner_text("#states-notes")


def test_states_of_the_example_are_those_of_its_binarised_marks(states, tmp_path):
    example = load_annotator("chromatin_states/encode-10").folder / "example_files" / "marks"
    annotation = annotate("chromatin_states/encode-10", example, output=tmp_path / "command.bed")
    states.click("#states-example")
    states.wait_for_selector("#states-result:visible", timeout=PATIENCE_MS)
    # Another choice changes nothing in what is shown.
    states.check("#allow-missing")
    states.select_option("#annotator", "chromatin_states/roadmap-15")
    assert saved(states, tmp_path) == (tmp_path / "command.bed").read_bytes()
    lines = download(states, "#states-tsv", tmp_path / "page.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["chrom", "start", "end", "state", "description", "color"]
    assert [line.split("\t")[3] for line in lines[1:]] == annotation.segments["name"].tolist()
    shares = (annotation.segments["end"] - annotation.segments["start"]).groupby(annotation.segments["name"]).sum()
    shown = dict(
        zip(
            states.locator("#shares th").all_inner_texts(),
            states.locator("#shares td:nth-child(2)").all_inner_texts(),
            strict=True,
        )
    )
    assert shown == {name: f"{bp / shares.sum():.2%}" for name, bp in shares.items()}


def test_the_example_s_bigwigs_hold_the_shipped_marks(tmp_path):
    example = load_annotator("chromatin_states/encode-10").folder / "example_files" / "marks"
    described = write_state_example(tmp_path)
    marks = {name.split(".")[1]: tmp_path / name for name in described["files"]}
    settings = {"signal_kind": described["kind"], "threshold": described["threshold"]}
    expected = annotate(described["entry"], example).segments
    assert annotate(described["entry"], marks=marks, **settings).segments.equals(expected)


def test_marks_are_guessed_and_can_be_changed(states, files, tmp_path):
    odd = tmp_path / "wgEncodeK562H3k9acStdSig.bw"
    odd.write_bytes(files["CTCF"].read_bytes())
    nameless = tmp_path / "signal.bw"
    nameless.write_bytes(files["CTCF"].read_bytes())
    add(states, files["H3K4me1"], odd, nameless)
    inputs = states.locator("#marks-rows input")
    assert [inputs.nth(i).input_value() for i in range(3)] == ["H3K4me1", "H3K9ac", ""]
    uses = states.locator("#marks-rows td:nth-child(3)")
    assert uses.nth(2).inner_text() == "Left out: no mark is named"
    inputs.nth(2).fill("h3k27ac")
    assert "3 of 9 marks" in states.locator("#annotator option[value='chromatin_states/encode-10']").inner_text()
    states.click("#marks-rows tr:first-child button")
    until(states, "document.querySelectorAll('#marks-rows tr').length === 2")
    assert [inputs.nth(i).input_value() for i in range(2)] == ["H3K9ac", "H3K27ac"]


def test_files_that_are_added_one_after_the_other_are_all_kept(states, files):
    for mark in ("H3K4me1", "H3K27ac"):
        states.set_input_files("#marks-files", str(files[mark]))
    until(states, "document.querySelectorAll('#marks-rows tr').length === 2")
    names = states.locator("#marks-rows th").all_inner_texts()
    assert names == [files[mark].name for mark in ("H3K4me1", "H3K27ac")]


def test_what_is_typed_as_a_number_is_one(states, files):
    add(states, files["H3K4me1"])
    states.set_checked("#allow-missing", True)
    states.focus("#threshold")
    states.keyboard.type("1e")
    states.click("#annotate")
    states.wait_for_selector("#states-problem:visible", timeout=PATIENCE_MS)
    assert problem(states) == "Threshold on the mean (empty: Poisson rule): what was typed is no number."


def test_several_files_that_are_dropped_are_marks(page, files):
    page.set_input_files("#marks-files", [])
    page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          for (const name of ["a.H3K4me3.bw", "b.CTCF.bw"]) dataTransfer.items.add(new File(["x"], name));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }"""
    )
    page.wait_for_selector("#states-problem:visible", timeout=PATIENCE_MS)
    assert page.is_checked("#task-states")
    assert "a.H3K4me3.bw: is not a bigWig" in problem(page)


def test_what_is_wrong_with_marks_is_one_sentence(states, files, tmp_path):
    other = write_bigwig(tmp_path / "other.H3K4me2.bw", coverage(0, SIZES | {"chr1": 1_300_000}))
    add(states, files["H3K4me1"], files["H3K27ac"])
    add(states, other)
    assert "other.H3K4me2.bw: chr1 is 1,300,000 bp long, but 1,200,350 bp in" in problem(states)
    assert states.locator("#marks-rows tr").count() == 2
    wrong = [
        ({"kind": ""}, "the kind of signal is not stated"),
        ({"kind": "coverage"}, "state the read length"),
        ({"kind": "cpm"}, "state a threshold"),
        ({"threshold": -1}, "expected a number above 0"),
        ({"read_length": 0.5}, "expected a whole number"),
        ({"threshold": 1, "regions": "chr7"}, "no sequence chr7"),
        ({"threshold": 1, "regions": "chr1:1,200,301-1,200,340"}, "no part of a whole bin"),
    ]
    for given, sentence in wrong:
        ask(states, "encode-10", allow_missing=True, **given)
        assert sentence in problem(states)
        assert problem(states).endswith(".")
    states.set_checked("#allow-missing", False)
    states.click("#annotate")
    until(states, "document.getElementById('states-problem').textContent.includes('allow missing marks')")
    states.set_checked("#allow-missing", True)
    ask(states, "encode-10", allow_missing=True, threshold=1, regions="chr2")
    assert problem(states) == ""
    states.locator("#marks-rows input").nth(1).fill("H3K4me1")
    states.click("#annotate")
    until(states, "document.getElementById('states-problem').textContent.includes('one file for each mark')")


def test_a_chromosome_that_a_file_lacks_is_told(states, files):
    marks = {mark: files[mark] for mark in load_annotator("chromatin_states/roadmap-18").channels}
    lacking = files[MARKS[1]].name
    add(states, *marks.values())
    ask(states, "roadmap-18", threshold=1, regions="chr2")
    assert f"{lacking}: has no chromosome chr2" in problem(states)


def test_an_annotation_can_be_cancelled_and_started_again(states, tmp_path):
    large = write_bigwig(tmp_path / "large.H3K4me3.bw", coverage(1, {"chr1": 30_000_000, "chr2": 500_000}))
    add(states, large)
    states.set_checked("#allow-missing", True)
    states.select_option("#annotator", "chromatin_states/encode-10")
    states.select_option("#states-kind", "coverage")
    states.fill("#read-length", "150")
    states.click("#annotate")
    states.click("#states-cancel")
    until(states, "document.getElementById('states-status').textContent === 'Cancelled.'")
    assert states.is_enabled("#annotate")
    ask(states, "encode-10", threshold=1, allow_missing=True, regions="chr2")
    assert states.inner_text("#states-status").startswith("Done: ")


def test_states_are_shown_in_their_colours_and_nothing_is_sent(context, base):
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    open_page(page, base)
    page.check("#task-states")
    page.click("#states-example")
    page.wait_for_selector("#states-browser >> css=.igv-track-label", timeout=PATIENCE_MS)
    page.wait_for_timeout(1_000)
    tracks = page.locator("#states-browser >> css=.igv-track-label").all_inner_texts()
    assert tracks == ["States", *MARKS]
    assert {url for url in asked if not url.startswith((base, "blob:"))} == set()
    swatches = page.locator("#shares .swatch").evaluate_all("all => all.map(one => one.style.background)")
    styles = [state.style.color for state in load_annotator("chromatin_states/encode-10").config.states]
    assert swatches == [f"rgb({', '.join(map(str, color))})" for color in styles]
    drawn = page.evaluate(
        """() => {
          const found = [];
          const visit = (one) => {
            if (one.tagName === "CANVAS" && one.width && one.height) found.push(one);
            for (const child of [...one.children, ...(one.shadowRoot?.children ?? [])]) visit(child);
          };
          visit(document.getElementById("states-browser"));
          const colors = new Set();
          for (const canvas of found) {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            for (let i = 0; i < data.length; i += 4) colors.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
          }
          return [...colors];
        }"""
    )
    wanted = {",".join(map(str, color)) for color in styles if color != (255, 255, 255)}
    assert len(wanted & set(drawn)) >= len(wanted) - 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_are_readable_named_and_fit_a_phone(browser, base, scheme):
    with browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme) as context:
        page = context.new_page()
        open_page(page, base)
        page.focus("#task-peaks")
        page.keyboard.press("ArrowDown")
        assert page.is_visible("#states-task")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "states-example"
        page.keyboard.press("Enter")
        page.wait_for_selector("#states-browser >> css=.igv-track-label", timeout=PATIENCE_MS)
        assert page.evaluate("document.activeElement.id") == "states-title"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for selector in ("#marks th", "#marks td:nth-child(3)", "#binarize-hint", "#annotate", "#shares th", "legend"):
            assert contrast(page, selector) >= 4.5, selector
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("#states-task :is(button, input, select, progress)")]
              .filter(one => !(one.labels?.length || one.ariaLabel || one.textContent.trim()))
              .map(one => one.outerHTML)"""
        )
        assert unnamed == []
        assert page.locator("#states-task").locator("[role=alert], [role=status]").count() == 2
