"""Tuning and training in gReLU, refused before it begins where a dataset has no labels."""

import functools
from collections.abc import Callable
from typing import Any

from grelu.lightning import LightningModel

from epizoo.errors import InputError
from epizoo.plugins.grelu.datasets import WindowDataset

_MARKER = "_epizoo_requires_labels"


def require_labels() -> None:
    """Let gReLU's training refuse our datasets without labels; may be called again.

    gReLU 1.1.0 gives the model another head, and forgets its tasks, before it looks at the data: it ends in an error of
    torchmetrics, with a model that cannot be used.
    """
    for name in ("train_on_dataset", "tune_on_dataset"):
        method = getattr(LightningModel, name)
        if not hasattr(method, _MARKER):
            setattr(LightningModel, name, _with_labels(method))


def _with_labels(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def run(model: LightningModel, train_dataset: Any, val_dataset: Any, *rest: Any, **options: Any) -> Any:
        for name, dataset in (("train_dataset", train_dataset), ("val_dataset", val_dataset)):
            if isinstance(dataset, WindowDataset) and not dataset.n_tasks:
                raise InputError(f"{name}: has no labels, which training and validation need; give the dataset labels")
        return method(model, train_dataset, val_dataset, *rest, **options)

    setattr(run, _MARKER, True)
    return run
