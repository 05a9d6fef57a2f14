"""The page in a real browser: the same peaks as the command line's, one sentence for what is wrong, nothing sent."""

import base64
import os
import re
import shutil

import numpy as np
import pytest
from bigwigs import coverage, write_bigwig
from browsing import PATIENCE_MS, contrast, download, until
from conftest import open_page, other_server, serving
from playwright.sync_api import expect

from epizoo import call_peaks, load_peak_caller
from epizoo.web.server import PAGE, page_server

EXAMPLE = load_peak_caller("peak_caller/h3k4me3").folder / "example_files"


def pick(page, path):
    """Choose a file, and wait until the page knows what it is, or says what is wrong."""
    page.set_input_files("#file", path)
    page.wait_for_selector("#question:visible, #problem:visible", timeout=PATIENCE_MS)


def call(page, entry="peak_caller/universal", regions="", kind=""):
    page.select_option("#entry", entry)
    page.select_option("#kind", kind)
    page.fill("#regions", regions)
    page.click("#call")
    wait_for_peaks(page)


def wait_for_peaks(page):
    page.wait_for_selector("#result:visible, #problem:visible", timeout=PATIENCE_MS)
    assert page.inner_text("#problem") == ""


def save(page, folder, form="narrowPeak"):
    return download(page, f"#result [data-format={form}]", folder / f"page.{form}", named=rf".+\.[a-z0-9]+\.{form}")


def rows(path):
    return [line.split("\t") for line in path.read_text().splitlines()]


def assert_same_peaks(found, expected):
    """The same peaks and summits, scores within 1, other figures within rounding."""
    page_rows, command_rows = rows(found), rows(expected)
    exact = (0, 1, 2, 3, 5, 9)
    assert [[row[i] for i in exact] for row in page_rows] == [[row[i] for i in exact] for row in command_rows]
    for row, other in zip(page_rows, command_rows, strict=True):
        assert abs(int(row[4]) - int(other[4])) <= 1
        assert [float(row[i]) for i in (6, 7, 8)] == pytest.approx([float(other[i]) for i in (6, 7, 8)], rel=5e-4)


@pytest.fixture(scope="module")
def bigwigs(tmp_path_factory):
    """Odd files by name: a deep chrM that is listed first, gaps of NaN, CPM by bp, means over bins, scaffolds."""
    folder = tmp_path_factory.mktemp("bigwigs")
    tracks = coverage()
    cpm = {chrom: values * np.float32(0.0371) for chrom, values in tracks.items()}
    scaffolds = {f"scaffold_{i}": 1_000 + 7 * i % 3_000 for i in range(3_000)}
    shallow = coverage(7, scaffolds)
    return {
        "coverage": write_bigwig(folder / "coverage.bw", tracks),
        "gaps": write_bigwig(folder / "gaps.bw", tracks, gaps_are_nan=True),
        "cpm": write_bigwig(folder / "cpm.bw", cpm, form="bp"),
        "p-values": write_bigwig(folder / "a.pval.bw", cpm, form="bins"),
        "scaffolds": write_bigwig(folder / "scaffolds.bw", {"chr1": tracks["chr1"], **shallow}),
    }


FILES = ("coverage", "gaps", "cpm", "p-values", "scaffolds")


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        *((name, "universal") for name in FILES),
        *(("coverage", entry) for entry in ("h3k4me3", "h3k36me3", "tf", "atac", "cutrun")),
    ],
)
def test_peaks_are_those_of_the_command_line(page, bigwigs, tmp_path, name, entry):
    expected = call_peaks(f"peak_caller/{entry}", bigwigs[name], output=tmp_path / "command.narrowPeak")
    assert len(expected) or entry == "h3k36me3"
    pick(page, bigwigs[name])
    call(page, f"peak_caller/{entry}")
    assert_same_peaks(save(page, tmp_path), tmp_path / "command.narrowPeak")


def test_peaks_of_the_example_are_those_of_the_readme(page, tmp_path):
    output = tmp_path / "command.narrowPeak"
    call_peaks("peak_caller/h3k4me3", EXAMPLE / "H3K4me3.bw", regions=EXAMPLE / "intervals.bed", output=output)
    page.click("#example")
    wait_for_peaks(page)
    assert "hg19" in page.inner_text("#detected")
    call(page, "peak_caller/h3k4me3", page.input_value("#regions"))
    assert_same_peaks(save(page, tmp_path), output)
    assert [row[:6] for row in rows(output)] == rows(save(page, tmp_path, "bed"))
    header, *table = rows(save(page, tmp_path, "tsv"))
    assert header[-1] == "summit"
    assert [int(row[-1]) for row in table] == [int(row[1]) + int(row[9]) for row in rows(output)]


