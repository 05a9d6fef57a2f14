"""The data of DiffBio's published epigenomics example, drawn anew from any seed; seed 42 gives the published draw.

Described at https://github.com/avitai/DiffBio, docs/examples/advanced/epigenomics-analysis.md (MIT). Only JAX and NumPy
are needed, so that the same draws can be made in DiffBio's environment too.
"""

import jax
import numpy as np

PUBLISHED_SEED = 42
FURTHER_SEEDS = tuple(range(2000, 2020))

N_STATES, N_MARKS, N_BINS, BLOCK_BINS = 5, 6, 5000, 100
# Active promoter, enhancer, transcribed, repressed and quiescent; their marks are H3K4me3, H3K4me1, H3K27ac, H3K36me3,
# H3K27me3 and H3K9me3.
EMISSION = np.full((N_STATES, N_MARKS), 0.1, np.float32)
EMISSION[0, [0, 1, 2]] = 0.9, 0.2, 0.9
EMISSION[1, [0, 1, 2]] = 0.2, 0.8, 0.7
EMISSION[2, 3] = EMISSION[3, 4] = 0.8

N_POSITIONS, N_PEAKS, EDGE = 10_000, 50, 100


def draw_states(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Marks (bin, mark) with a little noise around 0 and 1, and the states of blocks of 100 bins."""
    of_blocks, of_marks, of_noise, _ = jax.random.split(jax.random.key(seed), 4)
    states = np.repeat(np.asarray(jax.random.randint(of_blocks, (N_BINS // BLOCK_BINS,), 0, N_STATES)), BLOCK_BINS)
    marks = np.zeros((N_BINS, N_MARKS), np.float32)
    for state in range(N_STATES):
        here = states == state
        if here.any():
            # A stream of its own for each state, as long as the state is frequent.
            stream = jax.random.fold_in(of_marks, state)
            marks[here] = jax.random.bernoulli(stream, EMISSION[state], (int(here.sum()), N_MARKS))
    noise = np.asarray(jax.random.uniform(of_noise, marks.shape)) * 0.1
    return np.clip(marks + noise - 0.05, 0, 1), states


def draw_peaks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A signal of 50 Gaussian peaks over exponential noise, and whether each position is within two widths of one."""
    of_noise, of_centres, of_heights, of_widths = jax.random.split(jax.random.key(seed), 4)
    centres = np.asarray(jax.random.randint(of_centres, (N_PEAKS,), EDGE, N_POSITIONS - EDGE))
    heights = np.asarray(jax.random.uniform(of_heights, (N_PEAKS,), minval=5.0, maxval=15.0))
    widths = np.asarray(jax.random.uniform(of_widths, (N_PEAKS,), minval=15.0, maxval=40.0))
    positions = np.arange(N_POSITIONS)
    signal = np.asarray(jax.random.exponential(of_noise, (N_POSITIONS,))) * np.float32(0.5)
    signal = signal + (heights * np.exp(-0.5 * ((positions[:, None] - centres) / widths) ** 2)).sum(axis=1)
    reach = (2 * widths).astype(int)
    inside = (positions[:, None] >= centres - reach) & (positions[:, None] < centres + reach)
    return signal.astype(np.float32), inside.any(axis=1)


def aligned_accuracy(predicted: np.ndarray, states: np.ndarray) -> float:
    """Share of bins whose state is right once predicted states are matched one to one with the true ones."""
    from scipy.optimize import linear_sum_assignment

    confusion = np.zeros((N_STATES, N_STATES))
    np.add.at(confusion, (states, predicted), 1)
    return float(confusion[linear_sum_assignment(-confusion)].sum() / len(states))


def f1(predicted: np.ndarray, inside: np.ndarray) -> float:
    """Harmonic mean of precision and recall over positions."""
    return float(2 * (predicted & inside).sum() / (predicted.sum() + inside.sum()))
