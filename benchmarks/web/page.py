"""Seconds of the page that calls peaks and annotates states in a browser, and bytes of its files.

    python -m benchmarks.web.page [--chromium COMMAND] [-o benchmarks/web/page.json]

The page is served and opened in headless Chromium. Peaks are called by `universal` in simulated coverage of 50 Mb, one
read of 200 bp every 50 bp and a peak every 90 kb; states by `roadmap-15` in five such files. Each figure is the best of
a few runs, with the load of the machine.
"""

import argparse
import gzip
import json
import os
import re
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyBigWig
from playwright.sync_api import Browser, Page, sync_playwright

from epizoo.web.server import PAGE, page_server

MARKS = ("H3K27me3", "H3K36me3", "H3K4me1", "H3K4me3", "H3K9me3")
SIZE_BP = 50_000_000
READ_BP = 200
READ_EVERY_BP, PEAK_EVERY_BP = 50, 90_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, help="the figures as JSON")
    given = parser.parse_args()
    server = page_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        bigwigs = [write_coverage(Path(folder) / f"{mark}.bw", seed) for seed, mark in enumerate(MARKS)]
        browser = driver.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        runs = [run(browser, f"http://127.0.0.1:{server.server_port}/", bigwigs) for _ in range(given.runs)]
        browser.close()
    server.shutdown()
    # What is loaded only where there is a GPU is no part of the first download.
    files = [path for path in PAGE.rglob("*") if path.is_file() and not re.search(r"jspi|gpu\.js", path.name)]
    figures = {
        "gzipped_mb": round(sum(len(gzip.compress(path.read_bytes())) for path in files) / 1e6, 2),
        **{name: round(min(one[name] for one in runs), 2) for name in runs[0]},
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(figures, indent=1))
    if given.output:
        given.output.write_text(json.dumps(figures, indent=1) + "\n")


def run(browser: Browser, address: str, bigwigs: list[Path]) -> dict[str, float]:
    """Seconds until the page can be used, until peaks of the first file are shown, and until states of all are."""
    with browser.new_context() as context:
        page = context.new_page()
        started = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        ready = time.perf_counter() - started
        page.set_input_files("#file", bigwigs[0])
        page.wait_for_selector("#question:visible")
        started = time.perf_counter()
        page.click("#call")
        page.wait_for_selector("#result:visible", timeout=600_000)
        peaks = time.perf_counter() - started
        return {"first_view_s": ready, "peaks_of_50_mb_s": peaks, "states_of_50_mb_s": annotate(page, bigwigs)}


def annotate(page: Page, bigwigs: list[Path]) -> float:
    """Seconds until states are shown."""
    page.check("#task-states")
    page.set_input_files("#marks-files", bigwigs)
    page.wait_for_selector("#states-question:visible")
    page.select_option("#annotator", "chromatin_states/roadmap-15")
    page.select_option("#states-kind", "coverage")
    page.fill("#read-length", str(READ_BP))
    started = time.perf_counter()
    page.click("#annotate")
    page.wait_for_selector("#states-result:visible", timeout=600_000)
    return time.perf_counter() - started


def write_coverage(path: Path, seed: int = 0) -> Path:
    """Simulated coverage of one chromosome."""
    rng = np.random.default_rng(seed)
    centres = np.arange(PEAK_EVERY_BP, SIZE_BP - PEAK_EVERY_BP, PEAK_EVERY_BP)
    beside = [rng.normal(centre, 300, rng.integers(50, 500)).astype(int) for centre in centres]
    start = np.concatenate([rng.integers(0, SIZE_BP - READ_BP, SIZE_BP // READ_EVERY_BP), *beside])
    steps = np.bincount(start, minlength=SIZE_BP + 1) - np.bincount(start + READ_BP, minlength=SIZE_BP + 1)
    signal = np.cumsum(steps)[:SIZE_BP]
    first = np.flatnonzero(np.diff(signal, prepend=-1))
    rows = first, np.append(first[1:], SIZE_BP), signal[first].astype(float)
    kept = signal[first] > 0
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader([("chr", SIZE_BP)])
        lists = [column[kept].tolist() for column in rows]
        bigwig.addEntries(["chr"] * len(lists[0]), lists[0], ends=lists[1], values=lists[2])
    return path


if __name__ == "__main__":
    main()
