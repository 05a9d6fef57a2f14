"""Crops for training: whatever is done to them, their labels stay true of the signal that they hold."""

import numpy as np
import pandas as pd
import pytest
from made_stretches import BIN_BP, SETTINGS, make_stretch

from epizoo.metrics.label_errors import ANNOTATIONS
from epizoo.peaks.labelled_stretches import random_crops, read_stretches


def holds(annotation, is_peak):
    step = np.diff(is_peak.astype(int))
    return {
        "noPeaks": not is_peak.any(),
        "peaks": is_peak.any(),
        "peakStart": (step == 1).sum() == 1,
        "peakEnd": (step == -1).sum() == 1,
    }[annotation]


def test_labels_stay_true_of_cropped_thinned_and_reflected_signal():
    random = np.random.default_rng(0)
    seen = set()
    for _ in range(30):
        coverage, labels = random_crops(random, [make_stretch()], 4, SETTINGS, BIN_BP)
        is_peak = np.sinh(coverage) > 10
        for i in np.flatnonzero(labels.weight):
            first, length = labels.start_bin[i], labels.inside[i].sum()
            annotation = ANNOTATIONS[labels.annotation[i]]
            assert SETTINGS.flank_bins <= first
            assert first + length <= SETTINGS.n_bins - SETTINGS.flank_bins
            assert holds(annotation, is_peak[labels.window[i], first : first + length])
            seen.add(annotation)
    assert seen == set(ANNOTATIONS)


def test_crops_are_transformed_and_zero_where_the_signal_is_unknown():
    settings = SETTINGS._replace(smallest_keep=1.0, scale_error_sd=0.0)
    coverage, _ = random_crops(np.random.default_rng(1), [make_stretch()], 64, settings, BIN_BP)
    expected = {0.0, np.float32(np.arcsinh(0.5)), np.float32(np.arcsinh(50.0))}
    assert {round(float(value), 4) for value in np.unique(coverage)} == {round(float(value), 4) for value in expected}


@pytest.mark.data
def test_no_label_of_another_cell_type_or_mark_is_read(data_dir):
    from epizoo.genome.coverage_transform import CoverageTransform

    stretches = read_stretches(data_dir, "H3K4me3", ("tcell", "monocyte"), CoverageTransform(), BIN_BP, 5_000)
    labels = pd.concat([stretch.labels for stretch in stretches])
    assert len(labels) == 347
    assert len(labels[["chrom", "start", "end"]].drop_duplicates()) == 37
    assert "chr2" not in set(labels["chrom"])
    assert set(labels["celltype"]) == {"tcell", "monocyte"}
    assert labels["share"].sum() == pytest.approx(37)
