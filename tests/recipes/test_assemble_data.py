"""The training folder is made of what a server gives, checked by hash, and nothing that is there is fetched again."""

import hashlib
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import epizoo
from epizoo.errors import InputError
from epizoo.recipes.assemble_data import SOURCES, Source, assemble, main, marks_of_a_genome, plan, unchanged
from epizoo.recipes.state_data import read_codes
from epizoo.recipes.training_data import recorded_files

MARKS = ("CTCF", "H3K4me3")


class _Server(SimpleHTTPRequestHandler):
    fetched: list[str]

    def do_GET(self):
        self.fetched.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """A folder that is served on the loopback, its address, and what was fetched of it."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = type("Bound", (_Server,), {"fetched": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}", handler.fetched
        running.shutdown()
        thread.join()


def codes_text(chrom: str, codes: np.ndarray, cell: str = "K562") -> str:
    return "\n".join([f"{cell}\t{chrom}", "\t".join(MARKS), *map(str, codes)]) + "\n"


def test_hashes_are_those_that_the_entries_record():
    recorded = {}
    for name in epizoo.list_entries():
        recorded |= recorded_files(epizoo.load(name))
    trained_on = {source.path.as_posix(): source.sha256 for source in SOURCES if source.path.parts[0] == "states"}
    assert len(trained_on) == 4
    assert {name: recorded[name] for name in trained_on} == trained_on


def test_codes_of_chromosomes_become_the_file_that_recipes_read(server, tmp_path):
    folder, address, fetched = server
    codes = {"chr2": np.array([0, 3, 1, 0]), "chr1": np.array([2, 2])}
    for chrom, values in codes.items():
        (folder / f"{chrom}.txt").write_text(codes_text(chrom, values))
    urls = tuple(f"{address}/{chrom}.txt" for chrom in codes)
    content = marks_of_a_genome(urls, [(folder / f"{chrom}.txt").read_bytes() for chrom in codes])
    source = Source(
        Path("states/wholegenome_hg19/K562_codes9.npz"), urls, marks_of_a_genome, hashlib.sha256(content).hexdigest()
    )
    data = tmp_path / "data"
    assert assemble(data, [source]) == []
    marks, found = read_codes(data, "K562")
    assert marks == MARKS
    assert list(found) == list(codes)
    for chrom, values in codes.items():
        np.testing.assert_array_equal(found[chrom], values)
    assert fetched == ["/chr2.txt", "/chr1.txt"]
    assert assemble(data, [source]) == []
    assert len(fetched) == 2, "what is there is not fetched again"


def test_a_file_that_is_not_that_of_training_is_named(server, tmp_path, capsys):
    folder, address, _ = server
    (folder / "model.txt").write_text("changed since")
    source = Source(Path("models/model.txt"), (f"{address}/model.txt",), unchanged, "0" * 64)
    assert plan(tmp_path, [source]).startswith("missing ")
    assert assemble(tmp_path, [source]) == [Path("models/model.txt")]
    assert (tmp_path / "models/model.txt").read_text() == "changed since"
    assert "another file than that of training" in capsys.readouterr().out
    assert plan(tmp_path, [source]).startswith("different ")
    (tmp_path / "models/model.txt").write_text("mine")
    assert assemble(tmp_path, [source]) == [Path("models/model.txt")]
    assert (tmp_path / "models/model.txt").read_text() == "mine"


def test_a_source_that_is_cut_short_is_an_error_in_a_sentence(tmp_path):
    class Short(SimpleHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"x")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Short) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{running.server_address[1]}"
        with pytest.raises(InputError, match=r"/x: cannot be fetched \(IncompleteRead"):
            assemble(tmp_path, [Source(Path("x"), (f"{address}/x",), unchanged, "0" * 64)])
        running.shutdown()
        thread.join()


def test_a_source_that_is_gone_is_an_error_in_a_sentence(server, tmp_path):
    address = server[1]
    source = Source(Path("gone"), (f"{address}/gone",), unchanged, "0" * 64)
    with pytest.raises(InputError, match=r"/gone: cannot be fetched \(HTTP Error 404"):
        assemble(tmp_path, [source])
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>moved</html>",
        "K562\tchr1\nCTCF\tH3K4me3\n",
        "K562\tchr1\nCTCF\tH3K4me3\n4\n",
        "K562\tchr1\nCTCF\n-1\n",
    ],
)
def test_what_is_no_file_of_codes_is_refused(text):
    with pytest.raises(InputError, match=r"chr1\.txt: not as diHMM writes it"):
        marks_of_a_genome(["chr1.txt"], [text.encode()])


def test_chromosomes_of_two_cell_types_are_not_mixed():
    texts = [codes_text("chr1", np.array([1])), codes_text("chr2", np.array([1]), cell="GM12878")]
    with pytest.raises(InputError, match=r"chr2\.txt: GM12878 with CTCF, H3K4me3 found, K562"):
        marks_of_a_genome(["chr1.txt", "chr2.txt"], [text.encode() for text in texts])


def test_a_dry_run_prints_the_plan_and_fetches_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["assemble_data", "--data", str(tmp_path / "data"), "--dry-run"])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(SOURCES)
    assert all(line.startswith("missing") and "https://" in line for line in lines)
    assert not (tmp_path / "data").exists()
