"""An entry whose control is optional runs without one, as with an empty track, and others refuse to."""

import numpy as np
import pyBigWig
import pytest
import yaml
from random_entries import peak_caller_run, write_bigwig, write_intervals
from safetensors.numpy import save_file

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.errors import InputError
from epizoo.models.parameters import flatten_parameters
from epizoo.zoo.build import write_entry


def build(tmp_path, optional, **transform):
    from flax import nnx

    from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

    run = peak_caller_run(tmp_path / "run")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["model"] |= {"n_tracks": 2, "optional_control": optional}
    config["transform"] = transform
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    model = PeakCaller(PeakCallerConfig.from_dict(config["model"]), rngs=nnx.Rngs(0))
    save_file(flatten_parameters(model), run / "weights.safetensors")
    bigwig = write_bigwig(tmp_path / "signal.bw")
    example = {"intervals_file": write_intervals(tmp_path / "regions.bed"), "bigwig_file": bigwig}
    example["control_file"] = write_bigwig(tmp_path / "control.bw", seed=1)
    return write_entry(run, "peak_caller/two", example, zoo_folder=tmp_path / "zoo"), bigwig


def test_peaks_without_a_control_are_those_of_an_empty_track(tmp_path):
    entry, bigwig = build(tmp_path, optional=True)
    windows = entry.windows(intervals_file=tmp_path / "regions.bed", bigwig_file=bigwig)
    coverage = windows[0]["inputs"]["coverage"]
    assert coverage.shape[1] == 2
    assert not coverage[:, 1].any()
    assert entry.call_peaks(bigwig).columns[0] == "chrom"
    with_control = entry.windows(
        intervals_file=tmp_path / "regions.bed", bigwig_file=bigwig, control_file=tmp_path / "control.bw"
    )
    assert with_control[0]["inputs"]["coverage"][:, 1].any()
    np.testing.assert_array_equal(with_control[0]["inputs"]["coverage"][:, 0], coverage[:, 0])


def test_a_control_that_is_not_optional_is_asked_for(tmp_path):
    entry, bigwig = build(tmp_path, optional=False)
    with pytest.raises(InputError, match="control"):
        entry.call_peaks(bigwig)


def write_steps(path, *steps):
    """A bigWig of one chromosome with these (end, value)."""
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader([("chr1", steps[-1][0])])
        starts = [0, *(end for end, _ in steps[:-1])]
        bigwig.addEntries(["chr1"] * len(steps), starts, ends=[end for end, _ in steps], values=[v for _, v in steps])
    return path


def test_the_fold_of_a_control_is_over_its_own_background_whatever_the_scale_of_either(tmp_path):
    entry, _ = build(tmp_path, optional=True, peak_weight=1.0)
    # At 20 kb the treatment is 8 and the control 6 backgrounds; the control's scale is that of peaks of 200.
    treatment = write_steps(tmp_path / "chip.bw", (20_000, 2.0), (22_000, 16.0), (60_000, 2.0))
    steps = ((20_000, 1.0), (22_000, 6.0), (40_000, 1.0), (50_000, 200.0), (60_000, 1.0))
    control = write_steps(tmp_path / "input.bw", *steps)
    peaks = entry.call_peaks(treatment, control=control, config=PeakCallingConfig(1e-6, 1e-6), signal_kind="coverage")
    assert peaks["signalValue"].to_numpy() == pytest.approx([8 / 6], rel=1e-3)
