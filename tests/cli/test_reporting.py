"""What a command prints and logs, and how it ends when something is wrong."""

import gzip
import logging
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from epizoo.cli import reporting as module
from epizoo.cli.all_commands import app
from epizoo.cli.app import _Application, _Commands, say
from epizoo.cli.failures import sentence
from epizoo.errors import InputError
from epizoo.version import __version__

RAISED: dict[str, BaseException] = {}


@pytest.fixture
def one_command():
    """An application of one command, which says, logs and warns, and raises what a test puts into ``RAISED``."""
    application = _Application(cls=_Commands, name="epizoo", pretty_exceptions_enable=False)

    application.callback()(module.reporting_options)

    @application.command()
    def work(file: Path | None = None) -> None:
        """Work."""
        logging.getLogger("epizoo.jobs").info("decided: 7")
        logging.getLogger("epizoo.jobs").warning("a doubt")
        say("Wrote [x].")
        if RAISED:
            raise RAISED["error"]

    yield lambda *arguments: CliRunner().invoke(application, [str(one) for one in arguments])
    RAISED.clear()


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    yield
    assert logging.getLogger("epizoo").handlers == []
    assert logging.getLogger("epizoo").level == logging.NOTSET


def test_a_command_says_its_lines_and_warns(one_command):
    result = one_command("work")
    assert result.exit_code == 0
    assert result.stdout == "Wrote [x].\n"
    assert result.stderr == "epizoo: warning: a doubt\n"


@pytest.mark.parametrize("arguments", [("-q", "work"), ("work", "--quiet")])
def test_quiet_leaves_warnings(one_command, arguments):
    result = one_command(*arguments)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == "epizoo: warning: a doubt\n"


@pytest.mark.parametrize("arguments", [("--verbose", "work"), ("work", "-v")])
def test_verbose_shows_decisions_versions_time_and_memory(one_command, arguments):
    result = one_command(*arguments)
    assert result.stdout == "Wrote [x].\n"
    assert "decided: 7" in result.stderr
    assert f"epizoo {__version__}: work" in result.stderr
    assert "numpy " in result.stderr
    assert "MiB of memory" in result.stderr.splitlines()[-1]


def test_a_log_holds_everything_and_is_appended_to(one_command, tmp_path):
    given = tmp_path / "given.txt"
    given.write_text("12345")
    log = tmp_path / "run.log"
    assert one_command("work", "--log", log, "--file", given, "-q").exit_code == 0
    RAISED["error"] = InputError("given.txt: is wrong")
    assert one_command("--log", log, "work").exit_code == 2
    text = log.read_text()
    assert text.count(f"epizoo {__version__}: work") == 2
    assert f"Command: epizoo work --log {log} --file {given} -q" in text
    assert f"Option file: {given} (5 bytes)" in text
    assert text.count("INFO decided: 7") == text.count("WARNING a doubt") == text.count("INFO Wrote [x].") == 2
    assert "Done: " in text
    assert "given.txt: is wrong" in text
    assert "Traceback" in text
    assert "Stopped by InputError: " in text


@pytest.mark.parametrize("existing", [b"chr1\t0\t10\n", b"\x00\xff" * 90])
def test_a_log_never_overwrites_another_file(one_command, tmp_path, existing):
    path = tmp_path / "data"
    path.write_bytes(existing)
    result = one_command("work", "--log", path)
    assert result.exit_code == 2
    assert f"{path}: exists and is not a log of epizoo" in result.stderr
    assert path.read_bytes() == existing


def test_a_log_is_a_file_of_its_own(one_command, tmp_path):
    path = tmp_path / "same"
    (tmp_path / "link").symlink_to(path)
    result = one_command("work", "--log", path, "--file", tmp_path / "link")
    assert result.exit_code == 2
    assert "given as --log and as file" in result.stderr
    assert not path.exists()


def test_python_warnings_are_one_line_and_in_the_log(one_command, tmp_path):
    show = module.warnings.showwarning
    log = tmp_path / "run.log"
    with module._recorded({"quiet": True, "verbose": False, "log_file": log}, "work", [], {}):
        module.warnings.showwarning(UserWarning("odd"), UserWarning, "lib.py", 3)
    assert module.warnings.showwarning is show
    assert "WARNING odd (UserWarning, lib.py:3)" in log.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_log_that_cannot_be_written_ends_the_command(one_command, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "require_writable", lambda path: None)
    result = one_command("work", "--log", "/dev/full")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("epizoo: ")
    assert "No space left on device" in result.stderr


