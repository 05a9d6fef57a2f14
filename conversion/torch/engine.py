"""An entry computed by its torch twin, run eagerly."""

import numpy as np
import torch
from jaxtyping import Float

from epizoo.conversion.torch.programs import Program
from epizoo.zoo.engines import Arrays
from epizoo.zoo.entry import Entry


class TorchEngine:
    """The entry's torch twin."""

    def __init__(self, entry: Entry) -> None:
        self._program = Program(entry, layers=True).eval()

    def run(self, inputs: Float[np.ndarray, "batch bin channel"], names: tuple[str, ...]) -> Arrays:
        """The named layers and outputs of a batch, their flanks cropped."""
        with torch.inference_mode():
            arrays = self._program(torch.tensor(inputs), names)
        return {name: arrays[name].numpy() for name in names}
