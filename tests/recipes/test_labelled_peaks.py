"""Leaving a chromosome out leaves it out, and a run folder says what was measured."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from flax import nnx
from made_stretches import BIN_BP, SETTINGS, make_stretch

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig
from epizoo.peaks.labelled_calls import Prediction
from epizoo.peaks.network_fit import FitSettings
from epizoo.recipes import labelled_peaks as peak_caller_recipe
from epizoo.recipes.labelled_peaks import Recipe, read_all
from epizoo.recipes.labelled_peaks_metrics import CrossValidation, write_metrics
from epizoo.recipes.labelled_peaks_settings import ENTRIES, H3K4ME3, LabelledSet
from epizoo.simulation.coverage import SimulationConfig

SMALL = dataclasses.replace(
    H3K4ME3,
    labelled=(LabelledSet("H3K4me3", ("tcell",), "a test"),),
    model=PeakCallerConfig(bin_bp=BIN_BP, n_filters=4, kernel_sizes=(3,), dilations=(1,), summit_window_bins=5),
    crops=SETTINGS,
    simulations=(SimulationConfig(),),
    distillation=(),
    candidates=[PeakCallingConfig()],
    fine_tuning=FitSettings(n_steps=2, learning_rate=1e-3, label_weight=1.0),
    n_pool=10,
    n_simulated=2,
    n_real=2,
    n_fine_tunings=1,
)


def stretches_on(*chroms):
    stretch = make_stretch()
    keys = {"mark": "H3K4me3", "window": "w"}
    return [stretch._replace(chrom=chrom, labels=stretch.labels.assign(chrom=chrom, **keys)) for chrom in chroms]


def test_no_network_sees_the_chromosome_that_it_is_judged_on(monkeypatch):
    seen, judged = [], []
    predict = peak_caller_recipe.predict_stretches

    def note_judged(model, stretches):
        judged.append({stretch.chrom for stretch in stretches})
        return predict(model, stretches)

    def note_seen(recipe, pretrained, stretches):
        seen.append({stretch.chrom for stretch in stretches})
        return pretrained

    monkeypatch.setattr(peak_caller_recipe, "predict_stretches", note_judged)
    monkeypatch.setattr(Recipe, "fine_tune", note_seen)
    stretches = stretches_on("chr1", "chr2", "chr1", "chr9")
    model = PeakCaller(SMALL.model, rngs=nnx.Rngs(0))
    validation = Recipe(SMALL, 0).cross_validate(model, stretches, stretches)
    # Whole and thinned stretches of each chromosome, one after the other.
    assert judged == [{"chr1"}, {"chr1"}, {"chr2"}, {"chr2"}, {"chr9"}, {"chr9"}]
    assert [training.isdisjoint(left_out) for training, left_out in zip(seen, judged[::2], strict=True)] == [True] * 3
    assert len(validation.errors) == len(validation.thinned_errors) == 4 * len(make_stretch().labels)


def test_fine_tuning_starts_from_the_pretrained_network_and_changes_it():
    recipe = Recipe(SMALL, 0)
    start = PeakCaller(SMALL.model, rngs=nnx.Rngs(0))
    tuned = recipe.fine_tune(start, [make_stretch()])
    before, after = (np.asarray(model.output_conv.kernel[...]) for model in (start, tuned))
    assert 0 < np.abs(after - before).max() < 0.1


def test_metrics_count_the_labels_of_each_mark(tmp_path):
    stretches = stretches_on("chr1", "chr2")
    other = [stretch._replace(labels=stretch.labels.assign(mark="H3K36me3")) for stretch in stretches[:1]]
    labels = pd.concat([stretch.labels.drop(columns="bins") for stretch in stretches + other], ignore_index=True)
    errors = labels.assign(wrong=[True] + [False] * 9 + [True] * 2 + [False] * 3)
    thinned = labels.assign(wrong=[True] * 3 + [False] * 12)
    prediction = Prediction(0, np.full(300, 0.25), np.ones(300))
    validation = CrossValidation([prediction] * 3, errors, PeakCallingConfig(), thinned)
    macs3 = tmp_path / "macs3.json"
    wrong = [["w", "chr2", 2000, 4800, "noPeaks"]]
    macs3.write_text(
        json.dumps({"mark": "H3K4me3", "tool": "MACS3", "settings": {"-c 5": {"wrong_labels": wrong}}}),
        encoding="utf-8",
    )
    sets = (LabelledSet("H3K4me3", ("tcell",), "narrow"), LabelledSet("H3K36me3", ("tcell",), "broad"))
    write_metrics(tmp_path, validation, stretches + other, [macs3], sets, 0.1, "chr9")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    shares = {row["on"].split(";")[0]: row for row in metrics if row["name"] == "wrong labels, share of all labels"}
    assert shares["narrow"]["value"] == 0.1
    assert shares["narrow"]["compared_with"] == {"MACS3 -c 5": 0.1}
    assert shares["broad"]["value"] == 0.4
    assert "compared_with" not in shares["broad"]
    changes = [row["value"] for row in metrics if row["name"].endswith("thinned minus whole")]
    assert changes == [0.2, -0.4]
    brier = [row["value"] for row in metrics if row["name"] == "calibration, brier"]
    # Of the labels that decide, two say no peak and one says peak, each of a region of its own.
    assert brier == [pytest.approx((2 * 0.25**2 + 0.75**2) / 3, abs=1e-4)] * 2


@pytest.mark.data
def test_thinned_stretches_have_their_own_scale_and_the_same_labels(data_dir):
    settings = dataclasses.replace(ENTRIES["h3k36me3"], labelled=(LabelledSet("H3K36me3", ("monocyte",), "a test"),))
    whole, tenth = (read_all(data_dir, settings, keep) for keep in (1.0, 0.1))
    for left, right in zip(whole, tenth, strict=True):
        pd.testing.assert_frame_equal(left.labels.drop(columns="bins"), right.labels.drop(columns="bins"))
        assert right.signal.sum() == pytest.approx(0.1 * left.signal.sum(), rel=0.15)
        assert right.scale == pytest.approx(0.1 * left.scale, rel=0.5)
