"""The part of the peak callers' recipe that starts a network at a threshold rule instead of a simulation."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.distillation import Contig, read_contigs
from epizoo.peaks.labelled_stretches import LabelledStretch
from epizoo.peaks.network_fit import fit
from epizoo.peaks.threshold_rule import ThresholdRule, choose_rule, rule_errors
from epizoo.peaks.training_batches import DistilledBatches
from epizoo.recipes.labelled_peaks_settings import EntrySettings
from epizoo.recipes.run_folder import Progress


class Distiller:
    """Chooses a rule by the labels of some chromosomes and teaches it on their coverage; no other is looked at.

    Args:
        settings: of the entry, with `distillation`.
        seed: of everything that is drawn.
        stretches: all labelled stretches.
        contigs: all known coverage.
        not_for_tuning: the chromosome whose labels never choose a rule.
    """

    def __init__(
        self,
        settings: EntrySettings,
        seed: int,
        stretches: list[LabelledStretch],
        contigs: list[Contig],
        not_for_tuning: str,
    ) -> None:
        assert settings.distillation is not None
        self.settings = settings
        self.distillation = settings.distillation
        self.random = np.random.default_rng(seed)
        self.contigs = contigs
        self.not_for_tuning = not_for_tuning
        self.chromosomes = {stretch.chrom for stretch in stretches}
        bin_bp = settings.model.bin_bp
        self.errors = rule_errors(stretches, self.distillation.candidates, self.distillation.smoothing_bp, bin_bp)

    def rule(self, without: Collection[str] = ()) -> ThresholdRule:
        """The rule that suits the labels of all chromosomes but these."""
        return choose_rule(self.errors, {*without, self.not_for_tuning})

    def calling(self, without: Collection[str] = ()) -> PeakCallingConfig:
        """The peak rule of a network that has learned the rule: 0.5, with the rule's merging gap and least width."""
        rule = self.rule(without)
        return PeakCallingConfig(min_width_bp=rule.min_width_bp, merge_gap_bp=rule.merge_gap_bp)

    def teach(
        self,
        start: PeakCaller,
        stretches: list[LabelledStretch],
        report: Callable[[int, float], None] | None = None,
    ) -> tuple[PeakCaller, DistilledBatches]:
        """A network that knows the rule of these stretches' chromosomes, and the batches to go on with."""
        chroms = {stretch.chrom for stretch in stretches}
        batches = DistilledBatches(
            self.random,
            self.settings.model.bin_bp,
            self.settings.crops,
            [contig for contig in self.contigs if contig.chrom in chroms],
            self.rule(self.chromosomes - chroms),
            self.distillation,
            n_mixed=self.settings.n_simulated,
            n_real=self.settings.n_real,
        )
        number = self.distillation.n_windows
        return fit(start, lambda: batches.next_windows(number), self.distillation.fitting, report), batches


def read_distiller(
    data: Path,
    settings: EntrySettings,
    seed: int,
    stretches: list[LabelledStretch],
    not_for_tuning: str,
    progress: Progress,
) -> Distiller | None:
    """The rule that an entry's network starts from; None where that is a simulation."""
    if settings.distillation is None:
        return None
    contigs: list[Contig] = []
    for labelled in settings.labelled:
        progress.say(f"reading and thinning the coverage of {labelled.mark}")
        of_mark = (labelled.mark, labelled.cell_types, settings.transform, settings.model.bin_bp)
        contigs += read_contigs(data, *of_mark, settings.distillation, seed)
    progress.say("choosing the threshold rule")
    return Distiller(settings, seed, stretches, contigs, not_for_tuning)
