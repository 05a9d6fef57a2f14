"""The scale of a file as a parameter: the factor with which the pretrained model agrees best with the labels."""

from collections.abc import Iterable

import jax.numpy as jnp
import numpy as np

from epizoo.finetuning.label_crops import crop_settings, fixed_crops
from epizoo.finetuning.label_steps import Names, balanced_mean, compile_steps
from epizoo.finetuning.trainable import model_arrays
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.labelled_stretches import LabelledStretch

LARGEST_LOG = 1.2
_PRIOR_WEIGHT, _PRIOR_SD = 0.02, 0.5


def scaled(stretches: Iterable[LabelledStretch], factor: float) -> list[LabelledStretch]:
    """The same signal, its scale multiplied."""
    return [stretch._replace(scale=stretch.scale * factor) for stretch in stretches]


def label_scale_factor(model: PeakCaller, stretches: list[LabelledStretch], settings: TuningSettings) -> float:
    """Factor of the scales at which the labels are most probable under the pretrained model.

    One parameter, on a grid, with a weak log-normal prior around 1, so that few labels suffice.
    """
    graph, paths, arrays = model_arrays(model)
    compiled = compile_steps(graph, Names(paths), settings)
    shape = crop_settings(stretches, model.receptive_field_bins)
    logs = np.linspace(-LARGEST_LOG, LARGEST_LOG, 25)
    costs = []
    for log in logs:
        crops = fixed_crops(scaled(stretches, float(np.exp(log))), shape, most=128, seed=settings.seed)
        losses = compiled.measure(arrays, compiled.inputs(arrays, crops.coverage), crops.labels)
        loss = balanced_mean(losses, jnp.asarray(crops.labels.annotation), jnp.asarray(crops.weight))
        costs.append(float(loss) + _PRIOR_WEIGHT * (log / _PRIOR_SD) ** 2)
    return float(np.exp(logs[int(np.argmin(costs))]))