@pytest.mark.data
def test_peaks_of_real_coverage_are_those_of_the_command_line(page, data_dir, tmp_path):
    path = data_dir / "peaks" / "atac_hsc" / "HSC.5M.chr1_10mb.coverage.bw"
    for entry in ("peak_caller/universal", "peak_caller/atac"):
        call_peaks(entry, path, output=tmp_path / "command.narrowPeak")
        pick(page, path)
        call(page, entry)
        assert_same_peaks(save(page, tmp_path), tmp_path / "command.narrowPeak")


def test_a_file_can_be_dropped(page, bigwigs):
    content = base64.b64encode(bigwigs["coverage"].read_bytes()).decode()
    page.evaluate(
        """content => {
          const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], "dropped.bw"));
          document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }""",
        content,
    )
    page.wait_for_selector("#question:visible", timeout=PATIENCE_MS)
    assert "dropped.bw" in page.inner_text("#detected")
    assert "coverage" in page.inner_text("#detected")


def test_a_run_can_be_cancelled_and_started_again(page, tmp_path):
    large = write_bigwig(tmp_path / "large.bw", coverage(1, {"chr1": 30_000_000}))
    pick(page, large)
    page.click("#call")
    until(page, "document.getElementById('progress').value > 0")
    page.click("#cancel")
    until(page, "document.getElementById('status').textContent === 'Cancelled.'")
    assert page.is_hidden("#cancel")
    assert page.is_enabled("#call")
    call(page, regions="chr1:1-2,000,000")
    assert page.inner_text("#status").startswith("Done: ")


