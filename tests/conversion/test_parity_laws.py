"""The proof of a conversion against conversions that are wrong by known amounts."""

import numpy as np
import pytest

from epizoo.conversion.parity import check_parity
from epizoo.zoo.jax_engine import build_predictor

LARGEST_ALLOWED = 3e-5
NAMES = ["peak_caller/denoising", "chromatin_states/random"]


@pytest.mark.parametrize("name", NAMES)
def test_every_output_that_is_off_by_a_little_fails_and_no_other(zoo, name):
    entry = zoo[name]
    run = build_predictor(entry.family, entry.config["model"], entry.weights(), 0).run
    names = entry.output_names + entry.layer_names
    known: dict[bytes, dict[str, np.ndarray]] = {}

    def outputs(inputs):
        if inputs.tobytes() not in known:
            known[inputs.tobytes()] = run(inputs, names)
        return known[inputs.tobytes()]

    def off_by(output, error):
        def wrong(inputs):
            found = dict(outputs(inputs))
            found[output] = (found[output] + error).astype(found[output].dtype)
            return found

        return check_parity(entry, wrong, "test", layers=True, crop=False)

    assert check_parity(entry, outputs, "test", layers=True, crop=False).passed
    for output in names:
        if output == "viterbi_path":
            continue
        report = off_by(output, LARGEST_ALLOWED)
        failed = {check.output for check in report.checks if not check.passed and check.case == "zeros"}
        assert failed == {output}
