"""A server of the built page, for this machine alone."""

import functools
import webbrowser
from collections.abc import Callable
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from epizoo.errors import InputError

PAGE = Path(__file__).parent / "page"
"""The built page: `make web` makes it, and a wheel that was made afterwards ships it."""
_ADDRESS = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    """Files of the page, isolated from other pages, so that WebAssembly may use several threads."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        ".bw": "application/octet-stream",
    }

    def end_headers(self) -> None:
        for name, value in (
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Embedder-Policy", "require-corp"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-cache"),
        ):
            self.send_header(name, value)
        super().end_headers()

    def send_head(self) -> Any:
        # A page elsewhere may have its own name point to this machine.
        if self.headers.get("Host", "").partition(":")[0] not in (_ADDRESS, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "This server is for this machine alone")
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND, "No such file")

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: errors are seen in the browser."""


def serve_page(
    port: int = 8765,
    *,
    open_browser: bool = True,
    report: Callable[[str], None] | None = None,
) -> None:
    """Serve the page that calls peaks in a browser, on an address of this machine alone, until interrupted.

    Args:
        port: Number of the port; 0 takes a free one.
        open_browser: Open the page in the default browser.
        report: Called with the page's address, once it is served.

    Raises:
        InputError: the page is not built, or the port cannot be used.
    """
    with page_server(port) as server:
        address = f"http://{_ADDRESS}:{server.server_port}/"
        if report is not None:
            report(address)
        if open_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def page_server(port: int = 0, folder: Path = PAGE) -> ThreadingHTTPServer:
    """A server of the built page, which listens and does not answer yet.

    Raises:
        InputError: the page is not built, or the port cannot be used.
    """
    if not (folder / "index.html").is_file():
        raise InputError(
            f"{folder}: the page is not built; run `make web` in a clone of epizoo (Node 20 or later), and install "
            "from it"
        )
    handler = functools.partial(_Handler, directory=str(folder))
    try:
        return ThreadingHTTPServer((_ADDRESS, port), handler)
    except (OSError, OverflowError) as error:
        raise InputError(f"--port: {port} cannot be used ({error}); give another number from 1024 to 65535") from error
