"""The expected pile-up of a simulated experiment: what its coverage would be with endless reads, at the same depth.

Fragments are a Poisson process, so that the expectation is two convolutions: where background fragments begin, and
where those of sites are anchored, each with the mean pile-up of one fragment. The latter is itself a mean over many
drawn fragments, the one approximation here (a relative error well below 1%).
"""

import numpy as np
from jaxtyping import Float

from epizoo.simulation.fragment_draws import Fragments, Intensity, Library, anchor_offsets, pile_up, piled_reads

_REACH_BP = 2_000
_DRAWS = 20_000


def expected_pile_up(intensity: Intensity, seed: int = 0) -> Float[np.ndarray, " bp"]:
    """Expected reads over each bp, in the unit of the pile-up of the experiment's reads.

    Args:
        intensity: of an experiment of `epizoo.simulation.fragments.simulate_experiment`.
        seed: of the fragments that are drawn for the shape of one fragment's pile-up.
    """
    random = np.random.default_rng(seed)
    library = intensity.library
    lengths = library.lengths(random, _DRAWS)
    begun = np.zeros(_DRAWS, np.int64)
    anchored = (-anchor_offsets(random, _DRAWS, library) * lengths).astype(np.int64)
    expected = _convolved(intensity.background, _kernel(random, Fragments(begun, lengths), library))
    expected += _convolved(intensity.sites, _kernel(random, Fragments(anchored, lengths), library))
    return np.maximum(expected, 0.0)


def _kernel(random: np.random.Generator, fragments: Fragments, library: Library) -> Float[np.ndarray, " offset"]:
    """Mean pile-up of one fragment, at offsets from -`_REACH_BP` to `_REACH_BP`."""
    reads = piled_reads(random, fragments._replace(left=fragments.left + _REACH_BP), library)
    return pile_up(reads, 2 * _REACH_BP + 1) / len(fragments.left)


def _convolved(rate: Float[np.ndarray, " bp"], kernel: Float[np.ndarray, " offset"]) -> Float[np.ndarray, " bp"]:
    """The rate spread by the kernel, whose middle is offset 0; outside the stretch there is nothing."""
    n_padded = 1 << (len(rate) + len(kernel) - 1).bit_length()
    spread = np.fft.irfft(np.fft.rfft(rate, n_padded) * np.fft.rfft(kernel, n_padded), n_padded)
    return spread[_REACH_BP : _REACH_BP + len(rate)]
