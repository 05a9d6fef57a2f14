"""Figures are keyed to what decides them: no committed figure is of other weights or settings than the entry's."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest

import epizoo
from epizoo.bench.fingerprints import fingerprint, is_stale

RESULTS = Path(__file__).parents[2] / "benchmarks" / "peaks" / "bench.json"


def recorded():
    """By caller and assay, the fingerprints in the committed results, if there are any yet."""
    if not RESULTS.exists():
        return {}
    callers = json.loads(RESULTS.read_text(encoding="utf-8"))["callers"]
    return {
        (caller, assay): entry
        for caller, about in callers.items()
        if about["kind"] == "entries"
        for assay, entry in about["entries"].items()
    }


@pytest.mark.parametrize("name", epizoo.list_entries())
def test_committed_figures_are_of_the_entry_as_it_is(name):
    found = recorded()
    own = [entry for entry in found.values() if entry["name"] == name]
    assert own or not found, f"{RESULTS}: has no figures of {name}; run the benchmark again"
    for entry in own:
        assert not is_stale(entry, epizoo.load(name)), f"{RESULTS}: figures of {name} are stale; run it again"


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
