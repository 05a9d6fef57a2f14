"""An entry: one trained model with everything that is known about it."""

import functools
import importlib
import logging
import os
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import yaml
from jaxtyping import Float, Shaped
from pydantic import ValidationError

from epizoo.errors import EntryError, InputError
from epizoo.zoo.catalogue import find_entry
from epizoo.zoo.description import DENOISED, Window, ZooBlock
from epizoo.zoo.remote import is_remote
from epizoo.zoo.weights import check_sha256, read_arrays

if TYPE_CHECKING:
    from flax import nnx

    from epizoo.genome.windows import CoverageWindows, MarkWindows
    from epizoo.jobs.annotate import annotate as _annotate
    from epizoo.jobs.call_peaks import call_peaks as _call_peaks
    from epizoo.models.hmm.run_lengths import Float64Parameters
    from epizoo.zoo.jax_engine import Predictor

_LOGGER = logging.getLogger("epizoo")

Arrays = dict[str, Shaped[np.ndarray, "batch ..."]]


def load(entry: str | os.PathLike[str]) -> "PeakCallerEntry | ChromatinStateEntry":
    """Load a zoo entry by its name, such as ``peak_caller/h3k4me3``, or by its folder; the weights wait until used.

    Raises:
        EntryError: there is no such entry, or its ``model.yaml`` is not what an entry's must be.
    """
    folder = find_entry(entry)
    kipoi, zoo = read_model_yaml(folder / "model.yaml")
    loaded = ENTRY_CLASSES[zoo.family](folder, kipoi, zoo)
    if is_remote(entry):
        loaded.check_files()
    _LOGGER.debug("Entry %s %s: %s, weights sha256 %s", loaded.name, loaded.version, folder, loaded.sha256)
    return loaded


