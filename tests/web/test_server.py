"""The server of the page answers this machine alone, and isolates the page."""

import urllib.error
import urllib.request

import pytest
from conftest import serving

from epizoo.errors import InputError
from epizoo.web.server import page_server


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.html").write_text("<title>page</title>")
    (tmp_path / "runtime.mjs").write_text("export {};")
    (tmp_path / "inside").mkdir()
    (tmp_path.parent / "secret.txt").write_text("secret")
    return tmp_path


def test_files_are_isolated_and_typed(folder):
    with serving(page_server(0, folder)) as address:
        for name, kind in (("", "text/html"), ("runtime.mjs", "text/javascript")):
            # As a browser names a server at port 80.
            request = urllib.request.Request(address + name, headers={"Host": "127.0.0.1"})
            with urllib.request.urlopen(request) as answer:
                assert answer.headers["Content-Type"] == kind
                assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
                assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("", "evil.example", 403),
        ("", "127.0.0.1.evil.example:80", 403),
        ("inside/", None, 404),
        ("../secret.txt", None, 404),
    ],
)
def test_other_names_and_other_files_are_refused(folder, path, host, status):
    with serving(page_server(0, folder)) as address:
        request = urllib.request.Request(address + path, headers={} if host is None else {"Host": host})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == status
        refused.value.close()


def test_a_port_that_is_taken_is_one_sentence(folder):
    with page_server(0, folder) as server, pytest.raises(InputError, match="--port"):
        page_server(server.server_port, folder)
    with pytest.raises(InputError, match="--port"):
        page_server(70_000, folder)
