"""Every chapter of the book runs in its own folder, holds its numbers, and has the parts that a reader counts on."""

import os
import re
import sysconfig
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

BOOK = Path(__file__).parents[2] / "tutorials"
CHAPTERS = sorted(BOOK.glob("*/[0-9][0-9]_*.md"))
PARTS_OF_A_CHAPTER = {
    "its aim": r"What you will be able to do",
    "its time": r"\*\*Time",
    "its data": r"\*\*Data",
    "what can go wrong": r"What can go wrong",
    "exercises": r"^#+ Exercises",
    "folded answers": r"\{dropdown\}",
    "further reading": r"^#+ Further reading",
    "DOIs": r"https://doi\.org/10\.",
}


HIDING = {"remove-cell", "remove-output", "remove-stderr"}


def name(chapter: Path) -> str:
    return str(chapter.relative_to(BOOK))


@pytest.fixture
def chapters_environment(monkeypatch):
    """What a reader has: the environment's commands, and neither large data nor a network account."""
    monkeypatch.setenv("PATH", f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("EPIZOO_DATA", raising=False)


def streams(notebook: nbformat.NotebookNode, stream: str) -> str:
    """All that the cells print to stdout or stderr on the page."""
    shown = [cell for cell in notebook.cells if not HIDING & set(cell.metadata.get("tags", []))]
    outputs = [output for cell in shown for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output.get("name") == stream)


def files_of_the_book():
    """All but what Python compiles its modules to."""
    return {path for path in BOOK.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=name)
def test_a_chapter_runs_and_its_numbers_hold(chapter, chapters_environment):
    before = files_of_the_book()
    notebook = jupytext.read(chapter, fmt="md:myst")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(chapter.parent)}}).execute()
    # `epizoo.book.check` prints a line for each number that it has held to the text.
    assert streams(notebook, "stdout").count("(stated: ") >= 3
    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert pictures, "no figure"
    assert "Warning" not in streams(notebook, "stderr")
    assert files_of_the_book() == before, "a chapter writes to a temporary folder"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=name)
def test_a_chapter_has_its_parts(chapter):
    text = chapter.read_text(encoding="utf-8")
    missing = [part for part, pattern in PARTS_OF_A_CHAPTER.items() if not re.search(pattern, text, re.MULTILINE)]
    assert missing == []
    assert re.search(r"^file_format: mystnb$", text, re.MULTILINE)
    assert re.search(r"^\s*name: python3$", text, re.MULTILINE)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=name)
def test_a_failing_command_stops_a_chapter(chapter):
    # IPython goes on after `!command` has failed; a cell that begins with `%%bash -e` does not.
    for cell in jupytext.read(chapter, fmt="md:myst").cells:
        if cell.cell_type == "code" and "skip-execution" not in cell.metadata.get("tags", []):
            assert not re.search(r"^\s*!|=\s*!", cell.source, re.MULTILINE), cell.source
            assert not re.search(r"^%%bash(?! -e)", cell.source), cell.source


def test_chapters_stand_in_the_contents_of_their_part():
    for chapter in CHAPTERS:
        contents = (chapter.parent / "index.md").read_text(encoding="utf-8")
        assert re.search(rf"^{chapter.stem}$", contents, re.MULTILINE), name(chapter)


def test_the_data_stay_small():
    assert sum(path.stat().st_size for path in (BOOK / "data").rglob("*") if path.is_file()) < 3_000_000
