"""The recipe of the peak callers that learn from human labels: simulation, labels, and leave-one-chromosome-out.

    python -m epizoo.recipes.labelled_peaks h3k4me3 --data DIR --seed 0 -o runs/h3k4me3

A network learns what a peak is, from simulated coverage or from a threshold rule on real coverage. It is then fine-
tuned on human labels by the likelihood of region labels (while simulation or rule go on), and the weights of several
fine-tunings are averaged. Each chromosome is left out once. The rule that makes peaks of probabilities is chosen on
such left-out predictions of the other chromosomes, or is the threshold rule's own, chosen by the labels of the other
chromosomes; chr9 (one locus) has no say in either. The score is calibrated on left-out predictions. Muscle is not
touched. The settings of each entry are in `epizoo.recipes.labelled_peaks_settings`.
"""

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import jax
import pandas as pd
from flax import nnx

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.labelled_calls import (
    Prediction,
    calibrate,
    call_errors,
    choose_calling,
    decided,
    predict_stretches,
)
from epizoo.peaks.labelled_stretches import LabelledStretch, read_stretches
from epizoo.peaks.network_fit import fit
from epizoo.peaks.training_batches import LabelledBatches, SimulatedBatches
from epizoo.recipes.distilled_start import Distiller, read_distiller
from epizoo.recipes.labelled_peaks_metrics import CrossValidation, data_hashes, write_metrics
from epizoo.recipes.labelled_peaks_settings import ENTRIES, EntrySettings
from epizoo.recipes.run_folder import Progress, one_sentence_errors, plain, recipe_parser, recipe_training, write_run

NOT_FOR_TUNING = "chr9"
THINNED_TO = 0.1


