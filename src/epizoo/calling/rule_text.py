"""The rule of calling in words, the same in cards, in `epizoo show` and in what `epizoo call-peaks` prints."""

import numpy as np

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.genome.candidates import RPKM_DEPTH, RPKM_DEPTHS, CandidateConfig

_EVIDENCE_SCORE = (
    "evidence, not a probability: 200 log10(1 + odds x E), at most 1000. The odds p / (1 - p) are those of the highest "
    "output p of the network in the peak (19 at most). E is -log10 of the Poisson probability of the reads at the "
    "summit, given the background there."
)
_OUTPUT_SCORE = "1000 times the highest output of the network in the peak. It ranks peaks and is not a probability."


def peaks_in_words(rule: PeakCallingConfig, *, reads: bool = True) -> str:
    """The thresholds of a peak; without ``reads``, those where reads cannot be told from the signal.

    >>> peaks_in_words(PeakCallingConfig(merge_gap_bp=200, most_q=0.05))
    'probability 0.5 to enter and 0.5 to extend, q-value of its reads at most 0.05; any width, gaps up to 200 bp joined'
    >>> peaks_in_words(PeakCallingConfig(most_q=0.05, weak_probability=0.03, weak_q=1e-60)).split("; ")[1]
    'or probability 0.03 and q-value at most 1e-60'
    """
    width = f"at least {rule.min_width_bp:,} bp wide" if rule.min_width_bp else "any width"
    gaps = f"gaps up to {rule.merge_gap_bp:,} bp joined" if rule.merge_gap_bp else "no gaps joined"
    significant = f", q-value of its reads at most {rule.most_q:g}" if reads and rule.most_q < 1 else ""
    probability = f"probability {rule.enter_probability:.4g} to enter and {rule.extend_probability:.4g} to extend"
    weak = ""
    if reads and rule.weak_probability is not None:
        weak = f"; or probability {rule.weak_probability:.4g} and q-value at most {rule.weak_q:g}"
    return f"{probability}{significant}{weak}; {width}, {gaps}"


def rule_in_words(rule: PeakCallingConfig) -> list[str]:
    """Sentences on the rule of an entry: peaks, significance where it is asked for, and the score."""
    sentences = [f"Peaks: {peaks_in_words(rule)}."]
    if rule.most_q < 1:
        sentences.append(
            f"Significance (column 9): reads are expected as in the surroundings of {rule.background_bp:,} bp on both "
            "sides, the whole file or the control, whichever holds most."
        )
    return [*sentences, f"Score (column 5): {_score_in_words(rule)}"]


def scoring_in_words(rule: CandidateConfig, least_score: float) -> list[str]:
    """Sentences on the rule of an entry that scores candidates.

    >>> scoring_in_words(CandidateConfig(), 0.5)[2]
    'Peaks: candidates with an overall score above 0.5.'
    """
    low, high = RPKM_DEPTHS
    return [
        f"Signal: coverage in RPKM; where its depth (sum / 1e9) is not {low:g} to {high:g}, it is multiplied by one "
        f"factor to a depth of {RPKM_DEPTH:g}.",
        f"Candidates: where the moving average over {rule.smoothing_bp} bp is more than {rule.fold:g} times the mean "
        f"of the chromosome (over the bp that have a value), at least {rule.min_width_bp} bp wide; those wider than "
        f"{rule.max_width_bp:,} bp are cut to what lies above one mean more, again and again.",
        f"Peaks: candidates with an overall score above {least_score:g}.",
        "Score (column 5): 1000 times the overall score. It ranks peaks and is not a probability.",
    ]


def _score_in_words(rule: PeakCallingConfig) -> str:
    if rule.score_evidence:
        return _EVIDENCE_SCORE
    if not rule.score_is_probability:
        return _OUTPUT_SCORE
    half = 1000 * float(rule.calibrated(np.array([0.5]))[0])
    return (
        "1000 times a calibrated probability: the share of true peaks among peaks with the same highest output of the "
        f"network. A highest output of 0.5 scores {half:.0f}."
    )
