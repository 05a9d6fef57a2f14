"""The shape of a chromatin-state model. Imports no JAX, so that an entry can be read without."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from epizoo.errors import InputError
from epizoo.validation import Config, Size


@dataclass(frozen=True)
class ChromatinStateConfig(Config):
    """Configuration of a chromatin-state model: everything but its parameters.

    Attributes:
        marks: names of the marks, in the order of the last axis of the input.
        n_states: number of states.
        bin_bp: width of a bin, in bp.
        start: distribution of the first bin of an input that starts inside a chromosome: the ``stationary`` one for
            windows of a longer sequence, the ``initial`` one for whole sequences. After bins outside it is always the
            initial one.
        temperature: temperature of the soft Viterbi recursion.
    """

    title: ClassVar[str] = "chromatin states"

    marks: tuple[str, ...]
    n_states: Size
    bin_bp: Size = 200
    start: Literal["stationary", "initial"] = "stationary"
    temperature: float = 1.0

    def __post_init__(self):
        # Configs read from YAML hold lists.
        object.__setattr__(self, "marks", tuple(self.marks))
        if not self.marks or len(set(self.marks)) < len(self.marks):
            raise InputError(f"marks: {list(self.marks)} are not one or more distinct names; name each mark once")
        for name, value in (("n_states", self.n_states), ("bin_bp", self.bin_bp), ("temperature", self.temperature)):
            if not value > 0:
                raise InputError(f"{name}: {value!r} is not above 0; give a positive number")
        if self.start not in ("stationary", "initial"):
            raise InputError(f"start: {self.start!r} is neither 'stationary' nor 'initial'; choose one of them")
