"""The proof of a conversion against outputs that are wrong by known amounts."""

import numpy as np
import pytest

from epizoo.conversion.parity import compare
from epizoo.zoo.jax_engine import jax_engine

OFF = 3e-5


@pytest.mark.parametrize("name", ["peak_caller/denoising", "chromatin_states/random"])
def test_every_output_that_is_off_by_a_little_fails_and_no_other(zoo, name):
    entry = zoo[name]
    names = tuple(output for output in entry.output_names + entry.layer_names if output != "viterbi_path")
    run = jax_engine(entry.config.model, entry.weights(), 0).run
    inputs = np.zeros((1, entry.window.input_bins, len(entry.channels)), np.float32)
    right = run(inputs, names)
    assert all(check.passed for check in compare(entry, "zeros", inputs, right, right))
    for output in names:
        wrong = right | {output: (right[output] + OFF).astype(right[output].dtype)}
        checks = compare(entry, "zeros", inputs, wrong, right)
        assert {check.output for check in checks if not check.passed} == {output}