def _damaged_gzip():
    try:
        gzip.decompress(gzip.compress(b"peaks" * 99)[:-9])
    except EOFError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("x.bed: line 1:\n  is wrong"), ("x.bed: line 1: is wrong",)),
        (FileNotFoundError(2, "No such file or directory", "x.bed"), ("x.bed", "No such file")),
        (OSError(28, "No space left on device"), ("No space left on device",)),
        (gzip.BadGzipFile("Not a gzipped file (b'ch')"), ("Not a gzipped file",)),
        (_damaged_gzip(), ("Compressed file ended",)),
        (zlib.error("Error -3 while decompressing data"), ("Error -3",)),
        (MemoryError("Unable to allocate 7 TiB"), ("out of memory", "7 TiB")),
        (MemoryError(), ("out of memory",)),
        (RecursionError("maximum recursion depth exceeded"), ("nested too deeply",)),
        (UnicodeDecodeError("utf-8", b"ab\xff", 2, 3, "invalid start byte"), ("0xff", "position 2", "utf-8")),
    ],
)
def test_errors_of_input_and_machine_are_one_sentence(one_command, error, words):
    RAISED["error"] = error
    result = one_command("work", "-q")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 2
    last = result.stderr.splitlines()[-1]
    assert last == f"epizoo: {sentence(error)}"
    for word in words:
        assert word in last


def test_a_bug_shows_its_traceback_and_how_to_report_it(one_command):
    RAISED["error"] = KeyError("chrom")
    result = one_command("work")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    last = result.stderr.splitlines()[-1]
    assert "unexpected KeyError" in last
    assert "report" in last
    assert "epizoo --version" in last


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show"], ("argument 'ENTRY'", "epizoo show --help")),
        (["show", "x", "--nonsense"], ("--nonsense", "epizoo show --help")),
        (["sho"], ("'sho'", "'show'", "epizoo --help")),
        (["--nonsense"], ("--nonsense", "epizoo --help")),
        (["import-chromhmm", "m", "--bin-bp", "wide"], ("--bin-bp", "integer", "epizoo import-chromhmm --help")),
    ],
)
def test_command_lines_that_cannot_be_parsed_are_one_sentence(arguments, words):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("epizoo: ")
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["-V"], ["list", "-V"], ["call-peaks", "--version"]])
def test_the_version_is_shown_anywhere(arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert result.stdout == f"epizoo {__version__}\n"


def test_no_argument_shows_the_help():
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    assert "call-peaks" in result.stdout


def test_shell_completion_knows_commands_and_entries():
    program = Path(sys.executable).parent / "epizoo"
    environment = {**os.environ, "_EPIZOO_COMPLETE": "complete_bash"}

    def complete(words: str, place: str) -> set[str]:
        given = {**environment, "COMP_WORDS": words, "COMP_CWORD": place}
        done = subprocess.run([program], env=given, capture_output=True, text=True, check=False)
        return set(done.stdout.split())

    assert {"list", "call-peaks", "example"} <= complete("epizoo ", "1")
    assert complete("epizoo show peak_caller/h3k4", "2") == {"peak_caller/h3k4me3"}


def test_a_pipe_that_closes_is_no_traceback():
    script = "from epizoo.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(("platform", "mib"), [("darwin", 3.0), ("linux", 3072.0)])
def test_peak_memory_is_in_bytes_on_macos_and_in_kib_elsewhere(monkeypatch, platform, mib):
    import resource

    class Usage:
        ru_maxrss = 3 * 2**20

    monkeypatch.setattr(resource, "getrusage", lambda who: Usage())
    monkeypatch.setattr(module.sys, "platform", platform)
    assert module.peak_memory_mib() == mib


def test_typer_has_the_class_of_usage_errors():
    assert issubclass(typer.BadParameter, typer.BadParameter.__mro__[1])
    assert typer.BadParameter.__mro__[1].__name__ == "UsageError"
