"""Colours for states that nobody has given any."""

from typing import NamedTuple

import numpy as np


class StateStyle(NamedTuple):
    """Name and colour of a chromatin state."""

    name: str
    color: tuple[int, int, int]
    """Red, green and blue, 0 to 255."""


Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


def default_colors(n_states: int) -> list[Color]:
    """ChromHMM's colours of states: web colours as far apart as possible, in an order of small steps.

    Of the 216 web colours without black and white the farthest from those taken is taken next, from blue on; then they
    are put in order, each the nearest to the one before. From 215 states on the colours recur.

    >>> default_colors(3)
    [(0, 0, 255), (0, 102, 0), (255, 255, 0)]
    """
    levels = np.arange(0, 256, 51)
    palette = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    candidates = palette[1:-1]
    spread = [palette[5]]
    nearest = np.abs(candidates - spread[0]).sum(axis=1)
    while len(spread) < min(n_states, len(candidates)):
        spread.append(candidates[np.argmax(nearest)])
        nearest = np.minimum(nearest, np.abs(candidates - spread[-1]).sum(axis=1))
    ordered, left = [spread[0]], spread[1:]
    while left:
        ordered.append(left.pop(int(np.argmin([np.abs(color - ordered[-1]).sum() for color in left]))))
    colors = [(int(red), int(green), int(blue)) for red, green, blue in ordered]
    return [colors[state % len(colors)] for state in range(n_states)]
