"""What the documentation says can be typed: commands and their options exist, links lead somewhere, README's run."""

import argparse
import ast
import importlib
import importlib.util
import itertools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from epizoo.cli.all_commands import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FAQ = ROOT / "docs" / "faq.md"
PAGES = [
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "DATA_LICENSES.md", "benchmarks/README.md")),
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts),
    *sorted((ROOT / "tutorials").rglob("*.md")),
    *sorted((ROOT / "model_zoo").glob("*/*/README.md")),
]


def _docstrings() -> list[tuple[str, str]]:
    """The place and the text of every docstring of a module, class or function of the package."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    return [
        (f"{path.relative_to(ROOT)}: {getattr(node, 'name', 'module')}", ast.get_docstring(node) or "")
        for folder in ("src", "conversion", "plugins")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, kinds)
    ]


def test_docstrings_begin_with_a_phrase_that_stands_alone():
    clauses = re.compile(r"(What|Whether|How|Where|Which|When|Who|Why)\b")
    assert [place for place, text in _docstrings() if clauses.match(text)] == []


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code blocks of a language, as they are written."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> tuple[list[list[str]], list[list[str]]]:
    """The commands of the shell blocks of a page, and those that its sentences name, as words."""
    text = page.read_text(encoding="utf-8")
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    spans = re.findall(r"`((?:epizoo|python -m) [^`]+)`", text.replace("\n", " "))
    return _words(lines), _words(spans)


def _words(lines: list[str]) -> list[list[str]]:
    parts = [part for line in lines for part in line.split(" && ")]
    return [words for words in (shlex.split(part, comments=True) for part in parts) if words]


def parsed(words: list[str]) -> tuple[typer.core.TyperCommand, dict[str, object], list[str]]:
    """A command of epizoo, the options and arguments that its own parser finds, and what it does not know."""
    group = typer.main.get_command(app)
    assert words[0] in group.commands, f"epizoo has no command {words[0]}"
    command = group.commands[words[0]]
    context = command.context_class(command, info_name=words[0])
    values, extra, _ = command.make_parser(context).parse_args(args=list(words[1:]))
    return command, values, extra


def problem(words: list[str], is_typed: bool) -> str | None:
    """What is wrong with a command of epizoo; of one that a sentence names, only its options are looked at."""
    try:
        command, values, extra = parsed(words if is_typed else words[:1])
    except Exception as error:
        return str(error)
    if not is_typed:
        known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
        return ", ".join(word for word in words if word.startswith("-") and word not in known) or None
    missing = [param.name for param in command.params if param.required and not values.get(param.name or "")]
    if extra:
        return f"not understood: {' '.join(extra)}"
    return f"missing: {', '.join(map(str, missing))}" if missing else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist_and_know_their_options(page):
    typed, named = commands(page)
    found = {}
    for words in [*typed, *named]:
        # Options before the command are the application's own, and an ellipsis leaves words out.
        if words[0] == "epizoo" and len(words) > 1 and not words[1].startswith("-") and "…" not in words:
            found[" ".join(words)] = problem(words[1:], words in typed)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_wrong_commands_are_noticed():
    assert parsed(["call-peaks", "peak_caller/h3k4me3", "--bigwig", "x.bw", "-o", "x.narrowPeak", "surplus"])[2]
    with pytest.raises(Exception, match="--bigwigs"):
        parsed(["call-peaks", "peak_caller/h3k4me3", "--bigwigs", "x.bw"])
    with pytest.raises(AssertionError, match="call-peeks"):
        parsed(["call-peeks"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_and_links_exist(page):
    for words in itertools.chain(*commands(page)):
        if words[:2] == ["python", "-m"] and words[2].split(".")[0] in {"epizoo", "benchmarks"}:
            inside = words[2].split(".")
            at_root = inside[0] == "benchmarks"
            found = (ROOT.joinpath(*inside).with_suffix(".py")).is_file() if at_root else _exists(words[2])
            assert found, f"python -m {words[2]}: no such module"
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
        assert "://" in link or (page.parent / link).exists(), f"{link}: no such file"


class _UnderstoodError(Exception):
    """The parser of a program has understood its command."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_programs_know_their_options(page, monkeypatch):
    # Retraining takes hours, and benchmarks need large data: what can be told here is that the command is understood.
    understand = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser, *given):
        understand(parser, *given)
        raise _UnderstoodError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    monkeypatch.syspath_prepend(ROOT)
    for words in itertools.chain(*commands(page)):
        program = words[2] if words[:2] == ["python", "-m"] else ""
        # Those beside DiffBio run in its own environment.
        has_parser = re.match(r"(benchmarks|epizoo\.bench|epizoo\.recipes)\.", program) and ".diffbio." not in program
        if has_parser and len(words) > 3 and "…" not in words:
            monkeypatch.setattr(sys, "argv", words[2:])
            with pytest.raises(_UnderstoodError):
                importlib.import_module(program).main()


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _run(script: str, folder: Path) -> None:
    """Run the commands of a page one after the other in a folder, which is also the home."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "HOME": str(folder)}
    done = subprocess.run(["bash", "-e"], input=script, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_answers_run_as_typed(tmp_path):
    assert len(re.findall(r"^### .*\?$", FAQ.read_text(encoding="utf-8"), re.MULTILINE)) >= 10
    _run("".join(blocks(FAQ, "sh")), tmp_path)
    for name in ("strict.narrowPeak", "domains.broadPeak", "same.bed", "fewer.bed", "predictions.h5", "model.ckpt"):
        assert (tmp_path / name).stat().st_size > 0


def test_the_readme_runs_as_typed(tmp_path):
    # Its commands one after the other in an empty folder, then its Python.
    script = "".join(block for block in blocks(README, "sh") if "make demo" not in block)
    script = re.sub(r"^(python3 -m venv|pip install).*\n", "", script, flags=re.MULTILINE)
    assert script.count("\nepizoo ") + script.startswith("epizoo ") >= 6
    _run(script, tmp_path)
    for name in ("peaks.narrowPeak", "probabilities.bw", "region.png", "states.bed", "emissions.png"):
        assert (tmp_path / name).stat().st_size > 0
    (program,) = blocks(README, "python")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_that_the_code_names_exist():
    missing: set[str] = set()
    for folder in ("src", "conversion", "plugins", "benchmarks", "tutorials"):
        for path in (ROOT / folder).rglob("*.py"):
            named = re.findall(r"\b((?:benchmarks|docs)/[\w/]+\.(?:py|md|txt))\b", path.read_text(encoding="utf-8"))
            missing |= {f"{path.relative_to(ROOT)}: {name}" for name in named if not (ROOT / name).exists()}
    assert missing == set()
