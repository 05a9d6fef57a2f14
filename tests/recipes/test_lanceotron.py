"""Published weights are read without being executed, and converted without being changed."""

import io
import pickle

import h5py
import numpy as np
import pytest

from epizoo.errors import InputError
from epizoo.recipes import lanceotron
from epizoo.recipes.lanceotron import NETWORK, SCALERS, converted, main, read_published, scaler_arrays


class Scaler:
    """As scikit-learn's: what is pickled is its attributes."""

    def __init__(self, n_values):
        self.n_samples_seen_ = np.int64(7)
        self.mean_ = np.arange(n_values) / 7
        self.var_ = np.full(n_values, 4.0)
        self.scale_ = 2.0 + np.arange(n_values)


class Trap:
    def __reduce__(self):
        return pytest.fail, ("executed",)


def test_a_scaler_is_read_and_nothing_is_executed():
    scaler = Scaler(12)
    scaler.trap = Trap()
    found = scaler_arrays(pickle.dumps(scaler, protocol=4))
    np.testing.assert_array_equal(found["mean_"], scaler.mean_)
    np.testing.assert_array_equal(found["scale_"], scaler.scale_)


def published(random):
    """Files in the published form, of random numbers and small layers."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for layer, normalization in lanceotron._LAYERS.values():
            file[f"{layer}/{layer}/kernel:0"] = random.normal(size=(3, 2, 4))
            file[f"{layer}/{layer}/bias:0"] = random.normal(size=4)
            for part in ("beta", "gamma", "moving_mean", "moving_variance") if normalization else ():
                name = normalization.removesuffix("_0")
                file[f"{name}/{name}/{part}:0"] = random.uniform(0.5, 2, 4)
    scalers = {name: pickle.dumps(Scaler(size), protocol=4) for name, size in zip(SCALERS, (5, 3), strict=True)}
    return {NETWORK: buffer.getvalue()} | scalers


def test_normalisation_is_folded_into_the_layer_before_it():
    random = np.random.default_rng(0)
    files = published(random)
    found = converted(files)
    row = random.normal(size=(3, 2))
    with h5py.File(io.BytesIO(files[NETWORK])) as file:
        kernel, bias = (file[f"conv1d_2/conv1d_2/{part}:0"][()] for part in ("kernel", "bias"))
        name = "batch_normalization_2"
        parts = ("moving_mean", "moving_variance", "gamma", "beta")
        mean, variance, gamma, beta = (file[f"{name}/{name}/{part}:0"][()] for part in parts)
    before = np.einsum("ki,kio->o", row, kernel) + bias
    expected = (before - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    after = np.einsum("ki,kio->o", row, found["convs.2.kernel"]) + found["convs.2.bias"]
    np.testing.assert_allclose(after, expected, rtol=1e-5)
    np.testing.assert_allclose(found["location"], [*Scaler(5).mean_, *Scaler(3).mean_], rtol=1e-6)


def test_another_version_of_the_package_is_refused(tmp_path, capsys):
    folder = tmp_path / lanceotron.FOLDER
    folder.mkdir(parents=True)
    for name in (NETWORK, *SCALERS):
        (folder / name).write_bytes(b"another")
    with pytest.raises(InputError, match=r"is not that of lanceotron 1\.2\.7"):
        read_published(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["--weights", str(tmp_path / "absent.whl"), "-o", str(tmp_path / "run")])
    assert "give the wheel of lanceotron 1.2.7" in capsys.readouterr().err
