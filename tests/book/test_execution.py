"""Chapters are run once, into the cache from which Sphinx takes their outputs."""

import subprocess
import sys
from pathlib import Path

from jupyter_cache import get_cache
from myst_nb.core.read import read_myst_markdown_notebook

DOCS = Path(__file__).parents[2] / "docs"
CHAPTER = """---
file_format: mystnb
kernelspec:
  display_name: Python 3
  name: python3
---

# A chapter

```{code-cell} ipython3
import time
from pathlib import Path

with Path("runs").open("a") as runs:
    runs.write("run\\n")
print(6 * 7)
print("one ", end="", flush=True)
time.sleep(0.2)
print("line")
SECOND
```
"""


PROGRAM = """
import sys
from pathlib import Path
from jupyter_cache import get_cache
from execute_chapters import execute
sys.exit(len(execute([Path(name) for name in sys.argv[2:]], get_cache(sys.argv[1]), 60)))
"""


def execute(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run chapters; the exit code is the number of those that failed."""
    # In a process of its own, since clients of notebooks in threads leave sockets open until it ends.
    command = [sys.executable, "-c", PROGRAM, folder / "cache", *(folder / name for name in names)]
    return subprocess.run(command, cwd=DOCS, capture_output=True, text=True)


def test_a_chapter_runs_in_its_folder_until_its_cells_change(tmp_path):
    for second, runs in (("", 1), ("", 1), ("print('changed')", 2)):
        text = CHAPTER.replace("SECOND", second)
        (tmp_path / "01_chapter.md").write_text(text)
        assert execute(tmp_path, "01_chapter.md").returncode == 0
        assert (tmp_path / "runs").read_text() == runs * "run\n"
        # Sphinx looks it up by the cells that its own reader finds.
        read = read_myst_markdown_notebook(text, add_source_map=True)
        _, found = get_cache(str(tmp_path / "cache")).merge_match_into_notebook(read)
        # A line that is printed in pieces stays a line.
        assert found.cells[1].outputs[0]["text"].startswith("42\none line\n")


def test_a_chapter_that_fails_is_told_and_run_again(tmp_path):
    (tmp_path / "01_fails.md").write_text(CHAPTER.replace("SECOND", "assert False, 'not so'"))
    (tmp_path / "02_works.md").write_text(CHAPTER.replace("SECOND", ""))
    for runs in (2, 3):
        done = execute(tmp_path, "01_fails.md", "02_works.md")
        assert done.returncode == 1
        assert "not so" in done.stderr
        assert (tmp_path / "runs").read_text() == runs * "run\n"
