"""Models that were trained further in torch come back as entries that are the same models, or not at all."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.conversion.parity import Check, ParityReport
from epizoo.conversion.torch import import_entry as torch_import
from epizoo.conversion.torch.import_entry import import_state
from epizoo.conversion.torch.programs import build_twin, write_state
from epizoo.errors import EntryError, InputError

pytestmark = pytest.mark.usefixtures("without_graphs")

ENTRIES = ["peak_caller/random", "peak_caller/denoising", "chromatin_states/random"]


def trained(entry, path):
    """A few steps of a user's own training."""
    torch.manual_seed(0)
    write_state(entry, path, as_safetensors=path.suffix == ".safetensors")
    twin = build_twin(entry, torch.float64)
    inputs = torch.tensor(entry.golden()[f"inputs.{entry.input_name}"]).double()
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        peaks = entry.family == "peak_caller"
        loss = twin(inputs).peak_probabilities.mean() if peaks else -twin.log_likelihood(inputs).mean()
        loss.backward()
        optimizer.step()
    state = {name: value.detach().float() for name, value in twin.state_dict().items()}
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return twin.float() if entry.family == "peak_caller" else twin


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("name", ENTRIES)
def test_what_was_trained_in_torch_is_the_entry(zoo, tmp_path, name, suffix):
    base = zoo[name]
    path = tmp_path / f"state{suffix}"
    twin = trained(base, path)
    entry = import_state(path, base, "mine", tmp_path / "zoo", data="a test")
    assert entry.name == f"{base.family}/mine"
    assert (entry.zoo.base_model, entry.zoo.lineage[-1].sha256) == (base.name, base.sha256)
    assert entry.zoo.metrics == []
    card = (entry.folder / "README.md").read_text()
    assert "was not evaluated" in card
    assert "Fine-tuned from" in card
    inputs = base.golden()[f"inputs.{base.input_name}"]
    found = entry.predict({base.input_name: inputs})
    with torch.no_grad():
        expected = twin(torch.tensor(inputs, dtype=next(twin.parameters()).dtype))
    flank = base.window.flank_bins
    output = "peak_probabilities" if base.family == "peak_caller" else "state_posteriors"
    wanted = getattr(expected, output)[:, flank : inputs.shape[1] - flank].numpy()
    np.testing.assert_allclose(found[output], wanted, rtol=0, atol=1e-5)
    before = base.predict({base.input_name: inputs})[output]
    assert np.abs(found[output] - before).max() > 1e-3
    assert not list((tmp_path / "zoo").rglob(".epizoo-*"))


def test_a_state_dict_that_does_not_fit_is_refused_with_all_that_is_wrong(zoo, tmp_path):
    base = zoo["peak_caller/random"]
    path = tmp_path / "state.safetensors"
    write_state(base, path, as_safetensors=True)
    state = load_file(path)
    state["threshold"] = torch.zeros(3)
    state["extra"] = state.pop("temperature")
    save_file(state, path)
    with pytest.raises(EntryError, match=r"(?s)\btemperature\b.*missing.*\bextra\b.*threshold"):
        import_state(path, base, "mine", tmp_path / "zoo")
    assert not list((tmp_path / "zoo").rglob("*.yaml"))
    with pytest.raises(InputError, match="muscle"):
        import_state(path, base, "other/mine", tmp_path / "zoo")
    with pytest.raises(InputError, match="no such file"):
        import_state(tmp_path / "none.pt", base, "mine", tmp_path / "zoo")


def test_an_entry_that_is_another_model_is_not_left(zoo, tmp_path, monkeypatch):
    base = zoo["peak_caller/random"]
    path = tmp_path / "state.safetensors"
    write_state(base, path, as_safetensors=True)
    wrong = ParityReport("a/b", "0" * 64, "torch", (Check("golden", "peak_scores", 1.0, 1e-5),))
    monkeypatch.setattr(torch_import, "check_parity", lambda *_, **__: wrong)
    with pytest.raises(EntryError):
        import_state(path, base, "mine", tmp_path / "zoo")
    assert not list((tmp_path / "zoo").rglob("*.yaml"))


def test_the_command_imports(zoo, tmp_path, with_graphs):
    base = zoo["peak_caller/random"]
    path = tmp_path / "state.pt"
    write_state(base, path, as_safetensors=False)
    arguments = ["import-torch", str(path), "--base", str(base.folder), "--name", "mine", "-o", str(tmp_path / "zoo")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    entry = epizoo.load(str(tmp_path / "zoo" / "peak_caller" / "mine"))
    assert entry.zoo.onnx is not None
    assert entry.sha256 == base.sha256
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "exists already" in again.output
