"""The zoo's models as gReLU's `BaseModel`: signal (batch, channel, bin) in, logits (batch, task, bin) out.

The embedding is a twin of `epizoo.conversion.torch.models` without what makes outputs of its features, and the head is
that last part. `LightningModel.change_head` gives any model a fresh head with random weights; these models catch it
and keep what was learned where the tasks allow (`epizoo.plugins.grelu.heads`).

Input may carry a frame (`epizoo.plugins.grelu.frame`), as the datasets of `epizoo.plugins.grelu.datasets` give it. It
is checked, and bins without a label are taken out of the loss: their logits become the constant of a certain "no"
whose loss and gradient are exactly 0 in float32 with the label 0 that those bins have.
"""

from collections.abc import Sequence
from typing import Any

import torch
from grelu.model.heads import ConvHead
from grelu.model.models import BaseModel
from jaxtyping import Float
from torch import Tensor, nn

from epizoo.conversion.torch.models import ChromatinStateAnnotator, PeakCaller
from epizoo.conversion.torch.programs import blank_twin
from epizoo.errors import InputError
from epizoo.models.hmm.config import ChromatinStateConfig
from epizoo.models.peak_caller.config import PeakCallerConfig
from epizoo.plugins.grelu.frame import cropped, without_frame
from epizoo.plugins.grelu.heads import PeakHead, StateHead, full_precision

UNLABELLED_LOGIT = -1e4
"""sigmoid and softplus of it are exactly 0 in float32."""
LEAST_POSTERIOR = 1e-30


class PeakEmbedding(PeakCaller):
    """The peak caller up to its last hidden layer: (batch, filter, bin), `crop_len` bins less on both sides."""

    def __init__(self, config: PeakCallerConfig, crop_len: int) -> None:
        super().__init__(config)
        del self.output_conv, self.threshold, self.temperature
        self.crop_len = crop_len

    def forward(self, x: Float[Tensor, "batch channel bin"]) -> Float[Tensor, "batch filter window"]:  # type: ignore[override]
        """Features of each bin; a frame of the input is checked and left out."""
        signal = without_frame(x, self.config.n_tracks, self.config.bin_bp, "coverage").signal
        with full_precision():
            return cropped(self.features(signal.mT).mT, self.crop_len)


class StateEmbedding(ChromatinStateAnnotator):
    """The HMM with its parameters, in float64: log posteriors (batch, state, bin) in float32, cropped."""

    def __init__(self, config: ChromatinStateConfig, crop_len: int) -> None:
        super().__init__(config)
        self.crop_len = crop_len
        self.double()

    def forward(self, x: Float[Tensor, "batch channel bin"]) -> Float[Tensor, "batch state window"]:  # type: ignore[override]
        """Log p(state | all bins), at least log 1e-30; bins outside the chromosome have equal values."""
        marks = without_frame(x, len(self.config.marks), self.config.bin_bp, "marks").signal
        if bool((marks > 1).any()):
            raise InputError(
                f"marks: values up to {float(marks.nan_to_num(0).max()):g} found, expected 0 to 1, NaN or -1; give a "
                "dataset that was made for this model"
            )
        with full_precision():
            posteriors, _ = self.posteriors(marks.mT.double())
        return cropped(posteriors.clamp_min(LEAST_POSTERIOR).log().mT, self.crop_len).float()


class SignalModel(BaseModel):
    """Base of the two models: the frame of the input, and the head that is kept.

    Attributes:
        crop_len: bins that the output has less than the input, on each side.
        zoo: plain values about the entry that the model came from (see `epizoo.plugins.grelu.checkpoints`), or None.
    """

    embedding: PeakEmbedding | StateEmbedding
    head: PeakHead | StateHead
    family: str
    input_name: str

    def __init__(
        self, embedding: nn.Module, head: nn.Module, crop_len: int, zoo: dict[str, Any] | None, bin_bp: int
    ) -> None:
        if crop_len < 0:
            raise InputError(f"crop_len: {crop_len} found, expected the flank of a window in bins, 0 or more")
        super().__init__(embedding, head)
        self.crop_len = crop_len
        self.bin_bp = bin_bp
        self.zoo = zoo

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "head" and isinstance(value, ConvHead) and "head" in self._modules:
            value = self.head.adopt(value)
        super().__setattr__(name, value)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the input's channels, without those of a frame."""
        raise NotImplementedError

    def forward(self, x: Float[Tensor, "batch channel bin"]) -> Float[Tensor, "batch task window"]:
        """Logits.

        Raises:
            InputError: the input has another number of channels, or its frame another width of bins or number of
                tasks than the model.
        """
        framed = without_frame(x, len(self.channels), self.bin_bp, self.input_name)
        if framed.n_tasks not in (0, self.head.n_tasks):
            raise InputError(
                f"labels: the dataset has {framed.n_tasks} tasks, the model {self.head.n_tasks}; give one label track "
                "for each task, or call tune_on_dataset or change_head for other tasks"
            )
        logits = super().forward(x)
        if framed.labelled is None:
            return logits
        labelled = framed.labelled[:, self.crop_len : framed.labelled.shape[1] - self.crop_len]
        if logits.shape[-1] == 1:
            labelled = labelled.any(1, keepdim=True)
        return torch.where(labelled[:, None], logits, UNLABELLED_LOGIT)


