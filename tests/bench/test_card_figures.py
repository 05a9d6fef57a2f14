"""Figures of the benchmark in cards are those of the committed results."""

import json
from pathlib import Path

import pytest

import epizoo
from epizoo.bench.card_figures import MARK, benchmarked, mark_of
from epizoo.errors import InputError

WITHOUT_EXPERIMENTS = {"peak_caller/cutrun"}
"""The benchmark has no experiment of their assay; cards hold figures of programs in benchmarks/."""
WITHOUT_P_VALUES = {"peak_caller/lanceotron"}
PEAKS = Path(__file__).parents[2] / "benchmarks" / "peaks"


@pytest.mark.parametrize(
    ("results", "without"), [("bench.json", WITHOUT_EXPERIMENTS), ("control_p_values.json", WITHOUT_P_VALUES)]
)
@pytest.mark.parametrize("name", [name for name in epizoo.list_entries() if name.startswith("peak_caller/")])
def test_cards_show_what_was_measured(name, results, without):
    rows = [row.model_dump() for row in epizoo.load(name).zoo.metrics]
    measured = json.loads((PEAKS / results).read_text(encoding="utf-8"))
    found = benchmarked(rows, measured, name)
    shown = [row for row in rows if row["on"].endswith(mark_of(measured))]
    assert len(shown) > 5 or name in without
    for before, after in zip(rows, found, strict=True):
        assert before["value"] == after["value"], before["name"]
        assert before["compared_with"] == after["compared_with"], before["name"]


def test_a_row_that_was_not_measured_is_named():
    results = {"figures": [], "callers": {"MACS3": {"kind": "MACS3", "version": "3.0.4"}}}
    with pytest.raises(InputError, match="no F1 on moon"):
        benchmarked([{"name": "F1", "value": 1.0, "on": f"moon{MARK}"}], results, "mine")


def test_every_setting_of_macs3_that_was_measured_stands_beside():
    callers = {name: {"kind": "MACS3", "version": "3.0.4"} for name in ("MACS3", "MACS3 lenient")}
    figures = [("mine", 0.7), ("MACS3", 0.4), ("MACS3 lenient", 0.6), ("another entry", 0.9)]
    rows = [{"caller": name, "data": "moon", "metric": "F1", "value": value} for name, value in figures]
    card = [{"name": "F1", "value": 0.1, "on": f"moon{MARK}"}, {"name": "F1", "value": 0.2, "on": "elsewhere"}]
    found = benchmarked(card, {"callers": callers, "figures": rows}, "mine")
    assert found[0]["value"] == 0.7
    assert found[0]["compared_with"] == {"MACS3 3.0.4": 0.4, "MACS3 3.0.4, lenient": 0.6}
    assert found[1] == card[1]
