"""The zoo's models as gReLU's `BaseModel`: signal (batch, channel, bin) in, logits (batch, task, bin) out.

The embedding is a twin of `epizoo.conversion.torch_models` without what makes outputs of its features, and the head is
that last part. `LightningModel.change_head` gives any model a fresh head with random weights; these models catch it
and keep what was learned where the tasks allow (see `PeakHead.adopt` and `StateHead.adopt`).

Input may carry `FRAME_CHANNELS` more channels, as the datasets of `epizoo.plugins.grelu_datasets` give them: the width
of a bin in bp, negative where a bin has no label, and the number of label tracks (0 where there are none). They are
checked, and bins without a label are taken out of the loss: their logits become the constant of a certain "no" whose
loss and gradient are exactly 0 in float32 with the label 0 that those bins have.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from grelu.model.heads import ConvHead
from grelu.model.layers import AdaptivePool
from grelu.model.models import BaseModel
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from epizoo.conversion.to_torch import blank_twin
from epizoo.conversion.torch_models import ChromatinStateAnnotator, PeakCaller
from epizoo.errors import InputError
from epizoo.models.chromatin_state_annotator import ChromatinStateConfig
from epizoo.models.peak_caller import PeakCallerConfig

FRAME_CHANNELS = 2
UNLABELLED_LOGIT = -1e4
"""sigmoid and softplus of it are exactly 0 in float32."""
LEAST_POSTERIOR = 1e-30
_TEMPERATURE_FLOOR = 1e-6


class Framed(NamedTuple):
    """Input without its frame."""

    signal: Float[Tensor, "batch channel bin"]
    labelled: Bool[Tensor, "batch bin"] | None
    """None where the input has no frame."""
    n_tasks: int
    """Label tracks that come with the input, 0 where there are none or it is not known."""


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


class PeakHead(nn.Module):
    """(score - threshold) / temperature of each task: the log-odds of a peak, for `in_channels` features."""

    def __init__(
        self,
        n_tasks: int,
        in_channels: int,
        pool_func: str | None = None,
        threshold: float = 0.5,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.n_tasks = n_tasks
        self.in_channels = in_channels
        self.output_conv = nn.Conv1d(in_channels, n_tasks, 1)
        self.threshold = nn.Parameter(torch.full((n_tasks,), float(threshold)))
        self.temperature = nn.Parameter(torch.full((n_tasks,), float(temperature)))
        self.pool = AdaptivePool(pool_func)

    def forward(self, x: Float[Tensor, "batch filter bin"]) -> Float[Tensor, "batch task bin"]:
        """Logits of each bin, or of the whole window where the head pools."""
        with full_precision():
            scores = self.output_conv(x)
        temperature = self.temperature.abs() + _TEMPERATURE_FLOOR
        return self.pool((scores - self.threshold[:, None]) / temperature[:, None])

    def adopt(self, fresh: ConvHead) -> "PeakHead":
        """A head with the tasks and pooling of `fresh` that keeps what this one knows.

        The tasks that are there keep their weights, further ones start as the mean of them. With fewer tasks nobody
        knows which ones are left, so that the head starts anew, as gReLU's does.
        """
        head = PeakHead(fresh.n_tasks, self.in_channels, fresh.pool_func).to(self.threshold.device)
        if fresh.n_tasks >= self.n_tasks:
            own = self.state_dict()
            with torch.no_grad():
                for name, parameter in head.named_parameters():
                    more = own[name].mean(0, keepdim=True).expand(fresh.n_tasks - self.n_tasks, *own[name].shape[1:])
                    parameter.copy_(torch.cat([own[name], more]))
        return head


class StateHead(nn.Module):
    """A 1x1 convolution that starts as the identity: the softmax of log posteriors is the posteriors.

    As long as the tasks are the states it stays the identity, and what is learned goes into the HMM, unless the
    embedding is frozen.
    """

    def __init__(self, n_tasks: int, in_channels: int, pool_func: str | None = None) -> None:
        super().__init__()
        self.n_tasks = n_tasks
        self.in_channels = in_channels
        start = torch.eye(n_tasks)[..., None] if n_tasks == in_channels else nn.Conv1d(in_channels, n_tasks, 1).weight
        self.weight = nn.Parameter(start.detach())
        self.bias = nn.Parameter(torch.zeros(n_tasks))
        self.pool = AdaptivePool(pool_func)

    def forward(self, x: Float[Tensor, "batch state bin"]) -> Float[Tensor, "batch task bin"]:
        """Logits of each bin, or of the whole window where the head pools."""
        with full_precision():
            return self.pool(functional.conv1d(x, self.weight, self.bias))

    @property
    def is_identity(self) -> bool:
        """Whether logits are the log posteriors."""
        square = self.n_tasks == self.in_channels
        eye = torch.eye(self.n_tasks, device=self.weight.device)
        return square and torch.equal(self.weight[..., 0], eye) and not bool(self.bias.any())

    def adopt(self, fresh: ConvHead) -> "StateHead":
        """A head with the tasks and pooling of `fresh` that keeps what this one knows.

        With the same number of tasks, and for the first ones of more, the weights stay; further tasks, and all tasks
        where there are fewer, start with random weights.
        """
        head = StateHead(fresh.n_tasks, self.in_channels, fresh.pool_func).to(self.weight.device)
        if fresh.n_tasks >= self.n_tasks:
            with torch.no_grad():
                head.weight[: self.n_tasks] = self.weight
                head.bias[: self.n_tasks] = self.bias
        return head


class SignalModel(BaseModel):
    """What the two models share: the frame of the input, and the head that is kept.

    Attributes:
        crop_len: bins that the output has less than the input, on each side.
        zoo: plain values about the entry that the model came from (see `epizoo.plugins.grelu_checkpoints`), or None.
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
        **config: of `epizoo.models.peak_caller.PeakCallerConfig`.
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
        **config: the rest of `epizoo.models.chromatin_state_annotator.ChromatinStateConfig`.
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
    """Take over the weights of a twin, as `epizoo.conversion.to_torch.build_twin` gives it."""
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
        shapes = {
            name: value.shape for name, value in blank_twin(model.family, asdict(model.config)).state_dict().items()
        }
        state |= {name: value[task].reshape(shapes[name]) for name, value in model.head.state_dict().items()}
    elif not model.head.is_identity:
        raise InputError(
            "model.head: has weights of its own, so that the model is more than an HMM; fine-tune with tasks that are "
            "the states and without freeze_embedding, so that the HMM learns instead"
        )
    return state


