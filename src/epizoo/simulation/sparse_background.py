"""The background that is estimated of a file with few fragments, which is not the true one.

`epizoo.genome.coverage_transform.CoverageTransform` takes the median over stretches of 1 kb, leaves out stretches of
10 kb without any fragment, and widens stretches while their median is 0. Where a kb holds less than one fragment, that
estimate is up to several times too high, and jumps.
"""

import numpy as np

_GROUPS = 1_000
_PER_GROUP = 10


def estimated_background(random: np.random.Generator, per_bp: float, width_bp: float) -> float:
    """The median background of a file with this many fragments per bp, each `width_bp` long, as the transform has it.

    Args:
        random: source of all draws.
        per_bp: background fragments that begin at a bp.
        width_bp: mean length of a fragment.

    Returns:
        Pile-up per bp. ``per_bp * width_bp`` where fragments are many.

    >>> round(estimated_background(np.random.default_rng(0), 0.05, 200), 1)
    10.0
    >>> round(estimated_background(np.random.default_rng(0), 1e-5, 200) / (1e-5 * 200))
    10
    """
    counts = random.poisson(per_bp * 1_000, (_GROUPS, _PER_GROUP)).astype(np.float64)
    known = counts[counts.any(axis=1)]
    if not known.size:
        # One fragment in a stretch of 10 kb that is not left out.
        return width_bp / 10_000
    median = float(np.median(known)) or float(np.median(known.mean(axis=1)))
    return median * width_bp / 1_000
