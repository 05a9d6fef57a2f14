"""How a peak caller is fine-tuned."""

from dataclasses import dataclass

from epizoo.errors import InputError
from epizoo.finetuning.trainable import Train, Trainables


@dataclass(frozen=True)
class TuningSettings:
    """How a peak caller is fine-tuned.

    Attributes:
        train: threshold, head, adapters or all; see `epizoo.finetuning.trainable`.
        max_steps: steps at most.
        calibrate_scale: first look for the factor of the files' scale that suits the labels best.
        steps: a fixed number of steps instead, without looking for the best.
        learning_rate: that of `train` where None.
        rank: of the adapters.
        pull: how strongly a squared change of the parameters counts against the loss.
        n_crops: random crops a step.
        check_every: steps between two looks at the held-out loci.
        patience: looks without a better loss before it stops.
        n_folds: how many parts the loci are cut into, each held out once.
        caution: how many standard errors over loci the held-out loss must gain for the model to change at all.
        switch_cost, doubt: of the label likelihood; see `epizoo.peaks.network_fit`.
        seed: of everything random.
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
        """What changes, and how fast."""
        return Trainables(self.train, self.rank, self.learning_rate)