def without_frame(x: Float[Tensor, "batch channel bin"], n_channels: int, bin_bp: int, name: str) -> Framed:
    """Take the frame off, where there is one.

    Raises:
        InputError: another number of channels, or another width of bins.
    """
    if x.ndim != 3 or x.shape[1] not in (n_channels, n_channels + FRAME_CHANNELS):
        raise InputError(
            f"{name}: a tensor of shape {tuple(x.shape)} found, the model expects (batch, {n_channels}, bins); give a "
            "dataset that was made for this model"
        )
    if x.shape[1] == n_channels:
        return Framed(x, None, 0)
    width, n_tasks = x[:, n_channels], int(x[0, n_channels + 1, 0])
    found = float(width[0, 0].abs())
    if found != bin_bp:
        raise InputError(
            f"{name}: bins of {found:g} bp found, the model expects {bin_bp} bp; give a dataset that was made for "
            "this model"
        )
    return Framed(x[:, :n_channels], width > 0, n_tasks)


def cropped(x: Float[Tensor, "batch channel bin"], crop_len: int) -> Float[Tensor, "batch channel window"]:
    """Without `crop_len` bins on both sides.

    Raises:
        InputError: nothing would be left.
    """
    if x.shape[-1] <= 2 * crop_len:
        raise InputError(
            f"input: {x.shape[-1]} bins found, the model crops {crop_len} on each side; give more than twice that"
        )
    return x[..., crop_len : x.shape[-1] - crop_len]


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Multiply matrices in full float32, whatever the process is set to; gReLU sets it to "medium" and leaves it so."""
    previous = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(previous)


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
