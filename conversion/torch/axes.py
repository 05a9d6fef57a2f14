"""The table of names and axes by which parameters go from JAX to torch and back."""

from typing import NamedTuple


class Leaf(NamedTuple):
    """Names of one kind of parameter in JAX and in torch, and the axes of JAX's array in torch's order."""

    jax_name: str
    torch_name: str
    axes: tuple[int, ...]


AXES: dict[str, tuple[Leaf, ...]] = {
    "peak_caller": (
        # flax: (bin, input, output); torch: (output, input, bin).
        Leaf("kernel", "weight", (2, 1, 0)),
        Leaf("bias", "bias", (0,)),
        Leaf("threshold", "threshold", ()),
        Leaf("temperature", "temperature", ()),
    ),
    "chromatin_states": (
        Leaf("initial_logits", "initial_logits", (0,)),
        Leaf("transition_logits", "transition_logits", (0, 1)),
        Leaf("emission_logits", "emission_logits", (0, 1)),
    ),
}
"""By family. All but the last part of a parameter's dotted name is the same in both."""


def leaf_of_jax(family: str, name: str) -> Leaf | None:
    """The row of the table for a JAX name, None where there is none.

    >>> leaf_of_jax("peak_caller", "scale_convs.0.kernel").torch_name
    'weight'
    """
    last = name.rpartition(".")[2]
    return next((leaf for leaf in AXES[family] if leaf.jax_name == last), None)


def leaf_of_torch(family: str, name: str) -> Leaf | None:
    """The row of the table for a torch name, None where there is none."""
    last = name.rpartition(".")[2]
    return next((leaf for leaf in AXES[family] if leaf.torch_name == last), None)


def renamed(name: str, last: str) -> str:
    """A dotted name with another last part.

    >>> renamed("combine_conv.kernel", "weight")
    'combine_conv.weight'
    """
    path, dot, _ = name.rpartition(".")
    return path + dot + last
