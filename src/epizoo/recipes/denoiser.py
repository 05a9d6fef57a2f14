"""Denoisers of coverage, fitted to simulated experiments whose expected coverage is known.

    python -m epizoo.recipes.denoiser atac --seed 0 -o runs/atac-denoiser

writes ``denoiser.safetensors`` and ``denoising.json``; ``python -m epizoo.recipes.add_denoiser`` adds them to an entry.
The denoiser has no part of the peak caller in it, nor the other way round: peaks stay what they were, to the last bit.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float
from safetensors.numpy import load_file, save_file

from epizoo.errors import InputError
from epizoo.files import atomic_path, write_json
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.denoiser import Denoiser
from epizoo.models.peak_caller.denoising_windows import DenoiserConfig
from epizoo.peaks.network_fit import compiled_step
from epizoo.recipes.labelled_peaks_settings import UNIVERSAL
from epizoo.recipes.run_folder import Progress, one_sentence_errors, plain, prose, recipe_parser, versions
from epizoo.recipes.simulated_peaks import ATAC, OPEN_CHROMATIN
from epizoo.simulation.coverage import SimulationConfig, simulate
from epizoo.simulation.fragment_windows import fragment_windows
from epizoo.simulation.fragments import FragmentSimulationConfig

WEIGHTS_FILE, ABOUT_FILE = "denoiser.safetensors", "denoising.json"
_PSEUDO_COUNT = 1e-3
_READ_BP = 150
_LONGEST_REPEAT_BINS = 40
_REPEAT_LEVELS = (50.0, 500.0)
_LEAST_REPEAT_READS = 10.0
_LEAST_DEVIANCE = 1e-4


class Experiments(NamedTuple):
    """Windows of simulated experiments."""

    coverage: Float[np.ndarray, "window bin"]
    expected: Float[np.ndarray, "window bin"]
    """The coverage with endless reads at the same depth."""
    scale: Float[np.ndarray, " window"]
    """An estimate of the file's scale, with an error."""