def test_what_is_wrong_is_one_sentence_and_the_page_goes_on(page, bigwigs, tmp_path):
    content = bigwigs["coverage"].read_bytes()
    wrong = {
        "empty.bw": (b"", "is empty"),
        "reads.bam": (b"\x1f\x8b\x08\x04" + bytes(100), "holds reads"),
        "peaks.bb": (b"\xeb\xf2\x89\x87" + content[4:], "bigBed"),
        "half.bw": (content[: len(content) // 2], "damaged or cut short"),
        "text.txt": (b"chr1\t0\t100\n", "not a bigWig"),
    }
    for name, (raw, reason) in wrong.items():
        (tmp_path / name).write_bytes(raw)
        pick(page, tmp_path / name)
        text = page.inner_text("#problem")
        assert text.startswith(f"{name}: ")
        assert text.endswith(".")
        assert reason in text
        assert page.is_hidden("#question")
    pick(page, bigwigs["coverage"])
    assert page.is_hidden("#problem")
    page.fill("#regions", "chr7:1-100")
    page.click("#call")
    page.wait_for_selector("#problem:visible", timeout=PATIENCE_MS)
    assert "no sequence chr7; it has chrM, chr1, chr2" in page.inner_text("#problem")
    call(page, regions="chr1")


def test_a_kind_that_values_do_not_tell_can_be_chosen(page, bigwigs, tmp_path):
    path, output = tmp_path / "fractions.bw", tmp_path / "command.narrowPeak"
    path.write_bytes(bigwigs["p-values"].read_bytes())
    pick(page, path)
    assert "choose the kind" in page.inner_text("#detected")
    page.click("#call")
    page.wait_for_selector("#problem:visible", timeout=PATIENCE_MS)
    assert "choose the kind of signal" in page.inner_text("#problem")
    call_peaks("peak_caller/universal", path, signal_kind="fold_change", output=output)
    call(page, kind="fold_change")
    assert_same_peaks(save(page, tmp_path), output)


def test_a_gpu_calls_the_same_peaks(page, bigwigs, tmp_path):
    output = tmp_path / "command.narrowPeak"
    call_peaks("peak_caller/tf", bigwigs["coverage"], regions="chr2:1-300,000", output=output)
    pick(page, bigwigs["coverage"])
    page.select_option("#processor", "gpu")
    call(page, "peak_caller/tf", "chr2:1-300,000")
    assert "The network ran on the GPU (probabilities within" in page.inner_text("#summary")
    assert_same_peaks(save(page, tmp_path), output)
    page.select_option("#processor", "")
    call(page, "peak_caller/tf", "chr2:1-300,000")
    assert "The network ran on the CPU (its GPU is emulated in software)" in page.inner_text("#summary")


def test_a_browser_without_webassembly_is_told(context, base):
    page = context.new_page()
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(base)
    page.wait_for_selector("#problem:visible", timeout=PATIENCE_MS)
    assert "has no WebAssembly" in page.inner_text("#problem")


def test_a_browser_without_memory_is_told_and_the_page_goes_on(launch_chromium, base):
    # ONNX Runtime asks for more than 100 pages of 64 kB.
    with launch_chromium("--js-flags=--wasm-max-mem-pages=100") as browser:
        page = browser.new_page()
        open_page(page, base)
        page.click("#example")
        page.wait_for_selector("#problem:visible", timeout=PATIENCE_MS)
        told = page.inner_text("#problem")
        assert told.startswith("The browser has no memory left (")
        assert told.endswith("choose one chromosome as the region.")
        assert page.is_enabled("#call")


def test_a_file_that_changes_is_told(page, bigwigs, tmp_path):
    path = tmp_path / "changing.bw"
    path.write_bytes(bigwigs["coverage"].read_bytes())
    pick(page, path)
    path.write_bytes(bigwigs["cpm"].read_bytes())
    os.utime(path, (1, 1))
    page.click("#call")
    page.wait_for_selector("#problem:visible", timeout=PATIENCE_MS)
    assert "changed or moved" in page.inner_text("#problem")


def test_the_table_sorts_and_jumps(page):
    page.click("#example")
    wait_for_peaks(page)
    page.wait_for_selector("#browser >> css=.igv-track-label", timeout=PATIENCE_MS)
    page.click("#columns button:has-text('Score')")
    scores = [int(text) for text in page.locator("#rows tr td:nth-child(3)").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert page.get_attribute("#columns th:nth-child(3)", "aria-sort") == "descending"
    place = page.locator("#rows tr:first-child button")
    start = int(place.inner_text().split(":")[1].split("-")[0].replace(",", ""))
    place.click()
    locus = page.locator("#browser >> css=input.igv-search-input")
    page.wait_for_timeout(1_000)
    assert locus.input_value().startswith(f"chr17:{start - 5_000:,}-")


def test_nothing_is_sent(context, base, bigwigs):
    asked = []
    context.on("request", lambda request: asked.append(request))
    page = context.new_page()
    open_page(page, base)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    pick(page, bigwigs["coverage"])
    call(page)
    page.wait_for_selector("#browser >> css=.igv-track-label", timeout=PATIENCE_MS)
    page.locator("#rows button").first.click()
    page.wait_for_timeout(1_000)
    assert len(asked) > 5
    assert {request.url for request in asked if not request.url.startswith((base, "blob:"))} == set()
    assert {request.method for request in asked} == {"GET"}
    assert not any(request.post_data for request in asked)


def test_other_addresses_are_closed(context, base, tmp_path):
    probe = """url => fetch(url).then(() => "open", () => "closed")"""
    from_worker = """url => new Promise(resolve => {
      const code = `fetch("${url}").then(() => postMessage("open"), () => postMessage("closed"))`;
      const worker = new Worker(URL.createObjectURL(new Blob([code])));
      worker.onmessage = ({ data }) => resolve(data);
    })"""
    (tmp_path / "file").write_bytes(b"x")
    with other_server(tmp_path, is_open=True) as (address, asked):
        page = context.new_page()
        open_page(page, base)
        assert page.evaluate(probe, f"{address}file") == "closed"
        assert page.evaluate(from_worker, f"{address}file") == "closed"
        assert page.evaluate(probe, f"{base}index.html") == "open"
        page.evaluate(
            """url => new Promise(resolve => {
              const image = new Image();
              image.onerror = resolve;
              image.src = url;
            })""",
            f"{address}file",
        )
        assert asked == []


def test_an_address_can_be_typed_and_no_other_is_opened(context, base, bigwigs, tmp_path):
    folder = bigwigs["coverage"].parent
    output = tmp_path / "command.narrowPeak"
    call_peaks("peak_caller/universal", bigwigs["coverage"], output=output)
    with other_server(folder, is_open=True) as (address, asked), other_server(folder, is_open=False) as (closed, _):
        page = context.new_page()
        open_page(page, base)
        page.fill("#url", f"{address}coverage.bw")
        page.click("#address button")
        page.wait_for_selector("#question:visible", timeout=PATIENCE_MS)
        call(page)
        assert_same_peaks(save(page, tmp_path), output)
        assert set(asked) == {"/coverage.bw"}
        other = f"{address}cpm.bw"
        assert page.evaluate("""url => fetch(url).then(() => "open", () => "closed")""", other) == "closed"
        page.click("#address button")
        page.wait_for_selector("#question:visible", timeout=PATIENCE_MS)
        page.fill("#url", f"{address}folder/")
        page.click("#address button")
        page.wait_for_selector("#problem:visible", timeout=PATIENCE_MS)
        assert "the address of a file by http or https is expected" in page.inner_text("#problem")
        page.fill("#url", f"{closed}coverage.bw")
        page.click("#address button")
        page.wait_for_selector("#problem:visible", timeout=PATIENCE_MS)
        assert "CORS" in page.inner_text("#problem")


def test_a_server_that_does_not_tell_where_a_range_lies_is_asked_for_the_size(context, base, bigwigs, tmp_path):
    output = tmp_path / "command.narrowPeak"
    call_peaks("peak_caller/universal", bigwigs["coverage"], regions="chr2:1-300,000", output=output)
    with other_server(bigwigs["coverage"].parent, is_open=True, is_exposed=False) as (address, _):
        page = context.new_page()
        open_page(page, base)
        page.fill("#url", f"{address}coverage.bw")
        page.click("#address button")
        page.wait_for_selector("#question:visible", timeout=PATIENCE_MS)
        call(page, regions="chr2:1-300,000")
        assert_same_peaks(save(page, tmp_path), output)


def test_names_of_files_are_text_in_the_genome_browser(page, bigwigs, tmp_path):
    name = 'x<b id="made">&amp;.bw'
    (tmp_path / name).write_bytes(bigwigs["coverage"].read_bytes())
    pick(page, tmp_path / name)
    call(page, regions="chr1")
    page.wait_for_selector("#browser >> css=.igv-track-label", timeout=PATIENCE_MS)
    assert name in page.locator("#browser >> css=.igv-track-label").all_inner_texts()
    assert page.locator("#browser >> css=#made").count() == 0


def test_a_newer_page_waits_until_it_is_asked_for(context, tmp_path):
    folder = shutil.copytree(PAGE, tmp_path / "page")
    with serving(page_server(0, folder)) as address:
        page = context.new_page()
        open_page(page, address)
        page.evaluate("navigator.serviceWorker.ready.then(() => caches.open('of another page'))")
        until(page, "navigator.serviceWorker.controller !== null")
        for file in ("index.html", "service_worker.js"):
            text = (folder / file).read_text().replace("<title>", "<title>New: ")
            (folder / file).write_text(re.sub(r'"[0-9a-f]{16}"', '"0123456789abcdef"', text))
        page.evaluate("navigator.serviceWorker.ready.then((found) => found.update())")
        page.wait_for_selector("#update:visible", timeout=PATIENCE_MS)
        page.click("#example")
        wait_for_peaks(page)
        page.reload()
        page.wait_for_selector("body[data-ready]")
        assert not page.title().startswith("New: ")
        other = context.new_page()
        open_page(other, address)
        page.click("#take-update")
        for tab in (page, other):
            expect(tab).to_have_title(re.compile("^New: "), timeout=PATIENCE_MS)
            tab.wait_for_selector("body[data-ready]")
        names = page.evaluate("caches.keys()")
        assert sorted(names) == [f"epizoo {address} 0123456789abcdef", "of another page"]


def test_the_page_opens_and_calls_without_a_network(context, tmp_path):
    page = context.new_page()
    with serving(page_server(0)) as address:
        open_page(page, address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        until(page, "navigator.serviceWorker.controller !== null")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.evaluate("crossOriginIsolated")
    page.click("#example")
    wait_for_peaks(page)
    assert page.inner_text("#status").startswith("Done: 10 peaks")


def test_controls_have_names_and_the_keyboard_reaches_them(page):
    page.click("#example")
    wait_for_peaks(page)
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, progress")]
          .filter(one => one.checkVisibility() && !(one.labels?.length || one.ariaLabel || one.textContent.trim()))
          .map(one => one.outerHTML)"""
    )
    assert unnamed == []
    # The button rests until the browser below has drawn.
    page.wait_for_selector("#call:enabled", timeout=PATIENCE_MS)
    page.focus("#entry")
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == ["kind", "processor", "regions", "call"]
    assert page.locator("#peaks-task").locator("[role=alert], [role=status]").count() == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_and_fits_a_phone(browser, base, scheme):
    with browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme) as context:
        page = context.new_page()
        open_page(page, base)
        page.click("#example")
        wait_for_peaks(page)
        page.wait_for_selector("#browser >> css=.igv-track-label", timeout=PATIENCE_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for selector in ("h1", "#about", "#call", "dt", "th button", "td button", "footer p", ".igv-track-label"):
            assert contrast(page, selector) >= 4.5, selector
