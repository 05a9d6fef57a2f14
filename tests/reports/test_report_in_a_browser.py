"""Reports in a real browser, opened from the disk: silent, readable by all, small, and the browser in them works."""

from pathlib import Path

import pytest

import epizoo

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
    page = opened(path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert violations(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_goes_to_a_locus_and_zooms(opened, path):
    page = opened(path)
    first = page.inner_text("#where")
    page.focus("[data-locus] >> nth=1")
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.getElementById('where').textContent !== {first!r}")
    assert page.get_attribute("[data-locus] >> nth=1", "aria-pressed") == "true"
    assert page.get_attribute("[data-locus] >> nth=0", "aria-pressed") == "false"
    second = page.inner_text("#where")
    page.focus("[data-move=in]")
    page.keyboard.press("Space")
    page.wait_for_function(f"document.getElementById('where').textContent !== {second!r}")


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
    page = opened(path, ready=None)
    assert "No peaks were found in none." in page.inner_text("main")
    assert page.locator("#browser").count() == 0
    assert violations(page) == {}


def test_the_page_is_in_the_package():
    assert {part.name for part in (ROOT / "src/epizoo/reports/page").iterdir()} == {
        "report.html",
        "report.css",
        "report.js",
    }
