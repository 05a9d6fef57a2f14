"""`epizoo web`."""

from typing import Any

from epizoo.cli.app import app, say
from epizoo.cli.option_groups import options_of


@app.command()
@options_of("epizoo.web.server.serve_page", {"": "port open_browser"})
def web(**given: Any) -> None:
    """Serve a page that calls peaks in the browser, on an address of this machine alone.

    The page reads bigWigs with the browser and sends them nowhere; its peaks are those of call-peaks. Ctrl-C ends the
    server.
    """
    from epizoo.web.server import serve_page

    serve_page(**given, report=lambda address: say(f"Serving {address}; press Ctrl-C to stop."))
