"""The part of the peak callers' recipe that starts a network at threshold rules, alone or beside a simulation."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.distillation import Contig, Taught, read_contigs
from epizoo.peaks.labelled_stretches import LabelledStretch
from epizoo.peaks.network_fit import fit
from epizoo.peaks.threshold_rule import ThresholdRule, choose_rule, rule_errors
from epizoo.peaks.training_batches import DistilledBatches, SimulatedBatches
from epizoo.recipes.labelled_peaks_settings import EntrySettings
from epizoo.recipes.run_folder import Progress


class Distiller:
    """Chooses a rule for each mark by the labels of some chromosomes and teaches it on their coverage, and on no other.

    Args:
        settings: of the entry, with `distillation`.
        seed: of everything that is drawn.
        stretches: all labelled stretches.
        contigs: all known coverage of each mark.
        not_for_tuning: the chromosome whose labels never choose a rule.
        simulated: windows to teach beside those of the rules.
    """

    def __init__(
        self,
        settings: EntrySettings,
        seed: int,
        stretches: list[LabelledStretch],
        contigs: list[list[Contig]],
        not_for_tuning: str,
        simulated: SimulatedBatches | None = None,
    ) -> None:
        self.settings = settings
        self.random = np.random.default_rng(seed)
        self.contigs = contigs
        self.not_for_tuning = not_for_tuning
        self.simulated = simulated
        self.chromosomes = {stretch.chrom for stretch in stretches}
        self.errors = []
        for labelled, distillation in zip(settings.labelled, settings.distillation, strict=True):
            own = [stretch for stretch in stretches if (stretch.labels["mark"] == labelled.mark).all()]
            candidates, smoothing_bp = distillation.candidates, distillation.smoothing_bp
            self.errors.append(rule_errors(own, candidates, smoothing_bp, settings.model.bin_bp))

    def rules(self, without: Collection[str] = ()) -> list[ThresholdRule]:
        """The rule of each mark that suits the labels of all chromosomes but these."""
        return [choose_rule(errors, {*without, self.not_for_tuning}) for errors in self.errors]

    def calling(self, without: Collection[str] = ()) -> PeakCallingConfig | None:
        """The peak rule of a network that has learned one rule: 0.5, with the rule's merging gap and least width."""
        if len(self.errors) > 1:
            return None
        rule = self.rules(without)[0]
        return PeakCallingConfig(min_width_bp=rule.min_width_bp, merge_gap_bp=rule.merge_gap_bp)

    def teach(
        self,
        start: PeakCaller,
        stretches: list[LabelledStretch],
        report: Callable[[int, float], None] | None = None,
    ) -> tuple[PeakCaller, DistilledBatches]:
        """A network that knows the rules of these stretches' chromosomes, and the batches to go on with."""
        settings = self.settings
        chroms = {stretch.chrom for stretch in stretches}
        taught = [
            Taught(rule, [contig for contig in contigs if contig.chrom in chroms], distillation)
            for rule, contigs, distillation in zip(
                self.rules(self.chromosomes - chroms), self.contigs, settings.distillation, strict=True
            )
        ]
        batches = DistilledBatches(
            self.random,
            settings.model.bin_bp,
            settings.crops,
            taught,
            self.simulated,
            n_mixed=settings.n_simulated,
            n_real=settings.n_real,
        )
        number = settings.n_pretraining_windows
        return fit(start, lambda: batches.next_windows(number), settings.pretraining, report), batches


def read_distiller(
    data: Path,
    settings: EntrySettings,
    seed: int,
    stretches: list[LabelledStretch],
    not_for_tuning: str,
    progress: Progress,
    simulated: SimulatedBatches | None = None,
) -> Distiller | None:
    """The rules that an entry's network starts from; None where that is a simulation alone."""
    if not settings.distillation:
        return None
    contigs = []
    for labelled, distillation in zip(settings.labelled, settings.distillation, strict=True):
        progress.say(f"reading and thinning the coverage of {labelled.mark}")
        of_mark = (labelled.mark, labelled.cell_types, settings.transform, settings.model.bin_bp)
        contigs.append(read_contigs(data, *of_mark, distillation, seed))
    progress.say("choosing the threshold rules")
    return Distiller(settings, seed, stretches, contigs, not_for_tuning, simulated)
