"""The site builds without a warning; the chapters are executed by test_chapters.py, so not again here."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", "-D", "nb_execution_mode=off"]
    done = subprocess.run(
        [*command, "-d", folder / "doctrees", ".", folder / "html"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_the_site_has_every_chapter_and_every_card(site):
    pages = [*ROOT.glob("tutorials/*/*.md"), *ROOT.glob("model_zoo/*/*/README.md"), *ROOT.glob("docs/*.md")]
    assert [page for page in pages if not (site / page.relative_to(ROOT)).with_suffix(".html").is_file()] == []
