"""What the run folder of a peak caller's recipe says in words: `about.yaml` and `training.json`."""

import dataclasses
from pathlib import Path
from typing import Any

from epizoo.peaks.labelled_stretches import Stretch
from epizoo.recipes.distilled_start import Distiller
from epizoo.recipes.labelled_peaks_settings import EntrySettings
from epizoo.recipes.peak_caller_run import data_hashes, versions

SOURCE = "Hocking et al., Bioinformatics 2017, doi:10.1093/bioinformatics/btw672, from tdhock's R packages"


def describe(settings: EntrySettings) -> dict[str, Any]:
    """What `about.yaml` says."""
    return {
        "doc": settings.doc,
        "license": "GPL-3.0-only",
        "weights_license": "The labels and the coverage come from R packages under GPL-3; on the careful reading the "
        "weights are distributed under GPL-3.0-only, and so are the example files.",
        "limits": list(settings.limits),
        "authors": ["The epizoo authors"],
        "tags": list(settings.tags),
        "datasets": list(settings.datasets),
        "cite_as": "Hocking et al., Bioinformatics 2017, doi:10.1093/bioinformatics/btw672",
    }


def describe_training(
    settings: EntrySettings, seed: int, distiller: Distiller | None, data: Path, stretches: list[Stretch]
) -> dict[str, Any]:
    """What `training.json` says."""
    name = f"{' and '.join(settings.marks)} coverage and human labels, McGill/IHEC"
    return {
        "trained_on": {
            "data": [{"name": name, "source": SOURCE, "license": "GPL-3"}],
            "assembly": "hg19; positions are no input, so other assemblies may be used",
            "cell_types": list(settings.trained_cell_types),
            "chromosomes": sorted({stretch.chrom for stretch in stretches}),
            "held_out_chromosomes": list(settings.held_out_chromosomes),
            "held_out_cell_types": list(settings.held_out_cell_types),
        },
        "procedure": _procedure(settings),
        "command": f"python -m epizoo.recipes.labelled_peaks {settings.name} --data DIR --seed {seed}",
        "seed": seed,
        **_steps(settings, distiller),
        "crops": settings.crops._asdict(),
        "sha256": data_hashes(data, stretches),
        "versions": versions(),
    }


def _steps(settings: EntrySettings, distiller: Distiller | None) -> dict[str, Any]:
    """The settings of the steps that the recipe takes."""
    steps: dict[str, Any] = {}
    if distiller is None:
        steps["pretraining"] = settings.pretraining._asdict()
        steps["simulations"] = [_plain(dataclasses.asdict(config)) for config in settings.simulations]
    else:
        steps["rule"] = distiller.rule()._asdict()
        plain = distiller.distillation._asdict()
        del plain["candidates"]
        steps["distillation"] = _plain(plain | {"fitting": plain["fitting"]._asdict()})
    if settings.n_fine_tunings or distiller is None:
        steps["fine_tuning"] = settings.fine_tuning._asdict()
    return steps


def _procedure(settings: EntrySettings) -> str:
    if settings.distillation is not None:
        return (
            "Learned what a threshold rule on smoothed coverage calls in all fragments of real coverage, from all of "
            "them and from random shares; the rule was chosen by the human labels, which reached no weight otherwise. "
            "In the figures rule and coverage are those of the other chromosomes (chr9 never chose a rule); the "
            "shipped weights learned from all of them."
        )
    if settings.n_fine_tunings == 0:
        return (
            "Fitted to simulated coverage alone; the human labels chose the form of the scale and the levels of the "
            "simulation, so that the figures on them are somewhat hopeful, but never reached the weights."
        )
    return (
        "Pretrained on simulated coverage, fine-tuned on the likelihood of human region labels while the simulation "
        f"goes on; the weights are the mean of {settings.n_fine_tunings} fine-tunings. The figures come from leaving "
        "one chromosome out, the shipped weights from all of them."
    )


def _plain(values: dict[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
