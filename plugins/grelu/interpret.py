"""Explanations of peaks and states: attributions by captum, and deletion of signal along the input.

Both explain the logits of one task, the log-odds of a peak or the log posterior of a state, summed over some bins of
the output. Everything is in the entry's order of axes: input (batch, bin, channel), flanks included.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from grelu.lightning import LightningModel
from jaxtyping import Float, Int
from torch import Tensor, nn

from epizoo.errors import InputError
from epizoo.plugins.grelu.checkpoints import require_signal_model

Method = Literal["saliency", "inputxgradient", "integratedgradients"]
_METHODS: dict[str, tuple[Any, dict[str, Any]]] = {
    "saliency": (Saliency, {"abs": False}),
    "inputxgradient": (InputXGradient, {}),
    "integratedgradients": (IntegratedGradients, {"n_steps": 64}),
}


class Deletion(NamedTuple):
    """Change of a prediction where the signal of a stretch is deleted."""

    start_bins: Int[np.ndarray, " stretch"]
    """First bin of each stretch, counted from the first bin of the input."""
    change: Float[np.ndarray, "batch stretch"]
    """The summed logits without the signal of the stretch, minus those with it: negative where it speaks for them."""


def attributions(
    model: LightningModel,
    inputs: Float[np.ndarray, "batch bin channel"],
    *,
    task: str | int = 0,
    bins: slice = slice(None),
    method: Method = "saliency",
) -> Float[np.ndarray, "batch bin channel"]:
    """Attribution of a task to each input bin, by captum, as `grelu.interpret.score.get_attributions` does for DNA.

    Args:
        model: the model.
        inputs: as the entry takes them.
        task: name or number of a task.
        bins: which bins of the output to explain; all of them by default.
        method: ``saliency`` (gradient), ``inputxgradient``, or ``integratedgradients`` from no signal at all, whose sum
            is the change of the logits.

    Raises:
        InputError: the method or the task is unknown, or the bins hold no bin.
    """
    if method not in _METHODS:
        raise InputError(f"method: {method!r} is unknown, expected one of {', '.join(_METHODS)}; choose one of them")
    kind, options = _METHODS[method]
    explained = _Explained(model, task, bins)
    signal = [_tensor(inputs[i : i + 1]).requires_grad_() for i in range(len(inputs))]
    rows = [kind(explained).attribute(row, **options) for row in signal]
    return torch.cat(rows).detach().mT.numpy().astype(np.float32)


def deletion(
    model: LightningModel,
    inputs: Float[np.ndarray, "batch bin channel"],
    width_bins: int,
    *,
    step_bins: int | None = None,
    task: str | int = 0,
    bins: slice = slice(None),
    value: float = 0.0,
) -> Deletion:
    """Delete the signal of every stretch of `width_bins` in turn, and see how the logits of a task change.

    Args:
        model: the model.
        inputs: as the entry takes them.
        width_bins: width of a stretch.
        step_bins: from one stretch to the next; as wide as a stretch where None.
        task: name or number of a task.
        bins: which bins of the output to explain; all of them by default.
        value: what stands where the signal was: 0, no signal, or NaN, a missing mark.

    Raises:
        InputError: the task is unknown, the bins hold no bin, or a stretch is wider than the input.
    """
    step = width_bins if step_bins is None else step_bins
    n_bins = inputs.shape[1]
    if not 0 < width_bins <= n_bins or step <= 0:
        raise InputError(
            f"width_bins: {width_bins} in steps of {step} found, expected 1 to {n_bins} in steps of 1 or more"
        )
    explained = _Explained(model, task, bins)
    starts = np.arange(0, n_bins - width_bins + 1, step)
    signal = _tensor(inputs)
    change = np.empty((len(inputs), len(starts)), np.float32)
    with torch.no_grad():
        whole = explained(signal)
        for number, start in enumerate(starts):
            deleted = signal.clone()
            # Bins outside the chromosome stay outside.
            stretch = deleted[:, :, start : start + width_bins]
            stretch[stretch != -1] = value
            change[:, number] = (explained(deleted) - whole).numpy()
    return Deletion(starts, change)


class _Explained(nn.Module):
    """The logits of one task, summed over bins: one number per row."""

    def __init__(self, model: LightningModel, task: str | int, bins: slice) -> None:
        super().__init__()
        inner = require_signal_model(model)
        names = list(model.data_params.get("tasks", {}).get("name", []))
        if isinstance(task, str) and task not in names:
            raise InputError(f"task: {task!r} is unknown, expected one of {', '.join(names)}; choose one of them")
        number = names.index(task) if isinstance(task, str) else task
        if not 0 <= number < inner.head.n_tasks:
            raise InputError(f"task: {number} found, the model has {inner.head.n_tasks}; count them from 0")
        self.model, self.number, self.bins = model, number, bins

    def forward(self, x: Float[Tensor, "batch channel bin"]) -> Float[Tensor, " batch"]:
        chosen = self.model(x, logits=True)[:, self.number, self.bins]
        if not chosen.shape[1]:
            raise InputError(f"bins: {self.bins} holds no bin of the output; give others")
        return chosen.sum(1)


def _tensor(inputs: Float[np.ndarray, "batch bin channel"]) -> Float[Tensor, "batch channel bin"]:
    return torch.from_numpy(np.ascontiguousarray(np.asarray(inputs, np.float32).swapaxes(1, 2)))
