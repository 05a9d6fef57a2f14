"""Cards: their headings, what stands at their top, and commands that run as they stand."""

import argparse
import dataclasses
import importlib
import re
import shlex
from pathlib import Path

import pytest
import random_entries
import yaml
from PIL import Image
from typer.testing import CliRunner

import epizoo
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.rule_text import rule_in_words
from epizoo.cli.all_commands import app
from epizoo.errors import EntryError
from epizoo.recipes.card_pictures import WEIGHTS_KEY
from epizoo.zoo import list_entries
from epizoo.zoo.build import write_entry
from epizoo.zoo.card import PICTURE_FILE, render_card
from epizoo.zoo.card_evaluation import read_evaluation
from epizoo.zoo.card_figures import MOST_HEADLINES, headline_figures
from epizoo.zoo.description import CardText, HeadlineMetric, Metric
from epizoo.zoo.entry import PeakCallerEntry

ENTRIES = list_entries()
HEADINGS = [
    "Description",
    "Intended use",
    "Out-of-scope use",
    "How to use",
    "Inputs and outputs",
    "Training data",
    "Evaluation",
    "Limitations",
    "Licence",
    "Citation",
    "How to reproduce",
]
MOST_PICTURE_BYTES = 60_000
SCORE_ERROR, MOST_SCORE_ERROR = "calibration of the score, expected calibration error", 0.05
DOCS = Path(__file__).parents[2] / "docs" / "peak_caller.md"
RUN_IN_PYTHON = {"peak_caller/tf", "chromatin_states/encode-10"}
"""One of each family: what they compute is what the command does."""


def card_of(name):
    return (epizoo.load(name).folder / "README.md").read_text(encoding="utf-8")


def blocks(card, language):
    """The fenced blocks of a language, without their fences."""
    return re.findall(rf"```{language}\n(.*?)```", card, re.DOTALL)


@pytest.fixture
def entry(random_zoo):
    """A peak caller that says nothing about its use, as entries of epizoo 0.1 do."""
    return epizoo.load(random_zoo.folder / "peak_caller/random")


def with_card(entry, metrics, **words):
    """The entry with these metrics and words of its card."""
    entry.zoo = entry.zoo.model_copy(update={"metrics": metrics, "card": CardText(**words)})
    return entry


@pytest.mark.parametrize("name", ENTRIES)
def test_cards_of_the_zoo_have_every_heading(name):
    assert re.findall(r"^## (.*)$", card_of(name), re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("name", ENTRIES)
def test_cards_begin_with_a_picture_and_few_figures(name):
    entry = epizoo.load(name)
    top = card_of(name).split("---\n", 2)[2].split("## Description")[0]
    assert top.strip().startswith(f"# {name}\n\n![")
    assert f"]({PICTURE_FILE})" in top
    rows = [line for line in top.splitlines() if line.startswith("| ")][2:]
    assert 1 <= len(rows) <= MOST_HEADLINES
    figures = headline_figures(entry, read_evaluation(entry))
    assert [row.split(" | ")[2:] for row in rows] == [[one.value, f"{one.other} |"] for one in figures]


@pytest.mark.parametrize("name", ENTRIES)
def test_pictures_were_made_with_the_weights_that_are_shipped(name):
    entry = epizoo.load(name)
    path = entry.folder / PICTURE_FILE
    with Image.open(path) as picture:
        assert picture.text[WEIGHTS_KEY] == entry.sha256
    assert path.stat().st_size < MOST_PICTURE_BYTES


@pytest.mark.parametrize("name", ENTRIES)
def test_every_metric_stands_in_the_card(name):
    text = card_of(name)
    for metric in epizoo.load(name).zoo.metrics:
        on = " ".join(metric.on.split())
        (row,) = {line for line in text.splitlines() if line.startswith(f"| {metric.name} | {on} |")}
        cells = {cell.strip(" |") for cell in row.split(" | ")[2:]}
        values = [metric.value, *metric.compared_with.values()]
        assert {f"{value:.4g}" if isinstance(value, float) else str(value) for value in values} <= cells


def test_a_headline_stands_beside_the_best_of_the_others(entry):
    on = "chr2; 95% bootstrap interval over loci 0.250 to 0.750, better in 90.0% of draws"
    compared = {"A": 0.3, "B": 0.2, "C": 0.4, "D": "1/2"}
    metrics = [Metric(name="error", value=0.5, on=on, compared_with=compared), Metric(name="F1", value=0.1, on="chr1")]
    metrics.append(Metric(name="F1", value=0.6, on="chr2", compared_with=compared))
    headline = [
        HeadlineMetric(metric="error", title="label error", better="lower"),
        HeadlineMetric(metric="F1", on="chr2", title="F1 of peaks", better="higher"),
        HeadlineMetric(metric="F1", on="chr1", title="F1 of peaks", better="higher"),
    ]
    assert headline_figures(with_card(entry, metrics, headline=headline), None) == [
        ("label error (lower is better)", "chr2, better in 90.0% of draws", "0.5 (0.250 to 0.750)", "0.2, B"),
        ("F1 of peaks (higher is better)", "chr2", "0.6", "0.4, C"),
        ("F1 of peaks (higher is better)", "chr1", "0.1", ""),
    ]


@pytest.mark.parametrize(("name", "on", "fit"), [("F2", "", 0), ("F1", "", 2), ("F1", "chr3", 0)])
def test_a_headline_that_is_no_metric_is_refused(entry, name, on, fit):
    metrics = [Metric(name="F1", value=0.6, on="chr1"), Metric(name="F1", value=0.6, on="chr2")]
    headline = [HeadlineMetric(metric=name, on=on, title="F1", better="higher")]
    with pytest.raises(EntryError, match=rf"model\.yaml: zoo\.card\.headline names '{name}'.* {fit} metrics fit"):
        render_card(with_card(entry, metrics, headline=headline))


def test_entries_without_words_for_their_card_are_rendered(entry):
    assert entry.zoo.card == CardText()
    headings = re.findall(r"^## (.*)$", render_card(entry), re.MULTILINE)
    without = {"Intended use", "Out-of-scope use", "Citation", "How to reproduce"}
    assert headings == [heading for heading in HEADINGS if heading not in without]


def test_many_figures_without_a_headline_are_shown_in_part(entry):
    metrics = [Metric(name=f"m{number}", value=number, on="chr1") for number in range(MOST_HEADLINES + 2)]
    card = render_card(with_card(entry, metrics))
    shown, folded = card.split("<details>\n<summary>2 more figures</summary>")
    assert [f"| m{number} | chr1 |" in shown for number in range(len(metrics))] == [True] * MOST_HEADLINES + [False] * 2
    assert all(f"| m{number} | chr1 |" in folded for number in (MOST_HEADLINES, MOST_HEADLINES + 1))


def test_words_of_a_run_reach_the_card(tmp_path, random_zoo):
    run = random_entries.peak_caller_run(tmp_path / "run")
    words = {"intended_use": ["Testing."], "out_of_scope": ["All else."], "headline": []}
    about = yaml.safe_load((run / "about.yaml").read_text()) | {"card": words}
    (run / "about.yaml").write_text(yaml.safe_dump(about))
    example = {"intervals_file": random_zoo.intervals, "bigwig_file": random_zoo.bigwig}
    built = write_entry(run, "peak_caller/new", example, zoo_folder=tmp_path / "zoo")
    card = (built.folder / "README.md").read_text()
    assert "## Intended use\n\n- Testing.\n\n## Out-of-scope use\n\n- All else.\n" in card


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "1000 times the highest output of the network in the peak. It ranks peaks and is not a probability"),
        ({"calibration": ((0.5, 0.2), (0.9, 0.8))}, "calibrated .* highest output of 0.5 scores 200"),
        ({"score_evidence": True}, "evidence, not a probability"),
        ({"score_evidence": True, "calibration": ((0.5, 0.2), (0.9, 0.8))}, "evidence, not a probability"),
        ({"most_q": 0.01}, "q-value of its reads at most 0.01"),
        ({"enter_probability": 0.6}, "probability 0.6 to enter and 0.5 to extend"),
    ],
)
def test_the_score_is_described_as_the_rule_makes_it(settings, said):
    assert re.search(said, "\n".join(rule_in_words(dataclasses.replace(PeakCallingConfig(), **settings))))


