"""Workflows name commands, options and settings that there are, and the module's script runs in bash."""

import ast
import os
import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from read_writers import random_reads, write_bam
from test_documentation import parsed

import epizoo
from epizoo.studies.study_file import ENTRIES, Sample, Study

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


def schema(name):
    return yaml.safe_load((SNAKEFILE.parent / f"schemas/{name}.schema.yaml").read_text())["properties"]


def test_the_rules_take_the_tables_and_settings_of_a_study():
    literal = re.search(r"ENTRIES = (\{.*?\n\})", SNAKEFILE.read_text(), re.DOTALL)[1]
    assert ast.literal_eval(literal) == ENTRIES
    assert schema("samples").keys() == {field.name for field in fields(Sample)}
    assert schema("samples")["assay"]["enum"] == list(ENTRIES)
    # A report, and with it an email, is made by `epizoo run` alone.
    assert schema("config").keys() - {"output", "container"} == {field.name for field in fields(Study)} - {"email"}


def script(text, **values):
    """The script of the module as Nextflow fills it in, whose Groovy is what `values` say."""
    body = textwrap.dedent(text.partition('"""\n')[2].partition('"""')[0])
    filled = re.sub(r"(?<!\\)\$\{([\w.]+)\}", lambda match: values[match[1]], body)
    return filled.replace("\\\\", "\\").replace("\\$", "$")


def test_the_script_of_the_module_makes_what_it_states(tmp_path):
    write_bam(tmp_path / "a.bam", random_reads(0, 400))
    text = (MODULE / "main.nf").read_text()
    values = {"entry": "peak_caller/universal", "inputs": "--reads a.bam", "against": "", "sizes": "", "args": ""}
    words = script(text.partition("script:")[2], **values, prefix="s1", **{"task.process": "CALL"})
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-ue", "-c", words], cwd=tmp_path, env=os.environ | {"PATH": path}, check=True)
    for pattern in re.findall(r'path\(?\s*"([^"]+)"', text):
        assert len(list(tmp_path.glob(pattern))) == 1, pattern
    assert yaml.safe_load((tmp_path / "versions.yml").read_text()) == {"CALL": {"epizoo": epizoo.__version__}}
