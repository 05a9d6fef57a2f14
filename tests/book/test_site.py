"""The site builds without a warning; the chapters are executed by test_chapters.py, so not again here."""

import importlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer
from page_skips import skip

from epizoo.cli.all_commands import app

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    # Without a kernel nobody says in which language the cells are.
    not_executed = ["-D", "nb_execution_mode=off", "-D", "suppress_warnings=myst-nb.lexer"]
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", *not_executed]
    done = subprocess.run(
        [*command, "-d", folder / "doctrees", ".", folder / "html"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_the_site_has_every_chapter_and_every_card(site):
    pages = [*ROOT.glob("tutorials/*/*.md"), *ROOT.glob("model_zoo/*/*/README.md"), *ROOT.glob("docs/*.md")]
    assert [page for page in pages if not (site / page.relative_to(ROOT)).with_suffix(".html").is_file()] == []


def test_the_site_has_the_page_that_calls_peaks(site):
    built = ROOT / "web" / "dist"
    if not (built / "index.html").is_file():
        skip("the page is not built; `make web` builds it (needs Node)")
    names = {path.relative_to(built) for path in built.rglob("*") if path.is_file()}
    assert {path.relative_to(site / "browser") for path in (site / "browser").rglob("*") if path.is_file()} == names


class _Links(HTMLParser):
    """The targets of the links of a page, and the names to which others can lead."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.fetched: list[str] = []
        self.names: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.names |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.targets.append(found["href"])
        if tag == "link" and set(found["rel"].split()) & {"stylesheet", "icon", "preload"}:
            self.fetched.append(found["href"])
        if found.get("src"):
            self.fetched.append(found["src"])


def test_links_within_the_site_lead_somewhere(site):
    pages = {page: _Links(page) for page in site.rglob("*.html")}
    broken = set()
    for page, links in pages.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            other = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            name = unquote(parts.fragment)
            if not other.exists() or (name and other in pages and name not in pages[other].names):
                broken.add(f"{page.relative_to(site)}: {target}")
    assert broken == set()


def test_pages_fetch_nothing_from_elsewhere(site):
    fetched = {page: _Links(page).fetched for page in site.rglob("*.html")}
    assert {target for targets in fetched.values() for target in targets if urlsplit(target).netloc} == set()
    assert any("site.css" in target for target in fetched[site / "README.html"])


def test_formulas_are_drawn_without_a_script(site):
    page = (site / "tutorials" / "interpretability" / "04_hmm_parameters.html").read_text(encoding="utf-8")
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in page
    assert r"\log" not in page


def test_the_search_finds_what_users_look_for(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for word in ("narrowpeak", "chromhmm", "bigwig", "macs3", "enform"):
        assert f'"{word}"' in index or f"{word}:" in index, word


def test_every_command_and_option_is_in_the_reference(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    page = importlib.import_module("generated_pages").commands()
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        section = re.split(r"^## ", page, flags=re.MULTILINE)[list(group.list_commands(None)).index(name) + 1]
        assert section.startswith(f"{name}\n")
        for param in command.params:
            if param.param_type_name == "option" and getattr(param, "rich_help_panel", None) != "Reporting":
                assert param.opts[0] in section, f"{name} {param.opts[0]}"
