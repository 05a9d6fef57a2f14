"""Options of commands are made from the functions behind them."""

import importlib
import inspect
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from epizoo.cli.all_commands import app as epizoo_app
from epizoo.cli.option_groups import named_files, options_of, parameters_of, spread
from epizoo.errors import InputError

SOURCE = '''
from collections.abc import Collection, Mapping

def work(
    entry: str,
    width_bp: int,
    *,
    marks: Mapping[str, File] | None = None,
    known: File | Mapping[str, File] | None = None,
    reads: Reads | None = None,
    rate: float = 0.5,
    hold_out: Collection[str] = (),
    chrom_sizes: File | None = None,
    keep: int | Literal["auto"] | None = None,
    mask: Intervals | None = None,
    crop: bool = True,
    progress: Progress | None = None,
) -> None:
    """Work.

    Args:
        entry: an entry.
        width_bp: with `hold_out`, a ``width``
            in bp
        marks: marks.
        known: what is known.
        reads: reads.
        rate: a rate.
        hold_out: chromosomes.
        chrom_sizes: an assembly.
        keep: a number, or auto.
        mask: intervals.
        crop: leave the flanks out.
        progress: not an option.
    """

def other(rate: float) -> None:
    """Other."""
'''
GROUPS = {"": "width_bp", "Marks": "marks known reads", "Rule": "rate hold_out chrom_sizes keep mask crop"}
FUNCTIONS = [
    "annotate.annotate",
    "call_peaks.call_peaks",
    "evaluate.evaluate",
    "finetune.finetune",
    "learn_states.learn_states",
    "select_states.select_states",
]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run a command of the function above; what it was given is returned beside the result."""
    (tmp_path / "a_job.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[Any] = []
    app = typer.Typer(rich_markup_mode="markdown")

    @app.command()
    @options_of("a_job.work", GROUPS, trailing="marks")
    def work(entry: Annotated[str, typer.Argument()], **given: Any) -> None:
        seen.append((entry, given))

    def run(*arguments):
        result = CliRunner().invoke(app, [str(one) for one in arguments], terminal_width=100)
        return result, seen.pop() if seen else None

    yield run
    parameters_of.cache_clear()
    assert "a_job" not in sys.modules  # Its names do not exist; only its source was read.


def test_the_function_gets_what_it_takes(command):
    _, seen = command("tf", "--width-bp", 5, "--hold-out", "chr1, chr2", "--marks", "A=a.bw", "B=b.bw", "--no-crop")
    marks = {"A": Path("a.bw"), "B": Path("b.bw")}
    assert seen == ("tf", {"width_bp": 5, "hold_out": ["chr1", "chr2"], "marks": marks, "crop": False, "rate": 0.5})
    _, seen = command("tf", "--width-bp", 5, "--reads", "a.bam", "--reads", "b.bam", "--known", "k.bed")
    assert seen[1]["reads"] == [Path("a.bam"), Path("b.bam")]
    assert seen[1]["known"] == Path("k.bed")
    _, seen = command("tf", "--width-bp", 5, "--known", "A=k.bed", "--chrom-sizes", "hg38")
    assert seen[1]["known"] == {"A": Path("k.bed")}
    assert seen[1]["chrom_sizes"] == "hg38"
    _, seen = command("tf", "--width-bp", 5, "--keep", "2", "--mask", "a.bed")
    assert (seen[1]["keep"], seen[1]["mask"]) == (2, Path("a.bed"))
    assert command("tf", "--width-bp", 5, "--keep", "auto")[1][1]["keep"] == "auto"


def test_an_option_without_a_default_is_required_and_a_wrong_one_is_refused(command):
    assert command("tf")[0].exit_code == 2
    assert command("tf", "--width-bp", "wide")[0].exit_code == 2
    assert isinstance(command("tf", "--width-bp", 5, "--marks", "a.bw")[0].exception, InputError)
    twice = command("tf", "--width-bp", 5, "--mask", "a.bed", "--mask", "b.bed")[0].exception
    assert str(twice) == "--mask: a.bed, b.bed given, expected one file"


def test_the_docstring_is_the_help_in_panels(command):
    text = command("--help")[0].output
    assert "With --hold-out, a width in bp." in text
    assert "[default: 0.5]" in text
    assert "--progress" not in text
    assert text.index("--width-bp") < text.index("Marks") < text.index("--reads") < text.index("Rule")


def test_no_parameter_is_forgotten(command):
    with pytest.raises(LookupError, match="width_bp"):
        options_of("a_job.work", {"": "entry", **dict([*GROUPS.items()][1:])})(lambda: None)
    with pytest.raises(LookupError, match="rate"):
        options_of("a_job.other", {"": "rate"})(lambda: None)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_read_from_the_source_is_the_function(function):
    module, name = function.split(".")
    parameters = inspect.signature(getattr(importlib.import_module(f"epizoo.jobs.{module}"), name)).parameters
    read = parameters_of(f"epizoo.jobs.{function}")
    assert {name: one.default for name, one in read.items()} == {name: one.default for name, one in parameters.items()}


def test_one_name_has_one_file():
    with pytest.raises(InputError, match=r"--marks: A is given twice, a\.bw and b\.bw"):
        named_files(["A=a.bw", "A=b.bw"], "--marks")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--a x=1 y=2 --b x=3 y=4", "--a x=1 --a y=2 --b x=3 --b y=4"),
        ("--a=x=1 y=2 z=3", "--a=x=1 --a y=2 --a z=3"),
        ("--a table.tsv x=1 file -o x=1 y=2", "--a table.tsv --a x=1 file -o x=1 y=2"),
        ("file=1 --a x=1 -- y=2", "file=1 --a x=1 -- y=2"),
        ("--a x=1 file y=2", "--a x=1 file y=2"),
    ],
)
def test_what_follows_an_option_by_name_is_its_own(given, expected):
    assert spread(given.split(), {"--a", "--b"}) == expected.split()


def test_groups_by_name_may_follow_one_option_in_any_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("t1", "t2", "c1", "c2"):
        Path(f"{name}.bed").write_text("chr1\t100\t200\n" if name[0] == "t" else "chr1\t500\t700\n")
    peaks = ["--peaks", *(f"{name}={name}.bed" for name in ("t1", "t2", "c1", "c2"))]
    groups = ["--groups", "t1=treated", "t2=treated", "c1=control", "c2=control"]
    made = []
    for options in ([*peaks, *groups], [*groups, *peaks], [*groups, "--min-support", "2", *peaks]):
        done = CliRunner().invoke(epizoo_app, ["consensus", *options, "-o", "consensus.bed"])
        assert done.exit_code == 0, done.output
        made.append(Path("consensus.bed").read_text())
    assert [line.split("\t")[1] for line in made[0].splitlines()] == ["100", "500"]
    assert made == made[:1] * 3


def single_valued():
    commands = typer.main.get_command(epizoo_app).commands
    for name, command in commands.items():
        for option in command.params:
            if option.param_type_name == "option" and not (option.multiple or option.is_flag or option.count):
                yield pytest.param(name, option.opts[0], id=f"{name} {option.opts[0]}")


@pytest.mark.parametrize(("name", "option"), list(single_valued()))
def test_an_option_of_one_value_is_refused_when_it_is_given_twice(name, option):
    # Which files there are, and what else is missing, is found later.
    result = CliRunner().invoke(epizoo_app, [name, option, "1", option, "2"])
    assert result.exit_code == 2
    assert option in result.stderr
    assert "given more than once" in result.stderr