@pytest.mark.parametrize("name", [name for name in ENTRIES if name.startswith("peak_caller/")])
def test_a_score_is_called_a_probability_only_where_it_was_measured_to_be_one(name):
    entry = epizoo.load(name)
    (score,) = (line for line in card_of(name).splitlines() if line.startswith("- Score (column 5): "))
    is_called_one = "not a probability" not in score
    assert is_called_one == (isinstance(entry, PeakCallerEntry) and entry.config.calling.score_is_probability)
    errors = [one.value for one in entry.zoo.metrics if one.name == SCORE_ERROR]
    assert not is_called_one or (errors and max(errors) <= MOST_SCORE_ERROR)
    only = re.search(r"it is a probability for `(\w+)` alone", DOCS.read_text(encoding="utf-8"))
    assert is_called_one == (name == f"peak_caller/{only[1]}")


@pytest.mark.parametrize("name", ENTRIES)
def test_commands_and_python_of_cards_run_on_the_example(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = epizoo.load(name)
    use = card_of(name).split("## How to use")[1].split("## Inputs")[0]
    commands = [shlex.split(line, comments=True) for line in blocks(use, "sh")[0].splitlines() if line]
    copy, job, source, predict = commands
    for command in (copy, job):
        run = CliRunner().invoke(app, command[1:])
        assert run.exit_code == 0, run.output
    assert Path(job[job.index("-o") + 1]).stat().st_size > 0
    assert source == ["epizoo", "kipoi-source"]
    given = yaml.safe_load(next(word for word in predict if word.startswith("--dataloader_args=")).partition("=")[2])
    assert len(entry.windows(**given)) > 0
    if name in RUN_IN_PYTHON:
        variables = {}
        exec(blocks(use, "python")[0], variables)
        assert len(variables.get("peaks", variables.get("segments"))) > 0


class _ParsedError(Exception):
    pass


@pytest.mark.parametrize("name", ENTRIES)
def test_commands_that_made_the_weights_are_understood(name, monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parse_only(parser, args=None, namespace=None):
        raise _ParsedError(parse(parser, args, namespace).output)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    commands = blocks(card_of(name).split("## How to reproduce")[1], "sh")[0].strip().splitlines()
    assert commands
    for command in commands:
        python, flag, module, *arguments = shlex.split(command)
        assert (python, flag) == ("python", "-m")
        monkeypatch.setattr("sys.argv", [module, *arguments])
        with pytest.raises(_ParsedError, match=r"^runs/"):
            importlib.import_module(module).main()
