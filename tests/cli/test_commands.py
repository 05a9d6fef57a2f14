"""The command line: one sentence and exit code 2 for bad input, files that other tools read, nothing left over."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import bioframe
import numpy as np
import pandas as pd
import pyBigWig
import pytest
import random_entries
from typer.testing import CliRunner

from epizoo.cli.all_commands import app
from epizoo.cli.app import COMMANDS
from epizoo.genome.marks import BinarizedChromosome, write_binarized

PEAK_CALLER, ANNOTATOR = "peak_caller/random", "chromatin_states/random"


@pytest.mark.parametrize(("name", "code", "text"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_a_signal_outside_of_commands_ends_in_one_sentence_too(name, code, text):
    script = f"""
import os, signal
from epizoo import cli
# A shell's background jobs ignore it, and so do their children.
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.app = lambda **options: os.kill(os.getpid(), signal.{name})
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    expected = f"epizoo: {text}; no output is half written, run the command again\n"
    assert (done.returncode, done.stdout, done.stderr) == (code, "", expected)


@pytest.mark.parametrize(("name", "code", "text"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_a_signal_that_a_library_turns_into_an_error_of_its_own_is_no_bug(name, code, text):
    script = f"""
import os, signal, sys
import epizoo.zoo
from epizoo import cli

def list_entries():
    try:
        os.kill(os.getpid(), signal.{name})
    except BaseException:
        raise SystemError("returned a result with an exception set") from None

signal.signal(signal.SIGINT, signal.default_int_handler)
epizoo.zoo.list_entries = list_entries
sys.argv = ["epizoo", "list"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    expected = f"epizoo: {text}; no output is half written, run the command again\n"
    assert (done.returncode, done.stdout, done.stderr) == (code, "", expected)


@pytest.mark.parametrize(("name", "code", "text"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_a_signal_waits_for_the_end_of_an_import(name, code, text, tmp_path):
    # Compiled modules abort the process where an exception comes into their making.
    module = f"import os, signal, time; os.kill(os.getpid(), signal.{name}); time.sleep(0.2); print('imported')"
    (tmp_path / "slow_module.py").write_text(module)
    script = """
import signal, time
from epizoo import cli

def app(**options):
    import slow_module
    time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)
cli.app = app
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=50, cwd=tmp_path
    )
    expected = f"epizoo: {text}; no output is half written, run the command again\n"
    assert (done.returncode, done.stdout, done.stderr) == (code, "imported\n", expected)


def test_an_alarm_of_whoever_starts_a_command_ends_it():
    script = "import signal; from epizoo import cli; cli.app = lambda **_: signal.raise_signal(14); cli.main()"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGALRM


def test_a_signal_that_is_swallowed_at_the_very_end_is_heard():
    script = """
import os, signal, time
from epizoo import cli

class Garbage:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)

cli.app = lambda **options: Garbage() and None
cli.main()
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 143


@pytest.mark.parametrize(("name", "code", "text"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_a_signal_that_comes_while_garbage_is_collected_is_heard(name, code, text):
    script = f"""
import os, signal, time
from epizoo import cli

class Garbage:
    # Python swallows what is raised here.
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0)

def app(**options):
    Garbage()
    time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)
cli.app = app
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=50)
    expected = f"epizoo: {text}; no output is half written, run the command again\n"
    assert (done.returncode, done.stdout, done.stderr) == (code, "", expected)