class PeakCallerModel(SignalModel):
    """A peak caller: coverage (batch, track, bin) in, log-odds of a peak (batch, task, bin) out.

    Args:
        n_tasks: kinds of peaks.
        crop_len: bins to crop from both sides, the flank of a window.
        final_pool_func: None for an output per bin, ``max`` or ``avg`` for one per window.
        zoo: about the entry that it came from.
        **config: of `epizoo.models.peak_caller.network.PeakCallerConfig`.
    """

    embedding: PeakEmbedding
    head: PeakHead
    family = "peak_caller"
    input_name = "coverage"

    def __init__(
        self,
        n_tasks: int = 1,
        crop_len: int = 0,
        final_pool_func: str | None = None,
        zoo: dict[str, Any] | None = None,
        **config: Any,
    ) -> None:
        self.config = PeakCallerConfig.from_dict(config)
        if self.config.heads or self.config.paired:
            raise InputError(
                "peak caller: heads and pairs of conditions are options of the JAX model alone; leave them out, and "
                "give gReLU's model one task for each kind of peaks"
            )
        filters, start = self.config.n_filters, (self.config.threshold, self.config.temperature)
        head = PeakHead(n_tasks, filters, final_pool_func, *start)
        super().__init__(PeakEmbedding(self.config, crop_len), head, crop_len, zoo, self.config.bin_bp)

    @property
    def channels(self) -> tuple[str, ...]:
        """``treatment``, and ``control`` where the model takes one."""
        return ("treatment", "control")[: self.config.n_tracks]


class ChromatinStateModel(SignalModel):
    """An HMM of chromatin states: marks (batch, mark, bin) in, log posteriors (batch, state, bin) out.

    Args:
        marks: names, in the order of the input's channels.
        n_states: number of states.
        n_tasks: of the head; the states where None.
        crop_len: bins to crop from both sides, the flank of a window.
        final_pool_func: None for an output per bin, ``max`` or ``avg`` for one per window.
        zoo: about the entry that it came from.
        **config: the rest of `epizoo.models.hmm.annotator.ChromatinStateConfig`.
    """

    embedding: StateEmbedding
    head: StateHead
    family = "chromatin_states"
    input_name = "marks"

    def __init__(
        self,
        marks: Sequence[str],
        n_states: int,
        n_tasks: int | None = None,
        crop_len: int = 0,
        final_pool_func: str | None = None,
        zoo: dict[str, Any] | None = None,
        **config: Any,
    ) -> None:
        self.config = ChromatinStateConfig(tuple(marks), n_states, **config)
        head = StateHead(n_states if n_tasks is None else n_tasks, n_states, final_pool_func)
        super().__init__(StateEmbedding(self.config, crop_len), head, crop_len, zoo, self.config.bin_bp)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the marks."""
        return self.config.marks

    def forward(self, x: Float[Tensor, "batch channel bin"]) -> Float[Tensor, "batch task window"]:
        """Logits; see `SignalModel.forward`."""
        frozen = not any(parameter.requires_grad for parameter in self.embedding.parameters())
        self.head.requires_grad_(frozen or not self.head.is_identity)
        return super().forward(x)


MODELS: dict[str, type[SignalModel]] = {"PeakCallerModel": PeakCallerModel, "ChromatinStateModel": ChromatinStateModel}
"""By their ``model_type``."""


def fill_from_twin(model: SignalModel, twin: nn.Module) -> None:
    """Take over the weights of a twin, as `epizoo.conversion.torch.programs.build_twin` gives it."""
    state = twin.state_dict()
    model.embedding.load_state_dict({name: state[name] for name in model.embedding.state_dict()})
    if isinstance(model.head, PeakHead):
        own = model.head.state_dict()
        model.head.load_state_dict({name: state[name].reshape(value.shape) for name, value in own.items()})


def twin_state(model: SignalModel, task: int = 0) -> dict[str, Tensor]:
    """The inverse of `fill_from_twin`: the state dict of the twin, for one task of a peak caller.

    Raises:
        InputError: the head of chromatin states is no longer the identity, so that the model is more than an HMM.
    """
    state = dict(model.embedding.state_dict())
    if isinstance(model.head, PeakHead):
        shapes = {name: value.shape for name, value in blank_twin(model.config).state_dict().items()}
        state |= {name: value[task].reshape(shapes[name]) for name, value in model.head.state_dict().items()}
    elif not model.head.is_identity:
        raise InputError(
            "model.head: has weights of its own, so that the model is more than an HMM; fine-tune with tasks that are "
            "the states and without freeze_embedding, so that the HMM learns instead"
        )
    return state


def register() -> None:
    """Make the models known to gReLU, by the names of their classes; may be called again.

    gReLU looks for classes in `grelu.model.models` alone. Checkpoints that it writes after training hold NumPy arrays,
    which torch loads with ``weights_only`` once their types are named as safe: they are named here.
    """
    import grelu.model.models
    import numpy as np
    from numpy._core import multiarray

    for name, model in MODELS.items():
        setattr(grelu.model.models, name, model)
    kinds = (np.float32, np.float64, np.int32, np.int64, np.bool_)
    dtypes = [type(np.dtype(kind)) for kind in kinds]
    torch.serialization.add_safe_globals([multiarray._reconstruct, multiarray.scalar, np.ndarray, np.dtype, *dtypes])
