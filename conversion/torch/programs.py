"""From JAX to torch: twins of an entry's model, state dicts, and `torch.export` programs."""

import json
import os
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Shaped
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.fx.experimental import _config as symbolic_config

from epizoo.conversion.metadata import metadata, require_twin
from epizoo.conversion.torch.axes import leaf_of_jax, leaf_of_torch, renamed
from epizoo.conversion.torch.hmm import Chunks
from epizoo.conversion.torch.models import ChromatinStateAnnotator, PeakCaller
from epizoo.errors import EntryError
from epizoo.models.hmm.config import ChromatinStateConfig
from epizoo.models.peak_caller.config import PeakCallerConfig
from epizoo.zoo.description import DENOISED
from epizoo.zoo.entry import Entry

Twin = PeakCaller | ChromatinStateAnnotator

# Programs take up to this many bins: every doubling is one more join of the recursions, whatever the input.
_MOST_BINS = 2**17
_PROGRAM_CHUNKS = Chunks(chunk_bins=16, max_chunks=_MOST_BINS // 16)


class Program(nn.Module):
    """A whole entry as one module: the entry's input in, a dict of its outputs out, flanks cropped.

    It computes in the dtype of the reference: states in float64, with float32 outputs except for ``log_likelihood``.

    Args:
        entry: the entry.
        layers: whether to give the entry's layers too.
        crop: whether to crop the flanks, as the entry does.
        chunks: how the recursions over states are cut up.
    """

    def __init__(self, entry: Entry, *, layers: bool = False, crop: bool = True, chunks: Chunks | None = None) -> None:
        super().__init__()
        self.model = build_twin(entry, torch.float64 if entry.family == "chromatin_states" else torch.float32)
        self.family = entry.family
        self.names = entry.output_names + (entry.layer_names if layers else ())
        self.flank_bins = entry.window.flank_bins if crop else 0
        self.chunks = chunks

    def forward(
        self, inputs: Float[Tensor, "batch bin channel"], names: tuple[str, ...] | None = None
    ) -> dict[str, Tensor]:
        """The outputs by name, (batch, bin, …); those of `names` where given."""
        names = names or self.names
        if isinstance(self.model, PeakCaller):
            return self._select(_peak_caller_layers(self.model, inputs, names), names)
        return self._select(_chromatin_state_layers(self.model, inputs.double(), self.chunks, names), names)

    def _select(self, arrays: dict[str, Tensor], names: tuple[str, ...]) -> dict[str, Tensor]:
        chosen = {}
        for name in names:
            if name == "log_likelihood":
                chosen[name] = self._cropped(arrays["log_likelihood_per_bin"]).sum(1)
            else:
                array = self._cropped(arrays[name])
                chosen[name] = array.float() if array.dtype == torch.float64 else array
        return chosen

    def _cropped(self, array: Tensor) -> Tensor:
        return array[:, self.flank_bins : array.shape[1] - self.flank_bins]


def build_twin(entry: Entry, dtype: torch.dtype = torch.float32) -> Twin:
    """The torch twin of an entry's model, with the entry's weights.

    Raises:
        InputError: the entry has no twin; see `epizoo.conversion.metadata.require_twin`.
        EntryError: the weights are missing, do not match their hash, or do not fit the model; all misfits are named.
    """
    config = require_twin(entry)
    # The dtype comes first: float64 weights of published models must not pass through float32.
    return fill_twin(blank_twin(config).to(dtype), entry.family, entry.weights())


def blank_twin(config: PeakCallerConfig | ChromatinStateConfig) -> Twin:
    """A twin with a random start."""
    return PeakCaller(config) if isinstance(config, PeakCallerConfig) else ChromatinStateAnnotator(config)


def fill_twin(twin: Twin, family: str, arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> Twin:
    """Set every parameter of a twin from flat named JAX arrays, in place; all or nothing.

    Raises:
        EntryError: names without a counterpart, missing names or wrong shapes; one error names them all.
    """
    own = twin.state_dict()
    expected = {}
    for name, tensor in own.items():
        leaf = leaf_of_torch(family, name)
        assert leaf is not None, name
        expected[renamed(name, leaf.jax_name)] = tuple(tensor.shape[leaf.axes.index(i)] for i in range(tensor.ndim))
    problems = [f"{name} is missing" for name in sorted(expected.keys() - arrays.keys())]
    problems += [f"{name} has no counterpart in torch" for name in sorted(arrays.keys() - expected.keys())]
    for name in sorted(expected.keys() & arrays.keys()):
        if np.shape(arrays[name]) != expected[name]:
            problems.append(f"{name} has shape {np.shape(arrays[name])} where the model has {expected[name]}")
    if problems:
        raise EntryError(
            f"{type(twin).__name__}: the weights do not fit the torch model: {'; '.join(problems)}; use weights and "
            "config of the same version of the entry"
        )
    twin.load_state_dict({name: value.to(own[name].dtype) for name, value in state_dict(family, arrays).items()})
    return twin


def state_dict(family: str, arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> dict[str, Tensor]:
    """Flat named JAX arrays as a torch state dict, dtypes unchanged.

    Raises:
        EntryError: names without a counterpart; all of them are named.
    """
    leaves = {name: leaf_of_jax(family, name) for name in arrays}
    unknown = sorted(name for name, leaf in leaves.items() if leaf is None)
    if unknown:
        raise EntryError(f"{', '.join(unknown)}: no counterpart in torch; use weights of the family {family}")
    return {
        renamed(name, leaf.torch_name): torch.from_numpy(np.array(np.transpose(arrays[name], leaf.axes), order="C"))
        for name, leaf in leaves.items()
        if leaf is not None
    }


def export_program(entry: Entry, *, layers: bool = False, crop: bool = True) -> torch.export.ExportedProgram:
    """The entry as a program for torch alone, for any batch and any number of bins (131,072 at most)."""
    program = Program(entry, layers=layers, crop=crop, chunks=_PROGRAM_CHUNKS).eval().requires_grad_(False)
    least = 2 * program.flank_bins + 1
    example = torch.zeros(2, least + 63, len(entry.channels))
    batch, bins = torch.export.Dim("batch", min=1), torch.export.Dim("bins", min=least, max=_MOST_BINS)
    # Torch treats a size of 1 as a case of its own; the two settings keep it from tying the program to larger sizes.
    with torch.no_grad(), symbolic_config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        return torch.export.export(
            program,
            (example,),
            dynamic_shapes=({0: batch, 1: bins},),
            prefer_deferred_runtime_asserts_over_guards=True,
        )


def write_pt2(entry: Entry, path: str | os.PathLike[str], *, layers: bool = False, crop: bool = True) -> None:
    """Write `export_program`, with the metadata as ``epizoo.json`` beside it in the archive."""
    program = export_program(entry, layers=layers, crop=crop)
    torch.export.save(program, path, extra_files={"epizoo.json": json.dumps(metadata(entry))})


def write_state(entry: Entry, path: str | os.PathLike[str], *, as_safetensors: bool) -> None:
    """Write the state dict of the twin, as safetensors or with `torch.save`.

    The latter is a dict of ``state_dict``, ``family``, ``config`` and ``metadata``: tensors and plain values alone.
    """
    require_twin(entry)
    state = state_dict(entry.family, entry.weights())
    if as_safetensors:
        save_file(state, path, metadata=metadata(entry))
        return
    config = {"family": entry.family, "config": entry.zoo.config["model"], "metadata": metadata(entry)}
    # Given a path, torch takes the archive's name from it, and refuses some.
    with open(path, "wb") as file:
        torch.save({"state_dict": state, **config}, file)


def _peak_caller_layers(model: PeakCaller, coverage: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
    arrays: dict[str, Tensor] = model(coverage)._asdict()
    if DENOISED in names:
        arrays[DENOISED] = model.denoised(coverage)
    if "features" in names:
        arrays["features"] = model.features(coverage)
    if "logits" in names:
        arrays["logits"] = model.logits(coverage)
    return arrays


def _chromatin_state_layers(
    model: ChromatinStateAnnotator, marks: Tensor, chunks: Chunks | None, names: tuple[str, ...]
) -> dict[str, Tensor]:
    if "viterbi_path" in names:
        arrays: dict[str, Tensor] = model(marks, chunks)._asdict()
    else:
        posteriors, filtered = model.posteriors(marks, chunks)
        arrays = {"state_posteriors": posteriors, "state_probabilities": filtered.probabilities}
        arrays["log_likelihood_per_bin"] = filtered.log_likelihood_per_bin
    if "log_emissions" in names:
        arrays["log_emissions"] = model.log_emissions(marks)
    return arrays