class Recipe:
    """All steps of the training of one entry, reproducible from one seed."""

    def __init__(
        self,
        settings: EntrySettings,
        seed: int,
        distiller: Distiller | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.settings = settings
        self.seed = seed
        self.distiller = distiller
        self.progress = progress or Progress()
        self.simulated = None if distiller is not None else simulated_batches(settings, seed, self.progress)

    def pretrain(self) -> PeakCaller:
        """A network that knows simulated peaks; with a distiller one that knows nothing."""
        start = PeakCaller(self.settings.model, rngs=nnx.Rngs(self.seed))
        if self.distiller is not None:
            return start
        n_windows, simulated = self.settings.n_pretraining_windows, self._simulated()
        report = self.progress.steps("pretraining")
        return fit(start, lambda: simulated.next_windows(n_windows), self.settings.pretraining, report)

    def fine_tune(self, pretrained: PeakCaller, stretches: list[LabelledStretch]) -> PeakCaller:
        """The average of several fine-tunings on the labels of these stretches; of none, the pretrained network."""
        number, settings = self.settings.n_fine_tunings, self.settings.fine_tuning
        batches: LabelledBatches
        if self.distiller is None:
            batches = self._simulated()
        else:
            pretrained, batches = self.distiller.teach(pretrained, stretches, self.progress.steps("learning the rules"))
        if number == 0:
            return pretrained
        return average([fit(pretrained, lambda: batches.next(stretches), settings) for _ in range(number)])

    def cross_validate(
        self, pretrained: PeakCaller, stretches: list[LabelledStretch], thinned: list[LabelledStretch]
    ) -> CrossValidation:
        """Predictions for each chromosome by a network that did not see it, and errors of peaks made from them.

        Args:
            pretrained: where each fine-tuning starts.
            stretches: all labelled stretches.
            thinned: the same ones from a share of the fragments, to be predicted alone.
        """
        whole: dict[int, Prediction] = {}
        shallow: dict[int, Prediction] = {}
        for chrom in sorted({stretch.chrom for stretch in stretches}):
            model = self.fine_tune(pretrained, [stretch for stretch in stretches if stretch.chrom != chrom])
            left_out = [number for number, stretch in enumerate(stretches) if stretch.chrom == chrom]
            for predictions, source in ((whole, stretches), (shallow, thinned)):
                found = predict_stretches(model, [source[number] for number in left_out])
                predictions.update(zip(left_out, found, strict=True))
            self.progress.say(f"cross-validation: {chrom} left out")
        ordered, ordered_shallow = ([found[number] for number in range(len(stretches))] for found in (whole, shallow))
        return self.score(ordered, stretches, ordered_shallow, thinned)

    def score(
        self,
        predictions: list[Prediction],
        stretches: list[LabelledStretch],
        shallow: list[Prediction],
        thinned: list[LabelledStretch],
    ) -> CrossValidation:
        """Errors of left-out predictions, each chromosome called by the rule that suits the other chromosomes best."""
        bin_bp = self.settings.model.bin_bp
        by_rule = {rule: call_errors(predictions, stretches, rule, bin_bp) for rule in self.settings.candidates}
        errors, shallow_errors = [], []
        for chrom in sorted({stretch.chrom for stretch in stretches}):
            rule = self._calling(by_rule, {chrom, NOT_FOR_TUNING})
            errors.append(by_rule[rule].query("chrom == @chrom"))
            shallow_errors.append(call_errors(shallow, thinned, rule, bin_bp).query("chrom == @chrom"))
            counts = [f"{table['wrong'].sum()}/{len(table)}" for table in (errors[-1], shallow_errors[-1])]
            self.progress.say(f"{chrom}: {counts[0]} labels wrong, thinned {counts[1]}; {rule}")
        shipped = self._calling(by_rule, {NOT_FOR_TUNING})
        if self.settings.calibrate:
            corners = calibrate(decided(predictions, stretches), {NOT_FOR_TUNING})
            shipped = dataclasses.replace(shipped, calibration=corners)
        return CrossValidation(
            predictions,
            pd.concat(errors, ignore_index=True),
            shipped,
            pd.concat(shallow_errors, ignore_index=True),
        )

    def _calling(
        self, by_rule: Mapping[PeakCallingConfig, pd.DataFrame], without: Collection[str]
    ) -> PeakCallingConfig:
        taught = None if self.distiller is None else self.distiller.calling(without)
        return taught or choose_calling(by_rule, without)

    def _simulated(self) -> SimulatedBatches:
        assert self.simulated is not None, "without rules to learn an entry has simulations"
        return self.simulated


def simulated_batches(settings: EntrySettings, seed: int, progress: Progress) -> SimulatedBatches | None:
    """Windows of the entry's simulations, drawn once; None where it has none."""
    if not settings.simulations:
        return None
    progress.say(f"simulating {settings.n_pool:,} windows")
    return SimulatedBatches(
        seed,
        settings.model.bin_bp,
        settings.crops,
        settings.simulations,
        n_pool=settings.n_pool,
        n_mixed=settings.n_simulated,
        n_real=settings.n_real,
    )


def average(models: list[PeakCaller]) -> PeakCaller:
    """The model whose parameters are the mean of those of models that were fine-tuned from one start."""
    graphs, states = zip(*(nnx.split(model) for model in models), strict=True)
    return nnx.merge(graphs[0], jax.tree.map(lambda *values: sum(values) / len(values), *states))


def read_all(data: Path, settings: EntrySettings, keep: float = 1.0) -> list[LabelledStretch]:
    """The labelled stretches of all marks of an entry, from this share of the fragments."""
    bin_bp, pad_bp = settings.model.bin_bp, settings.crops.n_bins * settings.model.bin_bp
    return [
        stretch
        for labelled in settings.labelled
        for stretch in read_stretches(
            data, labelled.mark, labelled.cell_types, settings.transform, bin_bp, pad_bp, keep=keep
        )
    ]


def training_details(
    settings: EntrySettings, distiller: Distiller | None, data: Path, stretches: list[LabelledStretch]
) -> dict[str, Any]:
    """Settings of the steps that were taken and hashes of the data, for ``training.json``."""
    steps: dict[str, Any] = {"pretraining": settings.pretraining._asdict()}
    if settings.simulations:
        steps["simulations"] = [plain(dataclasses.asdict(config)) for config in settings.simulations]
    if distiller is not None:
        steps["rules"] = {
            labelled.mark: rule._asdict() for labelled, rule in zip(settings.labelled, distiller.rules(), strict=True)
        }
        steps["distillation"] = {
            labelled.mark: plain({key: value for key, value in own._asdict().items() if key != "candidates"})
            for labelled, own in zip(settings.labelled, settings.distillation, strict=True)
        }
    if settings.n_fine_tunings or distiller is None:
        steps["fine_tuning"] = settings.fine_tuning._asdict()
    return {**steps, "crops": settings.crops._asdict(), "sha256": data_hashes(data, stretches)}


def main() -> None:
    """The command."""
    parser = recipe_parser(__doc__, ENTRIES, data="peaks/histone_labels")
    help_macs3 = "result of benchmarks/peaks/macs3_labels.py to compare with; may be repeated"
    parser.add_argument("--macs3", type=Path, action="append", default=[], help=help_macs3)
    arguments = parser.parse_args()
    with one_sentence_errors():
        _run(arguments.entry, arguments.data, arguments.seed, arguments.macs3, arguments.output)


def _run(name: str, data: Path, seed: int, macs3: list[Path], output: Path) -> None:
    settings, progress = ENTRIES[name], Progress()
    progress.say("reading the labelled coverage")
    stretches = read_all(data, settings)
    progress.say(f"thinning it to {THINNED_TO:.0%} of the fragments")
    thinned = read_all(data, settings, THINNED_TO)
    output.mkdir(parents=True, exist_ok=True)
    simulated = simulated_batches(settings, seed, progress)
    distiller = read_distiller(data, settings, seed, stretches, NOT_FOR_TUNING, progress, simulated)
    recipe = Recipe(settings, seed, distiller, progress)
    pretrained = recipe.pretrain()
    validation = recipe.cross_validate(pretrained, stretches, thinned)
    write_metrics(output, validation, stretches, macs3, settings.labelled, THINNED_TO, NOT_FOR_TUNING)
    final = recipe.fine_tune(pretrained, stretches)
    details = training_details(settings, distiller, data, stretches)
    chromosomes = {stretch.chrom for stretch in stretches}
    training = recipe_training(name, "labelled_peaks", seed, details, chromosomes=chromosomes, reads_data=True)
    calling = dataclasses.replace(
        validation.calling,
        most_q=settings.most_q,
        background_bp=settings.background_bp,
        weak_probability=settings.weak_probability,
        weak_q=settings.weak_q,
    )
    write_run(output, name, final, settings.transform, calling, settings.window_bins, training)
    progress.say(f"wrote {output}")


if __name__ == "__main__":
    main()
