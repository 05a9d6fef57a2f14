"""`epizoo.models.peak_caller.denoiser` in torch."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from epizoo.models.peak_caller.denoising_windows import (
    GRAIN_FLOOR,
    RATIO_FLOOR,
    TINY,
    DenoiserConfig,
    grain_kernels,
    window_kernels,
)


class Denoiser(nn.Module):
    """The twin of `epizoo.models.peak_caller.denoiser.Denoiser`; the windows are no parameters."""

    windows: Tensor
    grains: Tensor
    levels: Tensor

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.widest = len(config.widths) - 1
        for name, kernels in (("windows", window_kernels(config.widths)), ("grains", grain_kernels(config.widths))):
            self.register_buffer(name, torch.from_numpy(kernels.T[:, None].copy()), persistent=False)
        self.register_buffer("levels", torch.tensor(config.levels)[:, None], persistent=False)
        n_windows, n_grains = len(self.windows), len(self.grains)
        self.ratio_conv = nn.Conv1d(n_windows + n_grains + 1, config.n_hidden, 1)
        self.mix_conv = nn.Conv1d(config.n_hidden, config.n_hidden, 1)
        self.weight_conv = nn.Conv1d(config.n_hidden, n_windows + len(config.levels), 1)
        nn.init.zeros_(self.weight_conv.weight)
        assert self.weight_conv.bias is not None
        nn.init.zeros_(self.weight_conv.bias)

    def forward(self, signal: Float[Tensor, "batch bin"]) -> Float[Tensor, "batch bin"]:
        """The denoised signal; both are linear, at least 0 and multiples of the file's scale."""
        means = _convolved(signal, self.windows)
        after, before = signal[:, 1:], signal[:, :-1]
        steps = functional.pad((after - before) ** 2 / (after + before + TINY), (0, 1))
        widest, grain = means[:, self.widest : self.widest + 1], _convolved(steps, self.grains)
        seen = [means / (widest + TINY) + RATIO_FLOOR, grain / (widest + TINY) + GRAIN_FLOOR, widest + RATIO_FLOOR]
        hidden = torch.relu(self.mix_conv(torch.relu(self.ratio_conv(torch.log(torch.cat(seen, dim=1))))))
        weights = torch.softmax(self.weight_conv(hidden), dim=1)
        n_windows = len(self.windows)
        return (weights[:, :n_windows] * means).sum(dim=1) + (weights[:, n_windows:] * self.levels).sum(dim=1)


def _convolved(
    signal: Float[Tensor, "batch bin"], kernels: Float[Tensor, "window 1 offset"]
) -> Float[Tensor, "batch window bin"]:
    return functional.conv1d(signal[:, None], kernels, padding=kernels.shape[-1] // 2)
