"""Workflows name commands and options that there are, and the Snakemake rules do what the commands do."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from test_documentation import parsed

ROOT = Path(__file__).parents[2]
SNAKEFILE = ROOT / "workflows/snakemake/Snakefile"
MODULE = ROOT / "workflows/nextflow/modules/local/epizoo/callpeaks"


def commands(text):
    """The commands of epizoo in shell lines, with a word in place of what is filled in."""
    text = re.sub(r'"\s*\n\s*f?"', "", text).replace("\\\\\n", " ")
    text = re.sub(r"\{\{[\w.]+(:q)?\}\}|\$?\{[\w.:]+\}", "WORD=WORD", text)
    return [shlex.split(found) for found in re.findall(r"epizoo ((?:call|consensus|count|diff)[^\n\"]*)", text)]


@pytest.mark.parametrize("path", [SNAKEFILE, MODULE / "main.nf"], ids=lambda path: path.name)
def test_commands_of_workflows_exist_and_know_their_options(path):
    found = commands(path.read_text())
    assert len(found) >= 1
    for words in found:
        _, _, extra = parsed(words)
        assert not [word for word in extra if word.startswith("-")], words


def test_the_module_describes_what_it_takes_and_gives():
    text, described = (MODULE / "main.nf").read_text(), yaml.safe_load((MODULE / "meta.yml").read_text())
    outputs = re.findall(r"emit: (\w+)", text)
    assert outputs == [name for output in described["output"] for name in output]
    inputs = re.findall(r"(?:val|path)[ (]+\(?(\w+)\)?", text.partition("output:")[0].partition("input:")[2])
    assert inputs == [name for group in described["input"] for part in group for name in part]
