"""Reports in a real browser, opened from the disk: silent, readable by all, small, and the browser in them works."""

from pathlib import Path

import pyBigWig
import pytest

import epizoo
from epizoo.calling.peak_reader import read_peaks

expect = pytest.importorskip("playwright.sync_api").expect

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def path(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "a.html"
    epizoo.report(
        path,
        peaks={"a": made.peaks},
        bigwigs={"a": made.bigwig, "other": made.bigwig},
        states={"a": made.states},
        over=[made.peaks.with_name("states.bed")],
    )
    return path


def violations(page):
    """What axe finds wrong, by rule."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed; `make web` installs it (needs Node)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document)")["violations"]
    return {rule["id"]: [node["html"] for node in rule["nodes"]] for rule in found}


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_the_page_is_as_wide_as_the_window(opened, path, width, scheme):
    page = opened(path, bypass_csp=True, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert violations(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_names_of_files_run_no_script(opened, tmp_path):
    chrom, evil = "<svg/onload=window.ran=1>&amp;", '<img src=x onerror="window.ran = 1">'
    (tmp_path / "a.narrowPeak").write_text(f"{chrom}\t40000\t60000\tp\t9\t.\t1\t1\t1\t5\n")
    (tmp_path / "a.bed").write_text(f"{chrom}\t0\t100000\t{evil}\n")
    with pyBigWig.open(str(tmp_path / "a.bw"), "w") as file:
        file.addHeader([(chrom, 100_000)])
        file.addEntries([chrom], [40_000], ends=[60_000], values=[3.0])
    files = {"peaks": "a.narrowPeak", "bigwigs": "a.bw", "states": "a.bed"}
    given = {name: {evil: tmp_path / file} for name, file in files.items()}
    epizoo.report(tmp_path / "a.html", **given, assembly=evil)
    page = opened(tmp_path / "a.html")
    assert page.inner_text("#where").startswith(f"{chrom}:")
    assert page.locator(".igv-track-label").all_inner_texts()[-3:] == [evil, f"{evil}: peaks", f"{evil}: states"]
    page.locator(".igv-viewport", has_text=f"{evil}: states").click()
    expect(page.locator(".igv-ui-popover", has_text=evil)).to_be_visible()
    page.click("[data-locus] >> nth=0")
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") is None
    assert page.locator("#browser img").count() == 0


def test_a_script_that_is_no_part_of_the_page_does_not_run(browser, path, tmp_path):
    text = path.read_text().replace("</main>", "<script>window.ran = 1</script></main>")
    (tmp_path / "changed.html").write_text(text)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"file://{tmp_path}/changed.html")
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        assert page.evaluate("window.ran") is None


def test_the_keyboard_goes_to_a_locus_and_zooms(opened, path):
    page = opened(path)
    first = page.inner_text("#where")
    page.focus("[data-locus] >> nth=1")
    page.keyboard.press("Enter")
    expect(page.locator("#where")).not_to_have_text(first)
    assert page.get_attribute("[data-locus] >> nth=1", "aria-pressed") == "true"
    assert page.get_attribute("[data-locus] >> nth=0", "aria-pressed") == "false"
    second = page.inner_text("#where")
    page.focus("[data-move=in]")
    page.keyboard.press("Space")
    expect(page.locator("#where")).not_to_have_text(second)


def test_a_differential_peak_is_shown_where_its_row_is_clicked(opened, made, tmp_path):
    peaks = read_peaks(made.peaks)[["chrom", "start", "end"]].iloc[:8:3]
    table = peaks.assign(name=["p", "q", "r"], mean_count=9.0, log2_fold=2.0, p_value=0.001, q_value=[0.01, 0.03, 0.2])
    table.to_csv(tmp_path / "differential.tsv", sep="\t", index=False)
    given = {"peaks": {"a": made.peaks}, "bigwigs": {"a": made.bigwig}, "differential": tmp_path / "differential.tsv"}
    epizoo.report(tmp_path / "a.html", **given)
    page = opened(tmp_path / "a.html", bypass_csp=True)
    rows = page.locator("#differential [data-locus]")
    places = [f"{row.chrom}:{row.start + 1:,}-{row.end:,}" for row in peaks.itertuples()]
    assert rows.all_inner_texts() == places[:2]
    rows.nth(1).click()
    shown = rows.nth(1).get_attribute("data-locus")
    expect(page.locator("#where")).to_have_text(shown)
    expect(page.locator("#where")).to_be_in_viewport()
    assert rows.nth(1).get_attribute("aria-pressed") == "true"
    assert page.locator('[aria-pressed="true"]').count() == 1
    # The stretch that is shown has its signal in the page.
    chrom, _, place = shown.replace(",", "").partition(":")
    start, end = (int(part) for part in place.split("-"))
    parts = page.evaluate("JSON.parse(document.getElementById('excerpts').textContent).tracks[0].parts")
    assert any(
        part["chr"] == chrom and part["start"] < start and part["start"] + part["bin"] * sum(part["runs"]) >= end
        for part in parts
    )
    assert violations(page) == {}


def test_signal_peaks_and_states_are_drawn(opened, path):
    page = opened(path)
    page.wait_for_timeout(500)
    blank = page.evaluate(
        """async () => {
          const root = [...document.querySelectorAll("#browser, #browser *")].map((e) => e.shadowRoot).find(Boolean);
          const canvases = [...(root ?? document).querySelectorAll("canvas")];
          return canvases.map((one) => {
            const { data } = one.getContext("2d").getImageData(0, 0, one.width || 1, one.height || 1);
            return data.every((byte) => byte === 0 || byte === 255);
          });
        }"""
    )
    assert len(blank) >= 5
    assert blank.count(False) >= 4


def test_a_report_of_no_peaks_opens(opened, made, tmp_path):
    empty, path = tmp_path / "none.narrowPeak", tmp_path / "none.html"
    empty.write_text("")
    epizoo.report(path, peaks=empty, bigwigs=made.bigwig)
    page = opened(path, ready=None, bypass_csp=True)
    assert "No peaks were found in none." in page.inner_text("main")
    assert page.locator("#browser").count() == 0
    assert violations(page) == {}


def test_the_page_is_in_the_package():
    assert {part.name for part in (ROOT / "src/epizoo/reports/page").iterdir()} == {
        "report.html",
        "report.css",
        "report.js",
    }
