"""A labelled stretch whose peaks are known, for tests."""

import numpy as np
import pandas as pd

from epizoo.peaks.labelled_stretches import CropSettings, LabelledStretch
from epizoo.peaks.region_label_likelihood import label_bins

BIN_BP = 50
SETTINGS = CropSettings(n_bins=120, flank_bins=20, smallest_keep=0.9, scale_error_sd=0.05)


def make_stretch():
    """Peaks of height 100 at bins 100-130 and 140-150 on a background of 1, and labels that they satisfy."""
    signal = np.ones(300, np.float32)
    signal[100:130] = signal[140:150] = 100
    bounds = [
        ("noPeaks", 2000, 4800),
        ("peakStart", 4850, 5200),
        ("peakEnd", 6300, 6700),
        ("peaks", 7100, 7200),
        ("noPeaks", 7600, 9800),
    ]
    labels = pd.DataFrame(bounds, columns=["annotation", "start", "end"]).assign(chrom="chr1", share=1.0)
    bins = [label_bins(*row, BIN_BP) for row in bounds]
    return LabelledStretch("chr1", 0, 15_000, signal, 2.0, labels.assign(bins=pd.Series(bins, dtype=object)))
