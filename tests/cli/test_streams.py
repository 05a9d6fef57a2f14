"""Files are standard input, standard output or pipes where a user likes it so, with the same results."""

import inspect
import os
import re
import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

from epizoo.cli import app
from epizoo.cli.streams import file_option

WRITTEN = {
    "annotate": {"output", "hdf5"},
    "bench": {"output", "table", "picture"},
    "call_peaks": {
        *("output", "summits", "probabilities", "denoised", "coverage", "cutoff_analysis", "replicate_table", "report")
    },
    "compare_models": {"output", "picture"},
    "compare_states": {"output", "per_state", "picture"},
    "consensus": {"output", "support"},
    "count": {"output", "libraries"},
    "differences": {"output", "table", "picture", "gains"},
    "differential": {"output"},
    "enrichment": {"output", "picture", "p_values"},
    "evaluate": {"metrics", "picture"},
    "export": {"path"},
    "neighborhood": {"output", "picture"},
    "plot": {"output"},
    "plot_model": {"output", "transitions"},
    "report": {"output", "session", "multiqc"},
    "reproducibility": {"output"},
    "states_of": {"output"},
}
LOOSE = ["--q-value", "1", "--enter-probability", "1e-6", "--extend-probability", "1e-6"]


def test_outputs_are_known_by_their_help_texts():
    found: dict[str, set[str]] = {}
    for command in app.registered_commands:
        for one in inspect.signature(command.callback).parameters.values():
            option = file_option(one)
            if option is not None and option.is_output:
                found.setdefault(command.callback.__name__, set()).add(one.name)
    assert found == WRITTEN


@pytest.fixture
def epizoo(random_zoo, tmp_path, monkeypatch):
    """Run commands in a folder with the files of a small zoo."""
    monkeypatch.chdir(tmp_path)
    for name in ("peak_caller", "chromatin_states"):
        (tmp_path / name).symlink_to(random_zoo.folder / name)
    (tmp_path / "good.bw").symlink_to(random_zoo.bigwig)
    (tmp_path / "marks").symlink_to(random_zoo.marks)
    return lambda *words, given=b"": CliRunner().invoke(app, list(words), input=given)


def call(*words, bigwig="good.bw"):
    return ["call-peaks", "peak_caller/random", "--bigwig", bigwig, *LOOSE, *words]


def test_peaks_from_and_to_pipes_are_those_of_files(epizoo, tmp_path):
    assert epizoo(*call("-o", "x.narrowPeak", "--summits", "x.bed")).exit_code == 0
    expected, summits = (tmp_path / "x.narrowPeak").read_bytes(), (tmp_path / "x.bed").read_bytes()
    assert expected
    signal = (tmp_path / "good.bw").read_bytes()
    for source, output in (("-", "-"), ("/dev/stdin", "/dev/stdout")):
        done = epizoo(*call("-o", output, bigwig=source), given=signal)
        assert (done.exit_code, done.stdout_bytes) == (0, expected)
        assert "Wrote standard output: " in done.stderr
        assert "epizoo-" not in done.stderr
    done = epizoo(*call("-o", "y.bed", "--summits", "-", bigwig="-"), given=signal)
    assert done.stdout_bytes == summits
    assert sorted(path.name for path in tmp_path.glob("[xy].*")) == ["x.bed", "x.narrowPeak", "y.bed"]


def test_named_pipes_are_read_and_written(epizoo, tmp_path):
    assert epizoo(*call("-o", "x.narrowPeak")).exit_code == 0
    for name in ("in", "out"):
        os.mkfifo(tmp_path / name)
    signal, found = (tmp_path / "good.bw").read_bytes(), []
    threads = [
        threading.Thread(target=lambda: (tmp_path / "in").write_bytes(signal)),
        threading.Thread(target=lambda: found.append((tmp_path / "out").read_bytes())),
    ]
    for thread in threads:
        thread.start()
    assert epizoo(*call("-o", "out", bigwig="in")).exit_code == 0
    for thread in threads:
        thread.join()
    assert found == [(tmp_path / "x.narrowPeak").read_bytes()]


def test_states_are_piped_on(epizoo, tmp_path):
    (tmp_path / "marks.bed").write_text("chr1\t1000\t9000\n")
    done = epizoo("annotate", "chromatin_states/random", "--binarized", "marks", "-o", "-")
    assert done.exit_code == 0, done.stderr
    rows = done.stdout.splitlines()
    assert {len(row.split("\t")) for row in rows} == {9}
    assert "GENOME" in done.stderr
    found = epizoo("states-of", "marks.bed", "-", "-o", "-", given=done.stdout_bytes)
    assert found.stdout.startswith("chrom\tstart\tend\tname\tplace\tstate\t"), found.stderr
    assert "standard input" not in found.stdout


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (call("-o", "-", "--summits", "-"), ("--summits -", "standard output", "twice")),
        (call("-o", "x.bed", "--probabilities", "-"), ("--probabilities -", "bigWig", "file")),
        (call("-o", "-", bigwig="-"), ("standard input", "empty")),
        (["binarize", "--marks", "A=-", "--chrom-sizes", "hg38", "-o", "-"], ("--output -", "folder")),
        (["plot", "--region", "chr1:1-2000", "--bigwig", "good.bw", "-o", "-"], ("standard output", ".png")),
    ],
)
def test_what_no_pipe_can_take_is_refused(epizoo, words, parts):
    done = epizoo(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert all(part in done.stderr for part in parts), done.stderr


def test_a_report_calls_pipes_by_their_names(epizoo, tmp_path):
    assert epizoo(*call("-o", "x.narrowPeak")).exit_code == 0
    peaks, signal = (tmp_path / "x.narrowPeak").read_bytes(), (tmp_path / "good.bw").read_bytes()
    words = ["report", "--peaks", "x=-", "--bigwig", "x=good.bw"]
    done = epizoo(*words, "-o", "a.html", given=peaks)
    assert done.exit_code == 0, done.stderr
    done = epizoo(*call("-o", "-", "--report", "b.html", bigwig="-"), given=signal)
    assert done.exit_code == 0, done.stderr
    for name, shown in (("a.html", {"standard input", "good.bw"}), ("b.html", {"standard input", "standard output"})):
        text = (tmp_path / name).read_text()
        assert set(re.findall(r'<th scope="row">[^<]* (?:peaks|signal)</th><td>(.*?)</td>', text)) == shown
        assert "/epizoo-" not in text


def test_a_session_takes_no_pipes(epizoo, tmp_path):
    assert epizoo(*call("-o", "x.narrowPeak")).exit_code == 0
    peaks, words = (tmp_path / "x.narrowPeak").read_bytes(), ["--assembly", "hg19", "-o", "a.html"]
    for given, parts in (
        (["--peaks", "x=-", "--session", "s.xml"], ("--session: ", "standard input has none")),
        (["--peaks", "x.narrowPeak", "--session", "-"], ("--session -: a session for IGV cannot be piped",)),
    ):
        done = epizoo("report", *given, *words, given=peaks)
        assert done.exit_code == 2
        assert all(part in done.stderr for part in parts), done.stderr
    assert not list(tmp_path.glob("a.html"))


def test_a_reader_that_stops_is_no_error_message(epizoo, tmp_path):
    script = "from epizoo.cli import main; main()"
    command = [sys.executable, "-c", script, *call("-q", "-o", "-")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