@pytest.fixture
def folder(random_zoo, tmp_path, monkeypatch):
    """A working folder with good inputs and bad ones."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    for name in (PEAK_CALLER, ANNOTATOR):
        (tmp_path / name.split("/")[0]).symlink_to(random_zoo.folder / name.split("/")[0])
    (tmp_path / "good.bw").symlink_to(random_zoo.bigwig)
    (tmp_path / "marks").symlink_to(random_zoo.marks)
    (tmp_path / "empty.bw").touch()
    (tmp_path / "text.bw").write_text("chr1 1 2 3\n")
    beds = {
        "good": "chr1\t1000\t9000\n",
        "unknown": "chr7\t1000\t9000\n",
        "backwards": "chr1\t9000\t1000\n",
        "norows": "# nothing\n",
        "past": "chr2\t1000\t26000\n",
        "nochr": "1\t1000\t9000\n",
        "words": "chr1\tone\ttwo\n",
    }
    for name, text in beds.items():
        (tmp_path / f"{name}.bed").write_text(text)
    two = BinarizedChromosome(
        "cell", "chr1", ("H3K4me3", "H3K27ac"), pd.DataFrame({0: [0, 1], 1: [1, 1]}).to_numpy("uint8")
    )
    (tmp_path / "two").mkdir()
    write_binarized(tmp_path / "two" / "cell_chr1_binary.txt", two)
    (tmp_path / "cells").mkdir()
    for cell in ("A", "B"):
        write_binarized(tmp_path / "cells" / f"{cell}_chr1_binary.txt", two._replace(cell=cell))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def call(*arguments, bigwig="good.bw", output="out/x.narrowPeak"):
    return run("call-peaks", PEAK_CALLER, "--bigwig", bigwig, "-o", output, *arguments)


BAD_INPUTS = [
    (["call-peaks", PEAK_CALLER, "--bigwig", "none.bw"], r"none\.bw: no such file"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "empty.bw"], r"empty\.bw: .*empty"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "text.bw"], r"text\.bw: .*not a bigWig"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--regions", "none.bed"], r"none\.bed: no such file"),
    (
        ["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--regions", "unknown.bed"],
        r"unknown\.bed: .*chr7\b.*good\.bw",
    ),
    (
        ["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--regions", "backwards.bed"],
        r"backwards\.bed: line 1: .*\b9000\b.*\b1000\b",
    ),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--regions", "norows.bed"], r"norows\.bed: .*no interval"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--regions", "past.bed"], "past the end"),
    (
        ["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--regions", "nochr.bed"],
        r"nochr\.bed: .*\b1\b.*\bchr1\b.*good\.bw",
    ),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--regions", "words.bed"], "whole numbers"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--blacklist", "nochr.bed"], r"nochr\.bed: .*\b1\b"),
    (["call-peaks", PEAK_CALLER], "--bigwig, --reads, --replicates: none"),
    (
        ["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--reads", "good.bed"],
        "--bigwig, --reads, --replicates: --bigwig and --reads given",
    ),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--atac"], "--atac: .*reads"),
    (["call-peaks", PEAK_CALLER, "--reads", "none.bam", "--enter-probability", "2"], r"enter_probability\b.*\b2\.0\b"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--format", "bed12"], "'bed12'"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--coverage", "out/c.bw"], "--coverage: .*--reads"),
    (["call-peaks", PEAK_CALLER, "--reads", "none.bam"], r"none\.bam: no such file"),
    (["call-peaks", PEAK_CALLER, "--reads", "good.bed", "--chrom-sizes", "hg0"], "hg0: "),
    (["call-peaks", PEAK_CALLER, "--reads", "good.bed", "--chrom-sizes", "hg19"], r"good\.bed: line 1 .*strand"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--blacklist", "hg18"], "hg18: .*blacklist"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--signal-kind", "tpm"], "'tpm'"),
    (["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--enter-probability", "2"], r"enter_probability\b.*\b2\.0\b"),
    (
        ["call-peaks", PEAK_CALLER, "--bigwig", "good.bw", "--probabilities", "good.bw"],
        r"good\.bw: .*overwrite an input",
    ),
    *(
        (
            ["call-peaks", PEAK_CALLER, "--reads", "reads.bed", *given, "--coverage", given[1]],
            f"{given[1]}: .*overwrite",
        )
        for given in (["--blacklist", "good.bed"], ["--regions", "past.bed"], ["--known-regions", "unknown.bed"])
    ),
    (
        ["call-peaks", PEAK_CALLER, "--reads", "none.bam", "--chrom-sizes", "good.bed", "--summits", "good.bed"],
        r"good\.bed: .*overwrite an input",
    ),
    (["call-peaks", PEAK_CALLER, "--reads", "none.bam", "--blacklist", "hg0"], "hg0: .*blacklist"),
    (["call-peaks", PEAK_CALLER, "--reads", "none.bam", "--regions", "words.bed"], "whole numbers"),
    (["call-peaks", "peak_caller/nope", "--bigwig", "good.bw"], "peak_caller/nope: "),
    (["call-peaks", ANNOTATOR, "--bigwig", "good.bw"], "peaks"),
    (["annotate", PEAK_CALLER, "--binarized", "marks"], "states"),
    (["annotate", ANNOTATOR, "--binarized", "nowhere"], "nowhere: no such folder"),
    (["annotate", ANNOTATOR, "--binarized", "out"], "out: .*no binari[sz]ed marks"),
    (["annotate", ANNOTATOR, "--binarized", "two"], "H3K36me3.*H3K4me3, H3K27ac"),
    (["annotate", ANNOTATOR, "--binarized", "cells", "--allow-missing"], r"several cell types .*A, B"),
    (["annotate", ANNOTATOR, "--binarized", "marks", "--cell", "K562"], "K562"),
    (["annotate", ANNOTATOR], "binarized, table, marks: none given"),
    (["annotate", ANNOTATOR, "--marks", "H3K4me3=good.bw"], "H3K27ac, H3K36me3"),
    (["annotate", ANNOTATOR, "--marks", "H3K4me3=good.bw", "H3K4me3=good.bw"], "H3K4me3.*twice"),
    (["annotate", ANNOTATOR, "--marks", "good.bw"], r"'good\.bw'.*MARK=FILE"),
    (["annotate", ANNOTATOR, "--marks", "H3K4me3=good.bw", "--allow-missing"], "kind of signal"),
    (["annotate", ANNOTATOR, "--binarized", "marks", "--posteriors", "none/at/all"], "none/at/all: "),
    (["annotate", ANNOTATOR, "--binarized", "marks", "--threshold", "3"], "--threshold: "),
    (["plot", "--region", "chr1:500", "--bigwig", "good.bw"], "'chr1:500'"),
    (["plot", "--region", "chr1:10-5", "--bigwig", "good.bw"], "chr1:10-5"),
    (["plot", "--region", "chr9:1-100", "--bigwig", "good.bw"], r"chr9\b.*good\.bw"),
    (["plot", "--region", "chr1:1-99000", "--bigwig", "good.bw"], "past the end"),
    (["plot", "--region", "chr1:1-100"], "nothing to draw"),
    (["plot", "--region", "chr1:1-100", "--bigwig", "good.bw", "--threshold", "0.5"], "without --probabilities"),
    (["plot", "--region", "chr1:1-100", "--bigwig", "good.bw", "--same-scale"], "not two signals"),
    (["plot", "--region", "chr1:1-100", "--bigwig", "good.bw", "--cell", "A"], "--cell: A given without --binarized"),
    (["plot", "--region", "chr1:1-100", "--bigwig", "good.bw", "--bin-bp", "100"], "100 given without --binarized"),
    (["plot", "--region", "chr1:1-100", "--bigwig", "empty.bw"], r"empty\.bw: .*empty"),
    (["plot", "--region", "chr1:1001-9000", "--states", "good.bed"], r"good\.bed: .*columns"),
    (["plot", "--region", "chr1:1-100", "--binarized", "cells"], "several cell types"),
    (["show", "peak_caller/nope"], "peak_caller/nope: "),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUTS, ids=[message for _, message in BAD_INPUTS])
def test_bad_input_is_one_sentence_exit_code_2_and_no_file(folder, arguments, message):
    suffix = {"plot": ["-o", "out/x.png"], "show": []}.get(arguments[0], ["-o", "out/x.bed"])
    result = run(*arguments, *suffix)
    assert result.exit_code == 2
    assert result.stderr.startswith("epizoo: ")
    assert re.search(message, result.stderr)
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert list((folder / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("none/x.bed", "none.* does not exist"),
        ("out", "is a folder"),
        ("good.bw", r"good\.bw: .*overwrite an input"),
    ],
)
def test_unwritable_outputs_are_refused_before_any_work(folder, output, message):
    result = call("--format", "bed", output=output)
    assert result.exit_code == 2
    assert re.search(message, result.stderr)


def test_plots_of_an_unknown_format_are_refused(folder):
    result = run("plot", "--region", "chr1:1-100", "--bigwig", "good.bw", "-o", "out/x.gif")
    assert result.exit_code == 2
    assert ".png, .svg or .pdf" in result.stderr


def test_weights_that_do_not_match_their_hash_are_refused(folder, random_zoo, tmp_path):
    copy = tmp_path / "changed"
    copy.mkdir()
    for file in (random_zoo.folder / PEAK_CALLER).iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    content = bytearray((copy / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "weights.safetensors").write_bytes(content)
    result = run("call-peaks", copy, "--bigwig", "good.bw", "-o", "out/x.bed", "--probabilities", "out/x.bw")
    assert result.exit_code == 2
    assert "weights.safetensors" in result.stderr
    assert "sha256" in result.stderr
    assert list((folder / "out").iterdir()) == []


def test_a_full_disk_is_one_sentence_too(folder, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device", "out/x.narrowPeak")

    monkeypatch.setattr("epizoo.jobs.call_peaks.write_peaks", full)
    result = call("--probabilities", "out/x.bw")
    assert result.exit_code == 2
    assert result.stderr.startswith("epizoo: out/x.narrowPeak: No space left on device")
    assert list((folder / "out").iterdir()) == []


def test_reads_become_gapped_peaks_and_summits(folder):
    (folder / "sizes").write_text("chr1\t40000\nchr2\t25130\n")
    rows = [f"chr1\t{20_000 + 7 * i % 600}\t{20_036 + 7 * i % 600}\tr\t0\t{'+-'[i % 2]}\n" for i in range(300)]
    rows += [f"chr1\t{97 * i}\t{97 * i + 36}\tr\t0\t+\n" for i in range(400)]
    (folder / "reads.bed").write_text("".join(rows))
    options = ["--chrom-sizes", "sizes", "--enter-probability", "0.45", "--extend-probability", "0.4"]
    out = ["-o", "out/x.gappedPeak", "--summits", "out/s.bed", "--merge-gap-bp", "500", "--coverage", "out/c.bw"]
    result = run("call-peaks", PEAK_CALLER, "--reads", "reads.bed", *options, *out)
    assert result.exit_code == 0, result.output
    assert "fragments piled up, 200 bp a single read" in result.stdout
    peaks = (folder / "out" / "x.gappedPeak").read_text().splitlines()
    assert peaks
    assert {len(row.split("\t")) for row in peaks} == {15}
    again = run("call-peaks", PEAK_CALLER, "--bigwig", "out/c.bw", *options[2:], "-o", "out/y.gappedPeak", *out[4:6])
    assert again.exit_code == 0, again.output
    # All but p- and q-value: of reads that end where others begin the bigWig shows no step.
    other = (folder / "out" / "y.gappedPeak").read_text().splitlines()
    assert [row.split("\t")[:13] for row in other] == [row.split("\t")[:13] for row in peaks]
    both = np.array([[row.split("\t")[13:] for row in rows] for rows in (peaks, other)], float)
    np.testing.assert_allclose(both[0], both[1], rtol=0.05)
    assert len((folder / "out" / "s.bed").read_text().splitlines()) >= len(peaks)


@pytest.mark.parametrize("option", ["--bigwig", "--control"])
def test_two_files_where_one_counts_are_refused(folder, option):
    given = [] if option == "--bigwig" else ["--bigwig", "good.bw"]
    result = run("call-peaks", PEAK_CALLER, *given, option, "good.bw", option, "other.bw", "-o", "out/x.narrowPeak")
    assert result.exit_code == 2
    assert f"{option}: good.bw, other.bw" in result.stderr


def test_from_signal_and_marks_to_files_and_a_picture(folder):
    peaks = call("--probabilities", "out/p.bw", "--enter-probability", "0.45", "--extend-probability", "0.4")
    assert peaks.exit_code == 0, peaks.stderr
    assert "Detected in good.bw: --signal-kind " in peaks.stdout
    table = bioframe.read_table("out/x.narrowPeak", schema="narrowPeak")
    assert (
        f"Wrote out/x.narrowPeak: {len(table):,} peaks over {(table['end'] - table['start']).sum():,} bp"
        in peaks.stdout
    )
    with pyBigWig.open("out/p.bw") as bigwig:
        assert bigwig.chroms() == random_entries.CHROM_SIZES
        assert 0 <= bigwig.header()["minVal"] <= bigwig.stats("chr1", type="max")[0] <= 1
    states = run("annotate", ANNOTATOR, "--binarized", "marks", "-o", "out/s.bed", "--posteriors", "out")
    assert states.exit_code == 0, states.stderr
    assert len(bioframe.read_table("out/s.bed", schema="bed9")) > 10
    shares = [
        float(line.split()[1].rstrip("%"))
        for line in states.stdout.splitlines()
        if line.startswith("S") and "%" in line
    ]
    assert sum(shares) == pytest.approx(100, abs=0.05)
    region = ["plot", "--region", "chr1:1,001-18,000", "--bigwig", "mine=good.bw", "--control", "good.bw"]
    region += ["--probabilities", "out/p.bw", "--peaks", "out/x.narrowPeak", "--peaks", "blobs=good.bed"]
    region += ["--marks", "H3K27ac=good.bw", "--binarized", "marks", "--states", "out/s.bed", "--title", "mine"]
    for suffix, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        picture = run(*region, "-o", f"out/x{suffix}")
        assert picture.exit_code == 0, picture.stderr
        assert (folder / "out" / f"x{suffix}").read_bytes().startswith(magic)
    drawn = (folder / "out" / "x.svg").read_text()
    for label in (
        "mine",
        "control",
        "P(peak)",
        "x",
        "blobs",
        "H3K27ac",
        "H3K36me3",
        "states",
        "S3",
        "chr1:1,001–18,000",
    ):
        assert f">{label}<" in drawn or label in drawn, label


def test_pictures_never_overwrite_what_they_show(folder):
    signal = Path("signal.png")
    signal.write_bytes(Path("good.bw").read_bytes())
    result = run("plot", "--region", "chr1:1-1000", "--bigwig", signal, "-o", signal)
    assert result.exit_code == 2
    assert "overwrite an input" in result.stderr
    assert signal.read_bytes() == Path("good.bw").read_bytes()


def test_pictures_of_equal_input_are_equal(folder):
    for name in ("a.svg", "b.svg", "a.pdf", "b.pdf", "a.png", "b.png"):
        run("plot", "--region", "chr1:1-18000", "--bigwig", "good.bw", "-o", f"out/{name}")
    for suffix in ("svg", "pdf", "png"):
        assert (folder / "out" / f"a.{suffix}").read_bytes() == (folder / "out" / f"b.{suffix}").read_bytes()


def test_track_lines_are_written_when_asked_for(folder):
    assert call("--track-line", "mine").exit_code == 0
    assert (folder / "out/x.narrowPeak").read_text().startswith('track type=narrowPeak name="mine"')
    assert run("annotate", ANNOTATOR, "--binarized", "marks", "-o", "out/s.bed", "--track-line", "mine").exit_code == 0
    assert (folder / "out/s.bed").read_text().startswith('track name="mine"')


def test_marks_may_follow_one_option(folder):
    paths = [f"{mark}=good.bw" for mark in random_entries.MARKS]
    stated = ["--signal-kind", "coverage", "--threshold", "4"]
    together = run("annotate", ANNOTATOR, "--marks", *paths, *stated, "-o", "out/a.bed")
    repeated = [part for path in paths for part in ("--marks", path)]
    apart = run("annotate", ANNOTATOR, *repeated, *stated, "-o", "out/b.bed")
    assert together.exit_code == apart.exit_code == 0, together.stderr + apart.stderr
    assert (folder / "out/a.bed").read_text() == (folder / "out/b.bed").read_text()


def test_list_and_show_tell_what_there_is(folder, random_zoo, monkeypatch):
    monkeypatch.setattr("epizoo.zoo.list_entries", lambda: [PEAK_CALLER, ANNOTATOR])
    listed = run("list")
    assert listed.exit_code == 0, listed.stderr
    assert [line.split()[:2] for line in listed.stdout.splitlines()[1:3]] == [
        [PEAK_CALLER, "1.0.0"],
        [ANNOTATOR, "1.0.0"],
    ]
    shown = run("show", PEAK_CALLER)
    assert shown.exit_code == 0, shown.stderr
    assert "Random weights, made by a test." in shown.stdout
    assert "It knows nothing." in shown.stdout


def test_kipoi_source_keeps_what_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    result = run("kipoi-source")
    assert result.exit_code == 0, result.stderr
    text = (tmp_path / ".kipoi" / "config.yaml").read_text()
    assert "epizoo:" in text
    assert "kipoi:" in text


def test_the_command_itself_prints_no_traceback(folder):
    command = [sys.executable, "-c", "from epizoo.cli import main; main()"]
    result = subprocess.run(
        [*command, "call-peaks", PEAK_CALLER, "--bigwig", "none.bw", "-o", "out/x.bed"], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr.startswith("epizoo: none.bw: no such file")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["list"], ["show", PEAK_CALLER], ["--help"], ["call-peaks", "--help"]])
def test_light_commands_import_nothing_heavy(folder, arguments):
    loaded = modules_of(arguments)
    heavy = {"jax", "flax", "numba", "matplotlib", "kipoi", "torch", "bioframe", "pandas"}
    assert not heavy & loaded


@pytest.mark.parametrize("before", [[], ["--quiet"], ["--log", "log.txt"]])
def test_a_command_loads_no_other(before, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = modules_of([*before, "call-peaks", "--help"])
    assert "epizoo.cli.peaks" in loaded
    assert {f"epizoo.cli.{module}" for module in COMMANDS.values()} & loaded == {"epizoo.cli.peaks"}


def modules_of(arguments):
    """Names of the modules that a command has loaded when it ends."""
    script = (
        "import sys\nfrom epizoo.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\nprint(*sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True, text=True)
    return set(result.stdout.splitlines()[-1].split())
