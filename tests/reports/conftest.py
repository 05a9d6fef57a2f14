"""A made-up experiment, and a browser to look at its reports."""

import pytest
from made_experiment import make_experiment


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return make_experiment(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def browser(launch_chromium):
    with launch_chromium() as found:
        yield found


@pytest.fixture
def opened(browser):
    """Opens a page from the disk, under its own policy unless a setting says otherwise.

    A message in the console, an error or a request of the page fails the test.
    """
    told, contexts = [], []

    def open_page(path, ready="body[data-ready]", **settings):
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: told.append(request.url) if is_elsewhere(request.url, path) else None)
        page.goto(f"file://{path}")
        if ready:
            page.wait_for_selector(ready, timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert told == []


def is_elsewhere(url, path):
    """True unless a request is for the page itself or for what the page holds."""
    return url.partition("#")[0] != f"file://{path}" and not url.startswith(("data:", "blob:"))
