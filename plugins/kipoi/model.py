"""Kipoi models over entries of the zoo: predictions, activations of layers, and gradients of the input."""

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Shaped
from kipoi.model import BaseModel, GradientMixin, LayerActivationMixin

from epizoo.errors import EntryError, InputError
from epizoo.plugins.kipoi.patches import mend_kipoi
from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry, PeakScorerEntry
from epizoo.zoo.loading import load

if TYPE_CHECKING:
    from epizoo.zoo.jax_engine import AxisIndex

mend_kipoi()

Inputs = Mapping[str, Float[np.ndarray, "batch bin channel"]]


class EntryModel(BaseModel, GradientMixin, LayerActivationMixin):
    """An entry as Kipoi's model. Its weights are read and checked, and the model is built, by the constructor.

    Args:
        entry: the entry's folder, relative to the folder of the ``model.yaml`` that names this class.
        backend: what computes predictions: jax, onnx or torch; gradients are jax's.

    Raises:
        EntryError: the entry is of another family, or its files do not match their hashes.
    """

    entry_class: ClassVar[type[Entry]]
    final_layer: ClassVar[str]
    # What an output is before its nonlinearity, where that is a layer.
    pre_nonlinearities: ClassVar[Mapping[str, str]] = {}

    def __init__(self, entry: str = ".", backend: str = "jax") -> None:
        # Kipoi constructs models in the folder of their model.yaml, and resolves test.expect in that of its caller.
        self._folder = Path.cwd()
        self.entry = load(Path(os.path.abspath(entry)))
        if not isinstance(self.entry, self.entry_class):
            raise EntryError(f"{self.entry.folder}: of the family {self.entry.family}, not for {type(self).__name__}")
        self.entry.check_files()
        self.entry = self.entry.with_backend(backend)
        self.entry.prepare()

    def predict_on_batch(self, x: Inputs) -> dict[str, Shaped[np.ndarray, "batch ..."]]:
        """Every output of a batch of windows, (batch, bin, …), the flanks cropped."""
        return self.entry.predict(x)

    def predict_activation_on_batch(
        self, x: Inputs, layer: str, pre_nonlinearity: bool = False
    ) -> Shaped[np.ndarray, "batch ..."]:
        """One layer of a batch of windows: any of the entry's ``layer_names`` and ``output_names``.

        Raises:
            InputError: there is no such layer, or it has no value before its nonlinearity.
        """
        name = self._layer(layer, pre_nonlinearity)
        return self.entry.activations(x, (name,))[name]

    def input_grad(
        self,
        x: Inputs,
        filter_idx: Any = None,
        avg_func: str | None = None,
        layer: str | None = None,
        final_layer: bool = True,
        selected_fwd_node: Any = None,
        pre_nonlinearity: bool = False,
    ) -> dict[str, Float[np.ndarray, "batch bin channel"]]:
        """Gradient of one number per window with respect to the window's input, flanks included.

        Args:
            x: a batch of inputs.
            filter_idx: which part of the layer, as Kipoi's own models have it: an integer, a slice or a list of
                integers along the first axis after the batch (bins), or a tuple of these for all axes, the batch's own
                (a full slice) first; everything where None.
            avg_func: how the part becomes one number per window: sum (where None), max, min or absmax.
            layer: name of the layer; the final one where None.
            final_layer: whether a missing ``layer`` means the final one.
            selected_fwd_node: not supported.
            pre_nonlinearity: whether to take the layer before its nonlinearity (peak_probabilities: logits).

        Raises:
            InputError: there is no such layer, part or function, or the input is not as the entry wants it.
        """
        from epizoo.zoo.jax_engine import Scalar

        if selected_fwd_node is not None:
            raise InputError("selected_fwd_node: not supported, every layer is computed once; leave it out")
        if layer is None and not final_layer:
            raise InputError("layer: not given, and final_layer is False; name a layer or set final_layer")
        if avg_func not in (None, *self.allowed_functions):
            raise InputError(f"avg_func: {avg_func!r} is unknown; use one of {', '.join(self.allowed_functions)}")
        name = self._layer(layer or self.final_layer, pre_nonlinearity)
        scalar = Scalar(name, _hashable_index(filter_idx), avg_func or "sum")  # type: ignore[arg-type]
        return {self.entry.input_name: self.entry.gradient(x, scalar)}

    @property
    def test(self) -> Any:
        """Kipoi's ``test`` block, its expected predictions as an absolute path."""
        return self._test

    @test.setter
    def test(self, test: Any) -> None:
        self._test = copy.copy(test)
        if isinstance(test.expect, str):
            self._test.expect = str(self._folder / test.expect)

    def _layer(self, layer: str, pre_nonlinearity: bool) -> str:
        known = self.entry.layer_names + self.entry.output_names
        if layer not in known:
            raise InputError(f"layer: {layer!r} is unknown; {self.entry.name} has {', '.join(known)}")
        if not pre_nonlinearity:
            return layer
        if layer not in self.pre_nonlinearities:
            possible = ", ".join(self.pre_nonlinearities) or "none"
            raise InputError(
                f"pre_nonlinearity: {layer} has no value before a nonlinearity; those that have: {possible}"
            )
        return self.pre_nonlinearities[layer]


class KipoiPeakCaller(EntryModel):
    """A peak caller of the zoo."""

    entry_class = PeakCallerEntry
    final_layer = "peak_probabilities"
    pre_nonlinearities: ClassVar[Mapping[str, str]] = {"peak_probabilities": "logits"}


class KipoiPeakScorer(EntryModel):
    """A peak scorer of the zoo."""

    entry_class = PeakScorerEntry
    final_layer = "overall_scores"
    pre_nonlinearities: ClassVar[Mapping[str, str]] = {"overall_scores": "logits"}


class KipoiChromatinStateAnnotator(EntryModel):
    """A chromatin-state annotator of the zoo."""

    entry_class = ChromatinStateEntry
    final_layer = "state_posteriors"


def _hashable_index(filter_idx: Any) -> tuple["AxisIndex", ...]:
    """Kipoi's ``filter_idx`` as one index for each axis after the batch.

    Raises:
        InputError: it is none of the forms that `EntryModel.input_grad` names, or selects part of the batch.
    """
    if filter_idx is None:
        return ()
    if not isinstance(filter_idx, tuple):
        return (_hashable_axis(filter_idx),)
    if len(filter_idx) == 1:
        return (_hashable_axis(filter_idx[0]),)
    if filter_idx[0] != slice(None):
        raise InputError(f"filter_idx: {filter_idx} selects part of the batch; give slice(None) as its first index")
    return tuple(_hashable_axis(index) for index in filter_idx[1:])


def _hashable_axis(index: Any) -> "AxisIndex":
    if isinstance(index, slice):
        return ("slice", index.start, index.stop, index.step)
    if isinstance(index, int | np.integer):
        return int(index)
    if isinstance(index, list) and index and all(isinstance(one, int | np.integer) for one in index):
        return tuple(int(one) for one in index)
    raise InputError(
        f"filter_idx: {index!r} is no index; use an integer, a slice, a list of integers, or a tuple of them"
    )