def read_model_yaml(path: Path) -> tuple[dict[str, Any], ZooBlock]:
    """Kipoi's part and the ``zoo`` block of a ``model.yaml``.

    Raises:
        EntryError: it is not YAML, or a key of the ``zoo`` block is missing, unknown or of another type.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EntryError(f"{path}: not a YAML file ({' '.join(str(error).split())}); restore the file") from error
    if not isinstance(content, dict) or not isinstance(content.get("zoo"), dict):
        raise EntryError(f"{path}: the zoo block is missing; an entry's model.yaml describes itself under the key zoo")
    block = content.pop("zoo")
    try:
        return content, ZooBlock.model_validate(block)
    except ValidationError as error:
        raise EntryError(f"{path}: {first_problem(error, 'zoo')}") from error


def first_problem(error: ValidationError, prefix: str) -> str:
    """The first problem that pydantic found, as ``prefix.key: what is wrong``, and how many more there are."""
    problem = error.errors()[0]
    key = ".".join(filter(None, [prefix, *map(str, problem["loc"])]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{key}: {problem['msg'].lower()}{more}"


class Job:
    """A method of entries whose function lies in a package above this one: the one door upwards.

    The module is imported when the method is first touched, and the method is the function itself with the entry as
    its first argument, so that its signature and its documentation are those of the function.
    """

    def __init__(self, module: str, function: str) -> None:
        self._module = module
        self._function = function

    def __get__(self, entry: "Entry | None", owner: type["Entry"]) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(importlib.import_module(self._module), self._function)
        return function if entry is None else types.MethodType(function, entry)


class Entry:
    """One entry of the zoo: its description at once, its weights when they are first needed.

    Attributes:
        folder: where it lies.
        kipoi: Kipoi's part of its ``model.yaml``, as it stands there.
        zoo: the ``zoo`` block, checked.
        name, family, version, config, window, sha256: shorthands into the block.
    """

    input_name: ClassVar[str]
    output_names: tuple[str, ...]
    layer_names: ClassVar[tuple[str, ...]]

    def __init__(self, folder: Path, kipoi: dict[str, Any], zoo: ZooBlock) -> None:
        self.folder = folder
        self.kipoi = kipoi
        self.zoo = zoo
        self.name: str = zoo.name
        self.family: str = zoo.family
        self.version: str = zoo.version
        self.config: dict[str, Any] = zoo.config
        self.window: Window = zoo.window
        self.sha256: str = zoo.sha256

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.version}>"

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the input's last axis, in their order."""
        raise NotImplementedError

    def model(self) -> "nnx.Module":
        """The model with its weights, whose hash was checked; the same object on every call.

        Raises:
            EntryError: the weights are missing, do not match their hash, or do not fit the model.
        """
        return self.predictor.module

    def prepare(self) -> None:
        """Read and check the weights and build what computes with them, so that errors come before any work.

        Raises:
            EntryError: as `model`.
        """
        _ = self.predictor

    def predict(self, inputs: Mapping[str, Float[np.ndarray, "batch bin channel"]]) -> Arrays:
        """Outputs for a batch of windows, the flanks cropped.

        Args:
            inputs: one array under `input_name`, (batch, bins + 2 * flank_bins, channel); any number of bins will do.

        Returns:
            An array for each of `output_names`, (batch, bin, …); ``log_likelihood`` is (batch,).

        Raises:
            InputError: the array is missing or of another shape.
        """
        return self.activations(inputs, self.output_names)

    def activations(
        self, inputs: Mapping[str, Float[np.ndarray, "batch bin channel"]], names: tuple[str, ...]
    ) -> Arrays:
        """Any of `output_names` and `layer_names` for a batch of windows, the flanks cropped; see `predict`."""
        for name in names:
            if name not in self.output_names + self.layer_names:
                known = ", ".join(self.layer_names + self.output_names)
                raise InputError(f"{name}: {self.name} has no layer of this name; it has {known}")
        return self.predictor.run(self.check_inputs(inputs), names)

    def check_inputs(self, inputs: Mapping[str, Any]) -> Float[np.ndarray, "batch bin channel"]:
        """The array of a batch, as float32.

        Raises:
            InputError: it is missing or of another shape.
        """
        if not isinstance(inputs, Mapping) or self.input_name not in inputs:
            found = ", ".join(inputs) if isinstance(inputs, Mapping) else type(inputs).__name__
            raise InputError(f"inputs: found {found or 'nothing'}, {self.name} expects a dict with {self.input_name}")
        array = np.asarray(inputs[self.input_name], dtype=np.float32)
        least = 2 * self.window.flank_bins + 1
        if array.ndim != 3 or array.shape[1] < least or array.shape[2] != len(self.channels):
            raise InputError(
                f"{self.input_name}: shape {array.shape} found, {self.name} expects (batch, at least {least} bins, "
                f"{len(self.channels)}) with the channels {', '.join(self.channels)}"
            )
        return array

    @functools.cached_property
    def predictor(self) -> "Predictor":
        """The model ready to run; the only place where an entry imports JAX."""
        from epizoo.zoo.jax_engine import build_predictor

        return build_predictor(self.family, self.config["model"], self.weights(), self.window.flank_bins)

    def weights(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        """The weights by their flat dotted names, after their hash was checked."""
        return read_arrays(self.folder / self.zoo.weights, self.zoo.sha256)

    def windows(self, **arguments: Any) -> "CoverageWindows | MarkWindows":
        """Windows of the entry's input, from the arguments of its dataloader; see `epizoo.zoo.windows`.

        Raises:
            InputError: an argument is missing or a file cannot be used.
        """
        raise NotImplementedError

    def golden(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        """One input (``inputs.NAME``) and what the model made of it when the entry was built, by name."""
        return read_arrays(self.folder / self.zoo.golden, self.zoo.golden_sha256)

    def check_files(self) -> None:
        """Check every file that has a hash in ``model.yaml``.

        Raises:
            EntryError: a file is missing or does not match its hash.
        """
        check_sha256(self.folder / self.zoo.weights, self.zoo.sha256)
        check_sha256(self.folder / self.zoo.golden, self.zoo.golden_sha256)
        expected = (self.kipoi.get("test") or {}).get("expect")
        if not isinstance(expected, str):
            raise EntryError(
                f"{self.folder / 'model.yaml'}: test.expect is missing; it names the file of expected predictions"
            )
        check_sha256(self.folder / expected, self.zoo.expect_sha256)
        if self.zoo.onnx is not None and self.zoo.onnx_sha256 is not None:
            check_sha256(self.folder / self.zoo.onnx, self.zoo.onnx_sha256)


class PeakCallerEntry(Entry):
    """A peak caller: coverage (batch, bin, track) in, five numbers per bin out, and maybe denoised coverage."""

    input_name = "coverage"
    output_names: tuple[str, ...] = ("peak_probabilities", "peak_scores", "peak_summits", "peak_starts", "peak_ends")
    layer_names = ("features", "logits")

    def __init__(self, folder: Path, kipoi: dict[str, Any], zoo: ZooBlock) -> None:
        super().__init__(folder, kipoi, zoo)
        if self.denoises:
            self.output_names = (*self.output_names, DENOISED)

    @property
    def denoises(self) -> bool:
        """Whether denoised coverage is among the outputs."""
        return bool(self.config["model"].get("denoise"))

    @property
    def channels(self) -> tuple[str, ...]:
        """``treatment``, and ``control`` where the model takes one."""
        return ("treatment", "control")[: self.config["model"].get("n_tracks", 1)]

    def windows(self, **arguments: Any) -> "CoverageWindows":
        """Windows of coverage; the arguments are those of `epizoo.zoo.windows.coverage_windows`."""
        from epizoo.zoo.windows import coverage_windows

        return coverage_windows(self, **arguments)

    if TYPE_CHECKING:
        call_peaks = _call_peaks
    else:
        call_peaks = Job("epizoo.jobs.call_peaks", "call_peaks")


class ChromatinStateEntry(Entry):
    """A chromatin-state annotator: marks (batch, bin, mark) in; states, posteriors and likelihoods out."""

    input_name = "marks"
    output_names = ("state_posteriors", "state_probabilities", "viterbi_path", "log_likelihood")
    layer_names = ("log_emissions", "log_likelihood_per_bin")

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the marks, in the model's order."""
        return tuple(self.config["model"]["marks"])

    def windows(self, **arguments: Any) -> "MarkWindows":
        """Windows of marks; the arguments are those of `epizoo.zoo.windows.mark_windows`."""
        from epizoo.zoo.windows import mark_windows

        return mark_windows(self, **arguments)

    def parameters(self) -> "Float64Parameters":
        """The HMM's probabilities: initial (state), transition (state, state), emission (state, mark); float64.

        Raises:
            EntryError: the weights are missing, do not match their hash, or do not fit the model.
        """
        from epizoo.models.hmm.probabilities import probabilities_of_logits

        arrays = self.weights()
        n_states, n_marks = self.config["model"]["n_states"], len(self.channels)
        shapes = {"initial": (n_states,), "transition": (n_states, n_states), "emission": (n_states, n_marks)}
        expected = {f"{name}_logits": shape for name, shape in shapes.items()}
        if {name: array.shape for name, array in arrays.items()} != expected:
            found = ", ".join(f"{name} {array.shape}" for name, array in sorted(arrays.items()))
            raise EntryError(
                f"{self.folder / self.zoo.weights}: holds {found or 'nothing'}, the model of {n_states} states and "
                f"{n_marks} marks has {', '.join(f'{name} {shape}' for name, shape in sorted(expected.items()))}"
            )
        return probabilities_of_logits(arrays)

    if TYPE_CHECKING:
        annotate = _annotate
    else:
        annotate = Job("epizoo.jobs.annotate", "annotate")


ENTRY_CLASSES: dict[str, type[PeakCallerEntry] | type[ChromatinStateEntry]] = {
    "peak_caller": PeakCallerEntry,
    "chromatin_states": ChromatinStateEntry,
}
