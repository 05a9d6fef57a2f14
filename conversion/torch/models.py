"""The models of `epizoo.models` in torch: the same modules, names and outputs."""

from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from epizoo.conversion.torch import hmm as torch_hmm
from epizoo.conversion.torch.denoiser import Denoiser
from epizoo.conversion.torch.hmm import Chunks, HMMParameters
from epizoo.errors import InputError

if TYPE_CHECKING:
    from epizoo.models.hmm.config import ChromatinStateConfig
    from epizoo.models.peak_caller.config import PeakCallerConfig

_EDGE_SOFTNESS = 0.1
_TEMPERATURE_FLOOR = 1e-6
_CONTEXT_KERNEL = 3
_CHUNK_BINS = 32
# A batch with at least this many windows keeps the cores busy with one bin of each at a time.
_SIDE_BY_SIDE = 512


class PeakCallerOutput(NamedTuple):
    """Outputs of the peak caller for every bin; see `epizoo.models.peak_caller.network.PeakCallerOutput`."""

    peak_scores: Float[Tensor, "batch bin"]
    peak_probabilities: Float[Tensor, "batch bin"]
    peak_summits: Float[Tensor, "batch bin"]
    peak_starts: Float[Tensor, "batch bin"]
    peak_ends: Float[Tensor, "batch bin"]


class ContextBlock(nn.Module):
    """A residual block with a dilated convolution; it starts as the identity."""

    def __init__(self, n_filters: int, dilation: int) -> None:
        super().__init__()
        self.dilated_conv = nn.Conv1d(n_filters, n_filters, _CONTEXT_KERNEL, dilation=dilation, padding="same")
        self.mix_conv = nn.Conv1d(n_filters, n_filters, 1)
        nn.init.zeros_(self.mix_conv.weight)
        assert self.mix_conv.bias is not None
        nn.init.zeros_(self.mix_conv.bias)

    def forward(self, features: Float[Tensor, "batch feature bin"]) -> Float[Tensor, "batch feature bin"]:
        """Features plus what their surroundings add to them."""
        return features + self.mix_conv(torch.relu(self.dilated_conv(features)))


class PeakCaller(nn.Module):
    """The twin of `epizoo.models.peak_caller.network.PeakCaller`: coverage (batch, bin, track) in."""

    def __init__(self, config: "PeakCallerConfig") -> None:
        super().__init__()
        self.config = config
        self.scale_convs = nn.ModuleList(
            nn.Conv1d(config.n_tracks, config.n_filters, size, padding="same") for size in config.kernel_sizes
        )
        n_combined = config.n_filters * len(config.kernel_sizes)
        self.combine_conv = nn.Conv1d(n_combined, config.n_filters, 3, padding="same")
        self.context = nn.ModuleList(ContextBlock(config.n_filters, dilation) for dilation in config.dilations)
        self.output_conv = nn.Conv1d(config.n_filters, 1, 1)
        self.threshold = nn.Parameter(torch.tensor(float(config.threshold)))
        self.temperature = nn.Parameter(torch.tensor(float(config.temperature)))
        self.denoiser = Denoiser(config.denoise) if config.denoise is not None else None

    def forward(self, coverage: Float[Tensor, "batch bin track"]) -> PeakCallerOutput:
        """All outputs for every input bin; coverage as the entry's transform gives it."""
        scores = self.scores(coverage)
        temperature = self.temperature.abs() + _TEMPERATURE_FLOOR
        probabilities = torch.sigmoid((scores - self.threshold) / temperature)
        summits = soft_local_maximum(scores * probabilities / temperature, self.config.summit_window_bins)
        rise = probabilities - torch.cat([probabilities[:, :1], probabilities[:, :-1]], dim=1)
        return PeakCallerOutput(
            peak_scores=scores,
            peak_probabilities=probabilities,
            peak_summits=summits,
            peak_starts=torch.sigmoid(rise / _EDGE_SOFTNESS),
            peak_ends=torch.sigmoid(-rise / _EDGE_SOFTNESS),
        )

    def features(self, coverage: Float[Tensor, "batch bin track"]) -> Float[Tensor, "batch bin feature"]:
        """The last hidden layer, `n_filters` wide."""
        return self._hidden(coverage).mT

    def scores(self, coverage: Float[Tensor, "batch bin track"]) -> Float[Tensor, "batch bin"]:
        """`peak_scores` alone."""
        return self.output_conv(self._hidden(coverage))[:, 0]

    def logits(self, coverage: Float[Tensor, "batch bin track"]) -> Float[Tensor, "batch bin"]:
        """Log-odds of `peak_probabilities`, without their rounding: what a loss should use."""
        return (self.scores(coverage) - self.threshold) / (self.temperature.abs() + _TEMPERATURE_FLOOR)

    def denoised(self, coverage: Float[Tensor, "batch bin track"]) -> Float[Tensor, "batch bin"]:
        """The treatment's coverage without noise, as the transform gives it.

        Raises:
            InputError: the model has no denoiser.
        """
        if self.denoiser is None:
            raise InputError("denoised coverage: the model has no denoiser; set denoise in its config")
        return torch.asinh(self.denoiser(torch.sinh(coverage[..., 0])))

    def _hidden(self, coverage: Float[Tensor, "batch bin track"]) -> Float[Tensor, "batch feature bin"]:
        signal = coverage.mT
        scales = [torch.relu(conv(signal)) for conv in self.scale_convs]
        features = torch.relu(self.combine_conv(torch.cat(scales, dim=1)))
        for block in self.context:
            features = block(features)
        return features


