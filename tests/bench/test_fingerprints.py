"""Figures are keyed to what decides them: no committed figure is of other weights or settings than the entry's."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest
from PIL import Image

import epizoo
from epizoo.bench.control_p_values import width_bp
from epizoo.bench.fingerprints import fingerprint, is_stale
from epizoo.zoo.card import P_VALUES_FILE
from epizoo.zoo.entry import PeakCallerEntry

PEAKS = Path(__file__).parents[2] / "benchmarks" / "peaks"
RESULTS, P_VALUES = PEAKS / "bench.json", PEAKS / "control_p_values.json"
MOST_PICTURE_BYTES = 40_000
PEAK_CALLERS = [name for name in epizoo.list_entries() if isinstance(epizoo.load(name), PeakCallerEntry)]


def recorded(results):
    """By caller and assay, the fingerprints in the committed results, if there are any yet."""
    if not results.exists():
        return {}
    callers = json.loads(results.read_text(encoding="utf-8"))["callers"]
    return {
        (caller, assay): entry
        for caller, about in callers.items()
        if about["kind"] == "entries"
        for assay, entry in about["entries"].items()
    }


@pytest.mark.parametrize(
    ("results", "name"),
    [*((RESULTS, name) for name in epizoo.list_entries()), *((P_VALUES, name) for name in PEAK_CALLERS)],
    ids=lambda value: getattr(value, "name", value),
)
def test_committed_figures_are_of_the_entry_as_it_is(results, name):
    found = recorded(results)
    own = [entry for entry in found.values() if entry["name"] == name]
    assert own or not found, f"{results}: has no figures of {name}; run the benchmark again"
    for entry in own:
        assert not is_stale(entry, epizoo.load(name)), f"{results}: figures of {name} are stale; run it again"


@pytest.mark.parametrize("name", PEAK_CALLERS)
def test_pictures_of_p_values_are_of_the_entry_as_it_is(name):
    entry = epizoo.load(name)
    path = entry.folder / P_VALUES_FILE
    with Image.open(path) as picture:
        assert not is_stale(picture.text, entry), f"{path}: is stale; run epizoo.bench.control_p_values again"
    assert path.stat().st_size < MOST_PICTURE_BYTES
    card = (entry.folder / "README.md").read_text(encoding="utf-8")
    evaluation = card.split("## Evaluation")[1].split("## Limitations")[0]
    caption = entry.zoo.card.p_values_caption
    assert f"places of {width_bp(entry):,} bp" in caption
    assert f"![{caption}]({P_VALUES_FILE})\n\n_{caption}_" in evaluation


def test_weights_and_every_setting_make_figures_stale():
    entry = epizoo.load("peak_caller/universal")
    before = fingerprint(entry)
    assert not is_stale(before, entry)
    assert is_stale(before | {"sha256": "0" * 64}, entry)
    assert is_stale({"name": entry.name}, entry)
    for part, change in (("calling", {"merge_gap_bp": 201}), ("transform", {"peak_weight": 0.5})):
        other = copy.copy(entry)
        changed = dataclasses.replace(getattr(entry.config, part), **change)
        other.config = entry.config.model_copy(update={part: changed})
        assert is_stale(before, other), part
    renamed = copy.copy(entry)
    renamed.version = "9.9.9"
    assert not is_stale(before, renamed)
