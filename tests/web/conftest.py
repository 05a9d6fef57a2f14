"""The built page in a real browser; skipped where Node, Chromium or the built page are missing, unless CI says no."""

import functools
import http.server
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from page_skips import skip

from epizoo.web.server import PAGE, page_server

sys.path.insert(0, str(Path(__file__).parent))
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def built_page():
    """Skip where the page is not built."""
    if not (PAGE / "index.html").is_file():
        skip("the page is not built; `make web` builds it (needs Node)")


@contextmanager
def serving(server):
    """A server that answers, and its address."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def browser(built_page, launch_chromium):
    # A GPU in software, which the page uses only where it is told to.
    with launch_chromium("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader") as found:
        yield found


@pytest.fixture(scope="session")
def base(built_page):
    """Address of the page."""
    with serving(page_server(0)) as address:
        yield address


@pytest.fixture
def context(browser):
    with browser.new_context(viewport={"width": 1200, "height": 900}) as found:
        yield found


@pytest.fixture
def page(context, base):
    """The page, ready; errors of its scripts fail the test."""
    found = context.new_page()
    errors = []
    # A bound method of a list takes no attributes, which playwright gives its listeners.
    found.on("pageerror", lambda error: errors.append(error))
    open_page(found, base)
    yield found
    assert errors == []


def open_page(page, address):
    page.goto(address)
    page.wait_for_selector("body[data-ready]")


class FileServer(http.server.SimpleHTTPRequestHandler):
    """A server of files that knows ranges, and lets other pages read them where `is_open`."""

    is_open = True
    is_exposed = True
    asked: ClassVar[list[str]] = []

    def do_GET(self):
        self.asked.append(self.path)
        content = Path(self.translate_path(self.path)).read_bytes()
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        part = content[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(content)}")
        self._allow()
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def do_HEAD(self):
        self.send_response(200)
        self._allow()
        self.send_header("Content-Length", str(Path(self.translate_path(self.path)).stat().st_size))
        self.end_headers()

    def do_OPTIONS(self):
        self.send_response(204)
        self._allow()
        self.end_headers()

    def _allow(self):
        if self.is_open:
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "Range")
            if self.is_exposed:
                self.send_header("Access-Control-Expose-Headers", "Content-Range")

    def log_message(self, *_):
        pass


@contextmanager
def other_server(folder, *, is_open, is_exposed=True):
    """Another server, of a folder of files: its address, and the paths that were asked of it."""
    handler = type("Handler", (FileServer,), {"is_open": is_open, "is_exposed": is_exposed, "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    with serving(server) as address:
        yield address, handler.asked
