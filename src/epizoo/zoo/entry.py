"""An entry: one trained model with everything that is known about it."""

import copy
import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

import numpy as np
from jaxtyping import Float, Shaped

from epizoo.errors import EntryError, InputError
from epizoo.validation import parse
from epizoo.zoo.description import (
    DENOISED,
    SETTINGS,
    Backend,
    ChromatinStateSettings,
    PeakCallerSettings,
    PeakScorerSettings,
    ZooBlock,
)
from epizoo.zoo.engines import Arrays, Engine, check_backend, default_backend, make_engine
from epizoo.zoo.upward import Method
from epizoo.zoo.weights import check_sha256, read_arrays

if TYPE_CHECKING:
    import pandas as pd
    from flax import nnx

    from epizoo.jobs.annotate import annotate as _annotate
    from epizoo.jobs.call_peaks import call_peaks as _call_peaks
    from epizoo.models.hmm.run_lengths import Float64Parameters
    from epizoo.states.regulatory_activity import RegulatoryHead
    from epizoo.zoo.jax_engine import JaxEngine, Scalar
    from epizoo.zoo.windows import candidate_windows as _candidate_windows
    from epizoo.zoo.windows import coverage_windows as _coverage_windows
    from epizoo.zoo.windows import mark_windows as _mark_windows


