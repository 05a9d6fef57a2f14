"""Files are standard input, standard output or pipes where a user likes it so, with the same results."""

import inspect
import io
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from epizoo.cli.all_commands import app
from epizoo.cli.file_roles import FOLDER, LOG, file_role
from epizoo.cli.streams import streamed
from epizoo.errors import InputError

LOOSE = ["--q-value", "1", "--enter-probability", "1e-6", "--extend-probability", "1e-6"]


COMMANDS = {command.callback.__name__: command.callback for command in app.registered_commands}


def parameters():
    """All parameters of all commands, by the names of both, with their settings in Typer."""
    for name, command in COMMANDS.items():
        for one in inspect.signature(command).parameters.values():
            info = next((part for part in get_args(one.annotation) if hasattr(part, "metavar")), None)
            if info is not None:
                yield f"{name} {one.name}", one, info


FILES = {name: one for name, one, _ in parameters() if file_role(one) is not None}


def test_every_file_has_a_role():
    takes_files = {
        name
        for name, one, info in parameters()
        if "Path" in str(one.annotation) or re.search(r"FILE|FOLDER|MODEL|CHECKPOINT", info.metavar or "")
    }
    assert takes_files <= FILES.keys()
    # What may be a file or something else, and says so in its text.
    assert FILES.keys() - takes_files == {"learn_states init", "select_states init"}


def test_outputs_are_those_that_help_texts_call_written():
    written = re.compile(
        r"(Also )?(write|draw|append)\b|(file|table) (of [\w ]+ )?to write\b|The same segments as", re.IGNORECASE
    )
    for name, one, info in parameters():
        role = file_role(one)
        if role is not None and role != FOLDER:
            assert role.is_output == (written.match(info.help or "") is not None), name


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_piped_or_refused_in_a_sentence(name, monkeypatch, capfdbinary):
    one, role = FILES[name], file_role(FILES[name])
    is_list = "list[" in str(one.annotation)
    is_path = "Path" in str(one.annotation)
    value = Path("-") if is_path else "-"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"chr1\t0\t9\n")))
    piped = streamed([one], {one.name: [value] if is_list else value})
    if role.refused and role != LOG:
        with pytest.raises(InputError, match=r"^[^\n]+ -: a [^\n]+ cannot be piped; name a (file|folder)$"):
            piped.__enter__()
        return
    if role == LOG:
        found = CliRunner().invoke(app, ["list", "--log", "-"])
        assert (found.exit_code, found.stderr) == (2, "epizoo: --log -: a log cannot be piped; name a file\n")
        return
    with piped as given:
        (path,) = given[one.name] if is_list else [given[one.name]]
        assert isinstance(path, Path) == is_path
        if role.is_output:
            Path(path).write_bytes(b"result")
        else:
            assert Path(path).read_bytes() == b"chr1\t0\t9\n"
            assert Path(path).suffix == role.suffix
    assert not Path(path).exists()
    assert capfdbinary.readouterr().out == (b"result" if role.is_output else b"")


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
    "words",
    [
        ("states-of", "REGIONS", "states.bed"),
        ("states-of", "regions.bed", "STATES"),
        ("enrichment", "STATES", "--over", "regions.bed"),
        ("compare-states", "STATES", "states.bed"),
        ("compare-states", "states.bed", "STATES"),
        ("differential", "COUNTS", "--groups", "groups.tsv"),
        ("differential", "counts.tsv", "--groups", "GROUPS"),
    ],
)
def test_piped_text_of_each_format_gives_what_files_give(epizoo, tmp_path, words):
    (tmp_path / "states.bed").write_text("chr1\t0\t1000\tA\nchr1\t1000\t9000\tB\n")
    (tmp_path / "regions.bed").write_text("chr1\t100\t900\nchr1\t3000\t4000\n")
    (tmp_path / "groups.tsv").write_text("sample\tgroup\na\tx\nb\tx\nc\ty\nd\ty\n")
    rows = [[100 + 7 * row % 13, 100 + 5 * row % 11, 100 + 9 * row % 17, 110 + row % 7] for row in range(30)]
    counts = [("chr1", 100 * row, 100 * row + 50, f"peak_{row}", *numbers) for row, numbers in enumerate(rows)]
    table = [("chrom", "start", "end", "name", "a", "b", "c", "d"), *counts]
    (tmp_path / "counts.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in table))
    (piped,) = (word for word in words if word.isupper())
    file = {"REGIONS": "regions.bed", "STATES": "states.bed", "COUNTS": "counts.tsv", "GROUPS": "groups.tsv"}[piped]
    whole = epizoo(*(file if word == piped else word for word in words), "-o", "whole.tsv")
    assert whole.exit_code == 0, whole.output
    done = epizoo(*("-" if word == piped else word for word in words), "-o", "-", given=(tmp_path / file).read_bytes())
    assert done.stdout.replace("stdin.bed", "states.bed") == (tmp_path / "whole.tsv").read_text(), done.stderr


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (call("-o", "-", "--summits", "-"), ("--summits -", "standard output", "twice")),
        (call("-o", "x.bed", "--probabilities", "-"), ("--probabilities -", "bigWig", "file")),
        (call("-o", "-", bigwig="-"), ("standard input", "empty")),
        (["binarize", "--marks", "A=-", "--chrom-sizes", "hg38", "-o", "-"], ("--output -", "folder")),
        (["plot", "--region", "chr1:1-2000", "--bigwig", "good.bw", "-o", "-"], ("--output -", "picture")),
        (["run", "-", "-o", "study"], ("STUDY -", "list of files")),
        (["import-torch", "-", "--base", "x", "--name", "y", "-o", "zoo"], ("STATE -", "model")),
        (["show", "-"], ("-",)),
        (["export", "chromatin_states/random", "--to", "onnx", "-o", "-"], ("--output -", "proof")),
        (["call-peaks", "-", "--bigwig", "good.bw", "-o", "x.bed"], ("-",)),
    ],
)
def test_what_no_pipe_can_take_is_refused(epizoo, words, parts):
    done = epizoo(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert all(part in done.stderr for part in parts), done.stderr


def test_an_input_that_cannot_be_opened_is_named_as_such(epizoo, tmp_path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("regions")
        done = epizoo("states-of", "regions", "x.bed", "-o", "y.tsv")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "regions" in done.stderr
    assert "copied" not in done.stderr


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