@dataclass(frozen=True)
class DenoisingSettings:
    """Settings of the fit of a denoiser, and its simulated experiments."""

    name: str
    bin_bp: int
    denoiser: DenoiserConfig
    fragments: FragmentSimulationConfig | None = None
    """Experiments fragment by fragment, …"""
    coverage: tuple[SimulationConfig, ...] = ()
    """… or pile-ups of several kinds."""
    n_bins: int = 512
    n_pool: int = 6_000
    n_windows: int = 24
    n_steps: int = 2_000
    learning_rate: float = 3e-3
    scale_error_sd: float = 0.2
    """Log standard deviation of a further error in the scale, new in every step."""
    repeat_share: float = 0.0
    """Share of the windows of pile-ups with a ragged repeat, 50 to 500 times as high as the scale (or 10 reads)."""

    def draw(self, random: np.random.Generator, n_windows: int) -> Experiments:
        """New experiments."""
        if self.fragments is not None:
            return Experiments(*fragment_windows(random, n_windows, self.n_bins, self.bin_bp, self.fragments))
        n_each = -(-n_windows // len(self.coverage))
        parts = [simulate(random, n_each, self.n_bins, self.bin_bp, config) for config in self.coverage]
        columns = zip(*((part.coverage, part.expected, part.scale) for part in parts), strict=True)
        return _with_repeats(random, Experiments(*map(np.concatenate, columns)), self.repeat_share, self.bin_bp)


# From a fifth of the depth that the peak callers learn at: shallow files are what denoising is for.
_DEPTHS = (2e5, 1e8)
ENTRIES = {
    settings.name: settings
    for settings in (
        DenoisingSettings(
            "atac",
            ATAC.model.bin_bp,
            DenoiserConfig((1, 3, 7, 15, 31, 63, 127)),
            fragments=replace(OPEN_CHROMATIN, reads=_DEPTHS),
        ),
        DenoisingSettings(
            "universal",
            UNIVERSAL.model.bin_bp,
            DenoiserConfig((1, 3, 7, 15, 31, 63, 127, 255), levels=(0.1, 1.0)),
            coverage=tuple(replace(config, depth=(0.01, config.depth[1])) for config in UNIVERSAL.simulations),
            n_bins=1_024,
            n_pool=3_000,
            n_steps=4_000,
            # More of them cost shallow files more: see docs/experiments/denoising.md.
            repeat_share=0.01,
        ),
    )
}


def poisson_deviance(
    expected: Float[Array | np.ndarray, "*axes"], found: Float[Array | np.ndarray, "*axes"]
) -> Float[Array, "*axes"]:
    """Twice the log-likelihood ratio of counts at their own mean and at this one; 0 where both are equal.

    Args:
        expected: counts, or their expectation, at least 0.
        found: the mean that is judged; 1e-3 is added to both, so that a 0 costs no more than it should.
    """
    expected, found = jnp.asarray(expected) + _PSEUDO_COUNT, jnp.asarray(found) + _PSEUDO_COUNT
    return 2 * (expected * jnp.log(expected / found) - expected + found)


def fit_denoiser(
    settings: DenoisingSettings, seed: int, report: Callable[[int, float], None] | None = None
) -> Denoiser:
    """A denoiser that was fitted to a pool of experiments, by Adam with a cosine to zero.

    The loss is the root of the mean Poisson deviance of a window from its expected coverage, which deep windows would
    rule and shallow ones be lost in without the root.
    """
    random = np.random.default_rng(seed)
    pool = settings.draw(random, settings.n_pool)
    graph, parameters = nnx.split(Denoiser(settings.denoiser, rngs=nnx.Rngs(seed)))
    reach = settings.denoiser.reach_bins
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, settings.learning_rate, min(100, settings.n_steps // 10), settings.n_steps
    )
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    state = optimiser.init(parameters)

    def loss(parameters: nnx.State, batch: Experiments) -> Float[Array, ""]:
        scale = batch.scale[:, None]
        found = nnx.merge(graph, parameters)(batch.coverage / scale) * scale
        deviance = poisson_deviance(batch.expected, found)[:, reach:-reach].mean(axis=1)
        return jnp.sqrt(deviance + _LEAST_DEVIANCE).mean()

    step = compiled_step(loss, optimiser)
    for number in range(settings.n_steps):
        batch = _batch(random, pool, settings)
        parameters, state, value = step(parameters, state, batch)
        if report is not None and number % 100 == 0:
            report(number, float(value))
    return nnx.merge(graph, parameters)


def denoise(denoiser: Denoiser, experiments: Experiments, rows: int = 50) -> Float[np.ndarray, "window bin"]:
    """Denoised coverage of experiments, in the unit of their coverage."""
    run = nnx.jit(lambda module, signal: module(signal))
    scale = experiments.scale[:, None]
    signal = (experiments.coverage / scale).astype(np.float32)
    parts = [np.asarray(run(denoiser, signal[i : i + rows])) for i in range(0, len(signal), rows)]
    return np.concatenate(parts) * scale


def read_denoiser(folder: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The weights of a denoiser, and what is to be said of it, from the folder that the command wrote.

    Raises:
        InputError: a file is missing.
    """
    for name in (WEIGHTS_FILE, ABOUT_FILE):
        if not (Path(folder) / name).is_file():
            raise InputError(f"{Path(folder) / name}: missing; a run of epizoo.recipes.denoiser leaves it behind")
    about = json.loads((Path(folder) / ABOUT_FILE).read_text(encoding="utf-8"))
    return load_file(Path(folder) / WEIGHTS_FILE), about


def _with_repeats(random: np.random.Generator, windows: Experiments, share: float, bin_bp: int) -> Experiments:
    """The windows, some with a stretch of far higher coverage, whose ragged form is no noise."""
    coverage, expected = windows.coverage.copy(), windows.expected.copy()
    n_bins, per_read = coverage.shape[1], bin_bp / _READ_BP
    for row in np.flatnonzero(random.random(len(coverage)) < share):
        width = int(np.exp(random.uniform(0, np.log(_LONGEST_REPEAT_BINS))))
        start = random.integers(n_bins - width)
        shape = random.uniform(1.0, 5.0)
        level = max(windows.scale[row], _LEAST_REPEAT_READS) * np.exp(random.uniform(*np.log(_REPEAT_LEVELS)))
        added = level * random.gamma(shape, 1 / shape, width)
        expected[row, start : start + width] += added
        coverage[row, start : start + width] += random.poisson(added * per_read) / per_read
    return windows._replace(coverage=coverage, expected=expected)


def _batch(random: np.random.Generator, pool: Experiments, settings: DenoisingSettings) -> Experiments:
    """Some windows of the pool, reflected or not."""
    chosen = random.choice(len(pool.scale), settings.n_windows, replace=False)
    order = slice(None, None, -1 if random.random() < 0.5 else 1)
    error = np.exp(settings.scale_error_sd * random.normal(size=len(chosen))).astype(np.float32)
    return Experiments(
        np.ascontiguousarray(pool.coverage[chosen][:, order]),
        np.ascontiguousarray(pool.expected[chosen][:, order]),
        pool.scale[chosen] * error,
    )


def main() -> None:
    """The command."""
    arguments = recipe_parser(__doc__, ENTRIES).parse_args()
    settings, progress = ENTRIES[arguments.entry], Progress()
    with one_sentence_errors():
        progress.say(f"simulating {settings.n_pool:,} windows")
        denoiser = fit_denoiser(settings, arguments.seed, progress.steps("fitting"))
        arguments.output.mkdir(parents=True, exist_ok=True)
        with atomic_path(arguments.output / WEIGHTS_FILE) as path:
            save_file(flatten_parameters(denoiser), path)
        write_json(arguments.output / ABOUT_FILE, describe(settings, arguments.seed))
        progress.say(f"wrote {arguments.output}")


def describe(settings: DenoisingSettings, seed: int) -> dict[str, Any]:
    """The content of ``denoising.json``: the shape of the denoiser and how it was fitted."""
    return {
        "denoise": plain(asdict(settings.denoiser)),
        "procedure": prose("denoiser")["procedure"],
        "command": f"python -m epizoo.recipes.denoiser {settings.name} --seed {seed} -o runs/{settings.name}-denoiser",
        "seed": seed,
        "n_steps": settings.n_steps,
        "learning_rate": settings.learning_rate,
        "n_pool": settings.n_pool,
        "scale_error_sd": settings.scale_error_sd,
        "repeat_share": settings.repeat_share,
        "versions": versions(),
    }


if __name__ == "__main__":
    main()
