"""Heads that keep what was learned: gReLU gives a model that is fine-tuned a fresh one, and these adopt its shape."""

import contextlib
from collections.abc import Iterator

import torch
from grelu.model.heads import ConvHead
from grelu.model.layers import AdaptivePool
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

_TEMPERATURE_FLOOR = 1e-6


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
        """True if logits are the log posteriors."""
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


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Multiply and convolve in full float32, whatever the process is set to, also on GPUs.

    gReLU sets multiplications to "medium" and leaves them so, and cuDNN's convolutions round to TF32 by default.
    """
    previous, rounds = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(previous)
        torch.backends.cudnn.allow_tf32 = rounds
