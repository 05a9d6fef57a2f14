"""What a call says of the settings that decided it."""

import pytest

from epizoo.calling.called_peaks import CallingDecisions
from epizoo.calling.peak_rule import PeakCallingConfig


@pytest.mark.parametrize(("weight", "by"), [(0.0, "background."), (0.85, "background and peaks (weight 0.85).")])
def test_what_set_the_scale_is_said(weight, by):
    decided = CallingDecisions(
        caller="peak_caller/x 1.0.0",
        bin_bp=50,
        rule=PeakCallingConfig(),
        reads_from="steps",
        signal_kind="coverage",
        background=2.0,
        scale=3.0,
        peak_weight=weight,
    )
    assert f"scale 3, set by {by}" in " ".join(decided.summary().split())
