"""Settings of fine-tuning a peak caller on labels."""

from dataclasses import dataclass

from epizoo.errors import InputError
from epizoo.finetuning.trainable import Train, Trainables


@dataclass(frozen=True)
class TuningSettings:
    """Settings of fine-tuning a peak caller on labels.

    Attributes:
        train: threshold, head, adapters or all; see `epizoo.finetuning.trainable`.
        max_steps: largest number of steps.
        calibrate_scale: first fit a factor of the files' scale to the labels.
        steps: number of steps; None: the best on held-out loci, at most `max_steps`.
        learning_rate: that of `train` where None.
        rank: rank of the adapters.
        pull: weight of the squared change of the parameters in the loss.
        n_crops: random crops per step.
        check_every: steps between two evaluations on held-out loci.
        patience: evaluations without a better loss before training stops.
        n_folds: number of folds of loci, each held out once.
        caution: least gain of the held-out loss, in standard errors over loci, for the model to change.
        switch_cost, doubt: of the label likelihood; see `epizoo.peaks.network_fit`.
        seed: seed of all random numbers.
    """

    train: Train = "head"
    calibrate_scale: bool = False
    max_steps: int = 200
    steps: int | None = None
    learning_rate: float | None = None
    rank: int = 4
    pull: float = 0.01
    n_crops: int = 8
    check_every: int = 10
    patience: int = 6
    n_folds: int = 3
    caution: float = 0.0
    switch_cost: float = 1.0
    doubt: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"max_steps": 1, "n_crops": 1, "check_every": 1, "patience": 1, "n_folds": 2, "steps": 0, "pull": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise InputError(f"{name}: {value} found, expected at least {bound}")
        if not 0 < self.doubt < 1:
            raise InputError(f"doubt: {self.doubt} found, expected a probability between 0 and 1")

    def trainables(self) -> Trainables:
        """Parameters that are trained, and their learning rates."""
        return Trainables(self.train, self.rank, self.learning_rate)