class Entry:
    """One entry of the zoo: its description at once, its weights when they are first needed.

    Attributes:
        folder: the entry's folder.
        kipoi: Kipoi's part of its ``model.yaml``, as it stands there.
        zoo: the ``zoo`` block.
        config: the settings of the model and of what surrounds it.
        name: ``FAMILY/TAG``.
        family: ``peak_caller``, ``peak_scorer`` or ``chromatin_states``.
        version: version of the entry.
        window: bins of a window and of its flanks, and their width.
        sha256: hash of the weights.
        input_name: the array that `predict` and `activations` take.
        output_names: the arrays that `predict` gives.
        layer_names: further arrays that `activations` gives.
    """

    config: PeakCallerSettings | PeakScorerSettings | ChromatinStateSettings
    input_name: ClassVar[str]
    output_names: tuple[str, ...]
    layer_names: ClassVar[tuple[str, ...]]

    def __init__(self, folder: Path, kipoi: dict[str, Any], zoo: ZooBlock) -> None:
        self.folder = folder
        self.kipoi = kipoi
        self.zoo = zoo
        self.name = zoo.name
        self.family = zoo.family
        self.version = zoo.version
        self.window = zoo.window
        self.sha256 = zoo.sha256
        where = folder / "model.yaml"
        self.config = parse(SETTINGS[zoo.family], zoo.config, f"{where}: zoo.config", EntryError)
        if self.config.model.bin_bp != self.window.bin_bp:
            raise EntryError(
                f"{where}: zoo.window.bin_bp is {self.window.bin_bp} and zoo.config.model.bin_bp "
                f"{self.config.model.bin_bp}; expected the same width"
            )
        self._backend: Backend | None = None
        # Shared by the copies that other backends compute.
        self._engines: dict[Backend, Engine] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.version}: {self._summary}>"

    def _repr_html_(self) -> str:
        info = self.kipoi["info"]
        rows = [
            ("Input", f"{self.input_name}: {', '.join(self.channels)}, in bins of {self.window.bin_bp} bp"),
            *((f"{row.name}, {row.on}", f"{row.value}{_compared(row.compared_with)}") for row in self.zoo.metrics[:3]),
            ("Licence of the weights", info["license"]),
        ]
        cells = "".join(f"<tr><th>{html.escape(key)}</th><td>{html.escape(text)}</td></tr>" for key, text in rows)
        title = html.escape(f"{self.name} {self.version}")
        return f"<div><b>{title}</b><p>{html.escape(info['doc'])}</p><table>{cells}</table></div>"

    @property
    def _summary(self) -> str:
        return f"{', '.join(self.channels)} in bins of {self.window.bin_bp} bp"

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the input's last axis, in their order."""
        raise NotImplementedError

    @property
    def input_length(self) -> int:
        """Length of the second axis of one row of input."""
        return self.window.input_bins

    @property
    def backend(self) -> Backend:
        """The engine of predictions: ``jax``, ``onnx`` or ``torch``."""
        return self._backend or default_backend(self.family, self.zoo.backends)

    @property
    def chosen_backend(self) -> Backend | None:
        """The backend that `with_backend` chose; None where it is left to epizoo."""
        return self._backend

    def with_backend(self, backend: str | None = None) -> Self:
        """The same entry, computed by ``jax``, ``onnx`` or ``torch``; by the fastest that is installed where None.

        `model` and `gradient` are JAX's all the same, and whole genomes of chromatin states are decoded by compiled
        kernels unless a backend is chosen.

        Raises:
            InputError: there is no such backend.
            MissingDependencyError: the backend is not installed.
        """
        changed = copy.copy(self)
        changed._backend = None if backend is None else check_backend(backend)
        return changed

    def model(self) -> "nnx.Module":
        """The model in JAX with its weights, whose hash was checked; the same object on every call.

        Raises:
            EntryError: the weights are missing, do not match their hash, or do not fit the model.
        """
        return self._jax().module

    def prepare(self) -> None:
        """Read and check the weights and build what computes with them, so that errors come before any work.

        Raises:
            EntryError: as `model`.
        """
        self._engine(self.backend)

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
            self._require_layer(name)
        checked = self._checked(inputs)
        return self._engine(self.backend).run(checked, names) if names else {}

    def gradient(
        self, inputs: Mapping[str, Float[np.ndarray, "batch bin channel"]], scalar: "Scalar"
    ) -> Float[np.ndarray, "batch bin channel"]:
        """Gradient of a number per window with respect to the window's input, flanks included; always JAX's."""
        self._require_layer(scalar.layer)
        return self._jax().gradient(self._checked(inputs), scalar)

    def weights(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        """The weights by their flat dotted names, after their hash was checked."""
        return read_arrays(self.folder / self.zoo.weights, self.zoo.sha256)

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

    def _engine(self, backend: Backend) -> Engine:
        if backend not in self._engines:
            self._engines[backend] = make_engine(backend, self)
        return self._engines[backend]

    def _jax(self) -> "JaxEngine":
        return cast("JaxEngine", self._engine("jax"))

    def _require_layer(self, name: str) -> None:
        known = self.layer_names + self.output_names
        if name not in known:
            raise InputError(f"{name}: {self.name} has no layer of this name; it has {', '.join(known)}")

    def _checked(self, inputs: Mapping[str, Any]) -> Float[np.ndarray, "batch bin channel"]:
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


class PeakCallerEntry(Entry):
    """A peak caller: coverage (batch, bin, track) in, five numbers per bin out, and maybe denoised coverage."""

    family: Literal["peak_caller"]
    config: PeakCallerSettings
    input_name = "coverage"
    output_names: tuple[str, ...] = ("peak_probabilities", "peak_scores", "peak_summits", "peak_starts", "peak_ends")
    layer_names = ("features", "logits")

    def __init__(self, folder: Path, kipoi: dict[str, Any], zoo: ZooBlock) -> None:
        super().__init__(folder, kipoi, zoo)
        if self.denoises:
            self.output_names = (*self.output_names, DENOISED)

    @property
    def denoises(self) -> bool:
        """True if denoised coverage is among the outputs."""
        return self.config.model.denoise is not None

    @property
    def channels(self) -> tuple[str, ...]:
        """``treatment``, and ``control`` where the model takes one."""
        return ("treatment", "control")[: self.config.model.n_tracks]

    if TYPE_CHECKING:
        call_peaks = _call_peaks
        windows = _coverage_windows
    else:
        call_peaks = Method("epizoo.jobs.call_peaks:call_peaks")
        windows = Method("epizoo.zoo.windows:coverage_windows")


class PeakScorerEntry(Entry):
    """A peak scorer: candidate peaks (batch, input, 1) in, three scores for each out.

    An input is the coverage around a candidate and its enrichment over the surroundings; see
    `epizoo.genome.candidate_windows`.
    """

    family: Literal["peak_scorer"]
    config: PeakScorerSettings
    input_name = "candidates"
    output_names = ("overall_scores", "shape_scores", "enrichment_scores")
    layer_names = ("features", "logits")

    @property
    def channels(self) -> tuple[str, ...]:
        """``value``, for coverage and features are one long row."""
        return ("value",)

    @property
    def _summary(self) -> str:
        return f"scores candidate peaks by {self.window.window_bins:,} bp of coverage and their enrichment"

    @property
    def input_length(self) -> int:
        """Numbers by which a candidate is described."""
        return self.config.model.n_inputs

    def _checked(self, inputs: Mapping[str, Any]) -> Float[np.ndarray, "batch input channel"]:
        array = super()._checked(inputs)
        if array.shape[1] != self.input_length:
            raise InputError(
                f"{self.input_name}: {array.shape[1]:,} numbers of a candidate found, {self.name} expects "
                f"{self.input_length:,}: {self.config.model.window_bins:,} of coverage, then "
                f"{self.config.model.n_features} of enrichment"
            )
        return array

    if TYPE_CHECKING:
        call_peaks = _call_peaks
        windows = _candidate_windows
    else:
        call_peaks = Method("epizoo.jobs.call_peaks:call_peaks")
        windows = Method("epizoo.zoo.windows:candidate_windows")


class ChromatinStateEntry(Entry):
    """A chromatin-state annotator: marks (batch, bin, mark) in; states, posteriors and likelihoods out."""

    family: Literal["chromatin_states"]
    config: ChromatinStateSettings
    input_name = "marks"
    output_names = ("state_posteriors", "state_probabilities", "viterbi_path", "log_likelihood")
    layer_names = ("log_emissions", "log_likelihood_per_bin")

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the marks, in the model's order."""
        return self.config.model.marks

    @property
    def _summary(self) -> str:
        return f"{self.config.model.n_states} states of {super()._summary}"

    @property
    def states(self) -> "pd.DataFrame":
        """The states in the model's order, numbered from 1: name, description, color (``red,green,blue``).

        Where the entry holds them, columns of the confidence of the name and of enrichments follow.
        """
        import pandas as pd

        dumps = [state.model_dump(exclude_unset=True) for state in self.config.states]
        rows = [{"name": "", "description": "", "color": ""} | dump | dump.get("enrichment", {}) for dump in dumps]
        for row in rows:
            for key in ("enrichment", "regulatory_weights"):
                row.pop(key, None)
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="state"))

    def emissions(self) -> "pd.DataFrame":
        """The probability of each mark (column) in each state (row).

        Raises:
            EntryError: see `parameters`.
        """
        import pandas as pd

        marks = pd.Index(self.channels, name="mark")
        return pd.DataFrame(self.parameters().emission, self._state_names("state"), marks)

    def transitions(self) -> "pd.DataFrame":
        """The probability that a bin's state (row) is followed by another (column).

        Raises:
            EntryError: see `parameters`.
        """
        import pandas as pd

        return pd.DataFrame(self.parameters().transition, self._state_names("from"), self._state_names("to"))

    def parameters(self) -> "Float64Parameters":
        """The HMM's probabilities: initial (state), transition (state, state), emission (state, mark); float64.

        Raises:
            EntryError: the weights are missing, do not match their hash, or do not fit the model.
        """
        from epizoo.models.hmm.probabilities import probabilities_of_logits

        arrays = self.weights()
        n_states, n_marks = self.config.model.n_states, len(self.channels)
        shapes = {"initial": (n_states,), "transition": (n_states, n_states), "emission": (n_states, n_marks)}
        expected = {f"{name}_logits": shape for name, shape in shapes.items()}
        if {name: array.shape for name, array in arrays.items()} != expected:
            found = ", ".join(f"{name} {array.shape}" for name, array in sorted(arrays.items()))
            raise EntryError(
                f"{self.folder / self.zoo.weights}: holds {found or 'nothing'}, the model of {n_states} states and "
                f"{n_marks} marks has {', '.join(f'{name} {shape}' for name, shape in sorted(expected.items()))}"
            )
        return probabilities_of_logits(arrays)

    def regulatory_head(self) -> "RegulatoryHead":
        """The regression that makes regulatory activity of posteriors; see `epizoo.states.regulatory_activity`.

        Raises:
            InputError: the entry holds none.
        """
        from epizoo.states.regulatory_activity import RegulatoryHead

        activity = self.config.regulatory_activity
        if activity is None:
            raise InputError(
                f"{self.name}: has no regulatory activity, which was fitted to the states of some entries; "
                "`epizoo show ENTRY` says of which"
            )
        # Of the element all states come first, then of each ring.
        weights = np.array([state.regulatory_weights for state in self.config.states], np.float64)
        return RegulatoryHead(weights.T.ravel(), activity.intercept)

    def _state_names(self, axis: str) -> "pd.Index[str]":
        import pandas as pd

        return pd.Index([state.name for state in self.config.states], name=axis)

    if TYPE_CHECKING:
        annotate = _annotate
        windows = _mark_windows
    else:
        annotate = Method("epizoo.jobs.annotate:annotate")
        windows = Method("epizoo.zoo.windows:mark_windows")


def _compared(values: Mapping[str, object]) -> str:
    return f" ({', '.join(f'{tool} {value}' for tool, value in values.items())})" if values else ""
