"""The frame of an input: what gReLU's datasets of signal tell a model of its bins, as `FRAME_CHANNELS` more channels.

The first is the width of a bin in bp, negative where a bin has no label, the second the number of label tracks, 0 where
there are none. Models check them and strip them.
"""

from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor

from epizoo.errors import InputError

FRAME_CHANNELS = 2


class Framed(NamedTuple):
    """Input without its frame."""

    signal: Float[Tensor, "batch channel bin"]
    labelled: Bool[Tensor, "batch bin"] | None
    """None where the input has no frame."""
    n_tasks: int
    """Label tracks that come with the input, 0 where there are none or it is not known."""


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