class ChromatinStateOutput(NamedTuple):
    """Outputs of a model for each bin; see `epizoo.models.hmm.annotator.ChromatinStateOutput`."""

    state_posteriors: Float[Tensor, "batch bin state"]
    state_probabilities: Float[Tensor, "batch bin state"]
    viterbi_path: Int[Tensor, "batch bin"]
    log_likelihood_per_bin: Float[Tensor, "batch bin"]


class ChromatinStateAnnotator(nn.Module):
    """The twin of `epizoo.models.hmm.annotator.ChromatinStateAnnotator`: marks (batch, bin, mark) in.

    The same logits are its parameters. `log_likelihood` and `posteriors` are what to train on: they leave the path out.
    """

    def __init__(self, config: "ChromatinStateConfig") -> None:
        super().__init__()
        self.config = config
        n_states, n_marks = config.n_states, len(config.marks)
        self.initial_logits = nn.Parameter(0.1 * torch.randn(n_states))
        self.transition_logits = nn.Parameter(0.1 * torch.randn(n_states, n_states) + 2 * torch.eye(n_states))
        self.emission_logits = nn.Parameter(0.5 * torch.randn(n_states, n_marks))

    def probabilities(self) -> HMMParameters:
        """The probabilities, computed from the logits."""
        return HMMParameters(
            initial=torch.softmax(self.initial_logits, -1),
            transition=torch.softmax(self.transition_logits, -1),
            emission=torch.sigmoid(self.emission_logits),
        )

    def forward(self, marks: Float[Tensor, "batch bin mark"], chunks: Chunks | None = None) -> ChromatinStateOutput:
        """Annotate sequences: 0, 1, soft values between, NaN where a mark is missing, -1 outside the chromosome.

        Args:
            marks: the sequences.
            chunks: how the recursions are cut up; as suits the shape of `marks` where None.

        Raises:
            InputError: the marks have another shape than the config says.
        """
        posteriors, filtered = self.posteriors(marks, chunks)
        parameters = self.probabilities()
        chunks = chunks or suitable_chunks(marks)
        path = torch_hmm.viterbi(parameters, marks, self._start(parameters), chunks)
        return ChromatinStateOutput(posteriors, filtered.probabilities, path, filtered.log_likelihood_per_bin)

    def posteriors(
        self, marks: Float[Tensor, "batch bin mark"], chunks: Chunks | None = None
    ) -> tuple[Float[Tensor, "batch bin state"], torch_hmm.Filtered]:
        """p(state | all bins), and what the filter gives on the way; see `forward`."""
        self._require_shape(marks)
        parameters = self.probabilities()
        return torch_hmm.posteriors(parameters, marks, self._start(parameters), chunks or suitable_chunks(marks))

    def log_likelihood(
        self, marks: Float[Tensor, "batch bin mark"], chunks: Chunks | None = None
    ) -> Float[Tensor, " batch"]:
        """Log p(marks) of each sequence, in nats, by the forward recursion alone."""
        self._require_shape(marks)
        parameters = self.probabilities()
        filtered = torch_hmm.forward(parameters, marks, self._start(parameters), chunks or suitable_chunks(marks))
        return filtered.log_likelihood_per_bin.sum(-1)

    def log_emissions(self, marks: Float[Tensor, "batch bin mark"]) -> Float[Tensor, "batch bin state"]:
        """Log p(marks of the bin | state), in nats."""
        return torch_hmm.log_emissions(self.probabilities().emission, marks)

    def _start(self, parameters: HMMParameters) -> Float[Tensor, " state"]:
        if self.config.start == "stationary":
            return torch_hmm.stationary(parameters.transition)
        return parameters.initial

    def _require_shape(self, marks: Float[Tensor, "batch bin mark"]) -> None:
        n_marks = len(self.config.marks)
        if marks.ndim != 3 or marks.shape[-1] != n_marks or marks.shape[1] == 0:
            raise InputError(
                f"marks: a tensor of shape {tuple(marks.shape)} was given where (batch, bin, {n_marks}) is expected, "
                f"with one column for each of {', '.join(self.config.marks)}; give at least one bin, and NaN where a "
                "mark is missing"
            )


def suitable_chunks(marks: Float[Tensor, "batch bin mark"]) -> Chunks:
    """Chunks for sequences: none where enough of them run side by side."""
    batch, n_bins = marks.shape[:2]
    return Chunks(n_bins if batch >= _SIDE_BY_SIDE or n_bins <= 2 * _CHUNK_BINS else _CHUNK_BINS)


def soft_local_maximum(values: Float[Tensor, "batch bin"], window_bins: int) -> Float[Tensor, "batch bin"]:
    """Softmax share of each bin among those around it; see `epizoo.models.peak_caller.network.soft_local_maximum`."""
    before = window_bins // 2
    outside = torch.finfo(values.dtype).min / 4
    padded = functional.pad(values, (before, window_bins - 1 - before), value=outside)
    n_bins = values.shape[-1]
    total = None
    offset, width = 0, 1
    while True:
        # `padded` holds sums over runs of `width`; the binary digits of the window say which of them make it up.
        if window_bins & width:
            part = padded[:, offset : offset + n_bins]
            total = part if total is None else torch.logaddexp(total, part)
            offset += width
        if 2 * width > window_bins:
            assert total is not None
            return torch.exp(values - total)
        padded = torch.logaddexp(padded[:, :-width], padded[:, width:])
        width *= 2
