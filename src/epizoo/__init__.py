"""epizoo: a model zoo of differentiable epigenome models.

Functions and subpackages are imported when they are first touched, so that ``import epizoo`` is fast and needs neither
JAX nor Kipoi. Kipoi itself relies on this: it resolves ``epizoo.plugins.X`` by importing ``epizoo`` and walking
attributes.
"""

import importlib
from typing import TYPE_CHECKING, Any

from epizoo.version import __version__

if TYPE_CHECKING:
    from epizoo import (  # noqa: F401
        calling,
        conversion,
        errors,
        figures,
        files,
        finetuning,
        genome,
        jobs,
        metrics,
        model_zoo,
        models,
        peaks,
        plugins,
        recipes,
        reports,
        simulation,
        states,
        studies,
        web,
        zoo,
    )
    from epizoo.jobs.annotate import annotate
    from epizoo.jobs.annotate_cells import annotate_cells
    from epizoo.jobs.binarize import binarize
    from epizoo.jobs.call_peaks import call_peaks
    from epizoo.jobs.cluster_peaks import call_cluster_peaks
    from epizoo.jobs.consensus import consensus
    from epizoo.jobs.count import count
    from epizoo.jobs.differences import differences
    from epizoo.jobs.differential import differential
    from epizoo.jobs.edit_states import edit_states
    from epizoo.jobs.evaluate import evaluate
    from epizoo.jobs.finetune import finetune
    from epizoo.jobs.learn_states import learn_states
    from epizoo.jobs.state_reproducibility import reproducibility
    from epizoo.jobs.states_of import states_of
    from epizoo.reports.report import report
    from epizoo.reports.track_hub import track_hub
    from epizoo.studies.run_study import run_study
    from epizoo.zoo.catalogue import list_entries
    from epizoo.zoo.loading import load, load_annotator, load_peak_caller

__all__ = [
    "__version__",
    "annotate",
    "annotate_cells",
    "binarize",
    "call_cluster_peaks",
    "call_peaks",
    "consensus",
    "count",
    "differences",
    "differential",
    "edit_states",
    "evaluate",
    "finetune",
    "learn_states",
    "list_entries",
    "load",
    "load_annotator",
    "load_peak_caller",
    "report",
    "reproducibility",
    "run_study",
    "states_of",
    "track_hub",
]
_MODULES = {
    "annotate": "jobs.annotate",
    "annotate_cells": "jobs.annotate_cells",
    "binarize": "jobs.binarize",
    "call_cluster_peaks": "jobs.cluster_peaks",
    "call_peaks": "jobs.call_peaks",
    "consensus": "jobs.consensus",
    "count": "jobs.count",
    "differences": "jobs.differences",
    "differential": "jobs.differential",
    "edit_states": "jobs.edit_states",
    "evaluate": "jobs.evaluate",
    "finetune": "jobs.finetune",
    "learn_states": "jobs.learn_states",
    "list_entries": "zoo.catalogue",
    "load": "zoo.loading",
    "load_annotator": "zoo.loading",
    "load_peak_caller": "zoo.loading",
    "reproducibility": "jobs.state_reproducibility",
    "report": "reports.report",
    "track_hub": "reports.track_hub",
    "states_of": "jobs.states_of",
    "run_study": "studies.run_study",
}
_SUBPACKAGES = (
    "calling",
    "conversion",
    "errors",
    "figures",
    "files",
    "finetuning",
    "genome",
    "jobs",
    "metrics",
    "model_zoo",
    "models",
    "peaks",
    "plugins",
    "recipes",
    "reports",
    "simulation",
    "states",
    "web",
    "studies",
    "zoo",
)


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:
    # Hidden from type checkers, for which a name that is nowhere would be of any type.
    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
        if name in _SUBPACKAGES:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
