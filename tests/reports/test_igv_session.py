"""Sessions of IGV: as XML, and loaded by igv.js in a real browser."""

import json
import mimetypes
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from made_experiment import SIZES

import epizoo
from epizoo.reports.page import igv_js

HOST = "http://made.test"
PAGE = """<!doctype html><link rel="icon" href="data:,"><div id="igv"></div><script>{igv}</script><script>
const sizes = new File([{sizes}], "made.sizes");
const genome = {{ id: "made", name: "made", format: "chromsizes", fastaURL: sizes, wholeGenomeView: false }};
igv.createBrowser(document.getElementById("igv"), {{
  loadDefaultGenomes: false, queryParametersSupported: false, genomeList: [genome], reference: genome,
  locus: "chr1:1-1000",
}}).then(async (browser) => {{
  await browser.loadSession({{ url: "session.xml" }});
  window.tracks = browser.findTracks((track) => track.url).map((track) => [track.name, track.url]);
  window.locus = browser.referenceFrameList[0].getLocusString();
  document.body.dataset.ready = "true";
}});
</script>"""


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    files = {"peaks": made.peaks, "bigwigs": made.bigwig, "states": made.states}
    for name, path in files.items():
        (folder / "data").mkdir(exist_ok=True)
        files[name] = folder / "data" / path.name
        files[name].write_bytes(path.read_bytes())
    given = {name: {"cell": path} for name, path in files.items()}
    epizoo.report(
        folder / "a.html", **given, session=folder / "session.xml", assembly="made", loci=["chr2:1,001-9,000"]
    )
    return folder


def test_a_session_names_the_files_beside_it(folder):
    session = ElementTree.parse(folder / "session.xml").getroot()
    assert session.attrib | {"version": ""} == {
        "genome": "made",
        "locus": "chr2:1001-9000",
        "version": "",
        "hasGeneTrack": "true",
    }
    paths = [resource.get("path") for resource in session.iter("Resource")]
    assert sorted(paths) == ["data/a.bw", "data/a.narrowPeak", "data/states.bed"]
    assert all((folder / path).is_file() for path in paths)
    assert [track.get("id") for track in session.iter("Track")] == paths


def test_a_session_names_links_by_their_own_names(made, tmp_path):
    (tmp_path / "object").write_bytes(made.peaks.read_bytes())
    (tmp_path / "a.narrowPeak").symlink_to("object")
    epizoo.report(
        tmp_path / "a.html", peaks=tmp_path / "a.narrowPeak", session=tmp_path / "s.xml", assembly="GRCh38", loci=[]
    )
    session = ElementTree.parse(tmp_path / "s.xml").getroot()
    assert [resource.get("path") for resource in session.iter("Resource")] == ["a.narrowPeak"]
    assert session.get("genome") == "hg38"


def test_igv_js_loads_a_session_in_silence(folder, browser):
    sizes = json.dumps("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    (folder / "index.html").write_text(PAGE.format(igv=igv_js(), sizes=sizes), encoding="utf-8")
    told, asked = [], []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.route("**/*", lambda route: _answer(route, folder, asked))
        page.goto(f"{HOST}/index.html")
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        tracks = page.evaluate("tracks")
        assert page.evaluate("locus").replace(",", "") == "chr2:1001-9000"
    assert told == []
    assert sorted(tracks) == [
        ["cell peaks", "data/a.narrowPeak"],
        ["cell signal", "data/a.bw"],
        ["cell states", "data/states.bed"],
    ]
    assert {"/data/a.bw", "/data/a.narrowPeak", "/data/states.bed"} <= set(asked)


def _answer(route, folder, asked):
    """Answer with a file of the folder, or the part of it that is asked for, as a web server does."""
    path = urlsplit(route.request.url).path
    asked.append(path)
    file = Path(folder, path.lstrip("/"))
    if not route.request.url.startswith(HOST) or not file.is_file():
        route.abort()
        return
    content, headers, status = file.read_bytes(), {}, 200
    wanted = route.request.headers.get("range")
    if wanted:
        first, last = wanted.removeprefix("bytes=").split("-")
        end = min(int(last) if last else len(content) - 1, len(content) - 1)
        headers = {"Content-Range": f"bytes {first}-{end}/{len(content)}"}
        content, status = content[int(first) : end + 1], 206
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    route.fulfill(status=status, body=content, headers={**headers, "Content-Type": kind})
