import math

import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.genome.coverage_transform import CoverageTransform, FittedTransform, _most_of_a_block
from epizoo.genome.signal import BigWig
from epizoo.genome.signal_kinds import SIGNAL_KINDS, detect_signal_kind, sample_blocks, sample_values

LENGTH = 600_000


def pile_up(rng, n_reads, length=LENGTH, read_bp=100, peaks=0):
    """Raw coverage of reads thrown evenly, with some peaks of 100-fold density of 1 kb each."""
    starts = rng.integers(0, length - read_bp, n_reads)
    for peak in range(peaks):
        centre = int(length * (peak + 0.5) / peaks)
        starts = np.concatenate([starts, centre + rng.integers(0, 1000, n_reads * 100_000 // length)])
    steps = np.zeros(length + 1)
    np.add.at(steps, starts, 1)
    np.add.at(steps, starts + read_bp, -1)
    return np.cumsum(steps)[:-1]


def absent_where_zero(values):
    return np.where(values > 0, values, np.nan)


@pytest.mark.parametrize("n_reads", [200, 2_000, 20_000])
def test_background_is_the_depth_outside_peaks(make_bigwig, n_reads):
    rng = np.random.default_rng(0)
    values = pile_up(rng, n_reads, peaks=8)
    fitted = CoverageTransform().fit(BigWig(make_bigwig({"chr1": absent_where_zero(values)})))
    assert fitted.kind == "coverage"
    assert fitted.background == pytest.approx(n_reads * 100 / LENGTH, rel=0.25)


@pytest.mark.parametrize("factor", [0.037, 1.0, 250.0])
def test_a_factor_of_the_whole_file_cancels(make_bigwig, factor):
    values = pile_up(np.random.default_rng(1), 4000, peaks=4)
    raw = BigWig(make_bigwig({"chr1": values}, "raw.bw"))
    scaled = BigWig(make_bigwig({"chr1": values * factor}, "scaled.bw"))
    transform = CoverageTransform()
    one = transform.fit(raw, "coverage")(raw.binned("chr1", 0, LENGTH // 50, 50))
    two = transform.fit(scaled, "cpm")(scaled.binned("chr1", 0, LENGTH // 50, 50))
    np.testing.assert_allclose(one, two, rtol=1e-5)


def test_a_part_of_a_genome_has_the_background_of_the_whole(make_bigwig):
    rng = np.random.default_rng(2)
    chroms = {f"chr{i}": absent_where_zero(pile_up(rng, 2000)) for i in range(1, 4)}
    part = {"chr1": np.full(LENGTH, np.nan), "chr2": chroms["chr2"].copy(), "chr3": np.full(LENGTH, np.nan)}
    part["chr2"][:250_000] = np.nan
    part["chr2"][400_000:] = np.nan
    known = pd.DataFrame({"chrom": ["chr2"], "start": [250_000], "end": [400_000]})
    transform = CoverageTransform()
    whole = transform.fit(BigWig(make_bigwig(chroms, "whole.bw"))).background
    cut = BigWig(make_bigwig(part, "part.bw"))
    assert transform.fit(cut).background == pytest.approx(whole, rel=0.1)
    assert transform.fit(cut, known_regions=known).background == pytest.approx(whole, rel=0.1)


def test_stored_zeros_change_nothing(make_bigwig):
    rng = np.random.default_rng(3)
    # The blocks that two would be spread over, were they all to count, hold none of the signal.
    empty = {f"chr{i}": 1_000_000 for i in range(1, 9) if i != 3}
    chroms = {"chr3": pile_up(rng, 2000)}
    stored = chroms | {name: np.zeros(size) for name, size in empty.items()}
    absent = {"chr3": absent_where_zero(chroms["chr3"])} | {name: np.full(size, np.nan) for name, size in empty.items()}
    fitted = [
        CoverageTransform(max_blocks=2).fit(BigWig(make_bigwig(dict(sorted(of.items())), name)), "coverage")
        for name, of in (("stored.bw", stored), ("absent.bw", absent))
    ]
    assert fitted[0] == fitted[1]


def test_absent_is_zero_inside_known_regions_and_unknown_outside(make_bigwig):
    values = np.full(60_000, np.nan)
    values[:10_000] = 4
    bigwig = BigWig(make_bigwig({"chr1": values}))

    def fit(*regions):
        table = pd.DataFrame(regions, columns=["chrom", "start", "end"])
        return CoverageTransform().fit(bigwig, known_regions=table).background

    assert fit(("chr1", 0, 10_000)) == 4
    assert fit(("chr1", 0, 400), ("chr1", 500, 700)) == 4
    # Half of 20 kb is known to be 0: the median is 0 in stretches of 1 kb, and 2 or 4 in wider ones.
    assert 0 < fit(("chr1", 0, 60_000)) < 4
    with pytest.raises(InputError, match="no signal inside the known regions"):
        fit(("chr1", 20_000, 30_000))


def test_the_scale_lies_between_the_background_and_the_level_that_halves_the_excess(make_bigwig):
    values = np.full(200_000, 2.0)
    # Excess over 2: 4 stretches of 10, 3 of 40, 1 of 100; 4 is no peak, and 42 is where half of it is passed.
    for height, stretches in ((4, range(50, 60)), (12, range(4)), (42, range(20, 23)), (102, [30])):
        for stretch in stretches:
            values[stretch * 1000 : (stretch + 1) * 1000] = height
    for weight, scale in ((0.0, 2.0), (0.5, math.sqrt(2.0 * 42 / 5)), (1.0, 42 / 5)):
        fitted = CoverageTransform(peak_weight=weight).fit(BigWig(make_bigwig({"chr1": values})))
        assert fitted.background == 2
        assert fitted.scale == pytest.approx(scale)


def test_the_scale_is_the_background_where_there_are_no_peaks(make_bigwig):
    bigwig = BigWig(make_bigwig({"chr1": np.full(50_000, 3.0)}))
    assert CoverageTransform(peak_weight=0.7).fit(bigwig).scale == pytest.approx(3)


def domains(width_kb, height, n_bp=4_000_000):
    """Signal of 1 with a domain in each 100 kb."""
    values = np.ones(n_bp)
    for start in range(40_000, n_bp, 100_000):
        values[start : start + width_kb * 1_000] = height
    return values


@pytest.mark.parametrize(("width_kb", "height", "fold"), [(2, 40.0, 5.0), (7, 9.0, 5.0), (8, 9.0, 2.0), (30, 3.0, 2.0)])
def test_domains_of_8_kb_and_more_are_held_to_the_fold_of_broad_marks(make_bigwig, width_kb, height, fold):
    bigwig = BigWig(make_bigwig({"chr1": domains(width_kb, height)}))
    fitted = CoverageTransform(peak_weight=0.85, broad_fold=2.0).fit(bigwig)
    assert fitted.scale == pytest.approx(CoverageTransform(peak_weight=0.85, peak_fold=fold).fit(bigwig).scale)
    assert fitted.background == 1


@pytest.mark.parametrize(("height", "weight"), [(21.0, 0.5), (6.0, 0.64 / 0.68)])
def test_between_narrow_and_broad_the_scale_is_a_mean_of_logarithms(make_bigwig, height, weight):
    # Excess: 20 kb of 2 in domains, 2 kb of 20 or of 5 in peaks: half of it, or 0.8, is broad.
    values = domains(20, 3.0)
    for start in range(90_000, len(values), 100_000):
        values[start : start + 2_000] = height
    bigwig = BigWig(make_bigwig({"chr1": values}))
    narrow, broad = (CoverageTransform(peak_weight=1.0, peak_fold=fold).fit(bigwig).scale for fold in (5.0, 2.0))
    both = CoverageTransform(peak_weight=1.0, broad_fold=2.0).fit(bigwig).scale
    assert both == pytest.approx(narrow ** (1 - weight) * broad**weight)


def test_one_deep_stretch_does_not_make_a_file_broad(make_bigwig):
    values = domains(2, 40.0)
    values[1_010_000:1_026_000] = 3_000.0
    plain = CoverageTransform(peak_weight=0.85, broad_fold=2.0).fit(
        BigWig(make_bigwig({"a": domains(2, 40.0)}, "a.bw"))
    )
    deep = CoverageTransform(peak_weight=0.85, broad_fold=2.0).fit(BigWig(make_bigwig({"a": values}, "deep.bw")))
    # The stretch counts for a quarter of the excess, of which a tenth of the weight comes.
    assert deep.scale == pytest.approx(plain.scale, rel=0.15)
    assert [(part.start, part.end) for part in deep.capped] == [(1_000_000, 1_250_000)]


@pytest.mark.parametrize(("peak_bp", "is_broad"), [(8_000, True), (7_000, False)])
def test_scaffolds_shorter_than_a_domain_show_none(make_bigwig, peak_bp, is_broad):
    # Every fourth scaffold is enriched from end to end.
    scaffolds = {f"s{i:03}": np.full(peak_bp, 1.0 if i % 4 else 3.0) for i in range(200)}
    bigwig = BigWig(make_bigwig(scaffolds))
    found = CoverageTransform(peak_weight=0.85, broad_fold=2.0).fit(bigwig).scale
    fold = 2.0 if is_broad else 5.0
    assert found == pytest.approx(CoverageTransform(peak_weight=0.85, peak_fold=fold).fit(bigwig).scale)


@pytest.mark.parametrize("make", [CoverageTransform, lambda **values: CoverageTransform.from_dict(values)])
def test_a_fold_that_would_not_count_is_refused(make):
    with pytest.raises(InputError, match=r"coverage transform: broad_fold is 2 and peak_weight 0,.*expected"):
        make(broad_fold=2.0)


def test_without_signal_above_the_background_no_domain_is_broad(make_bigwig):
    bigwig = BigWig(make_bigwig({"chr1": np.full(50_000, 3.0)}))
    assert CoverageTransform(peak_weight=0.7, broad_fold=2.0).fit(bigwig).scale == pytest.approx(3)


def test_the_scale_hardly_depends_on_the_share_of_the_genome_that_is_peaks(make_bigwig):
    rng = np.random.default_rng(5)
    heights = np.rint(np.exp(rng.normal(3.5, 0.8, 400)))

    def scale(n_peaks, name):
        values = np.ones(2_000_000)
        for peak, height in enumerate(rng.choice(heights, n_peaks)):
            values[peak * 4000 : peak * 4000 + 1000] = height
        return CoverageTransform(peak_weight=1.0).fit(BigWig(make_bigwig({"chr1": values}, name))).scale

    assert scale(60, "few.bw") == pytest.approx(scale(400, "many.bw"), rel=0.3)


def test_the_transform_is_the_arcsinh_of_signal_over_scale():
    fitted = FittedTransform("coverage", background=1.0, scale=2.5, log10_p_background=2.0)
    values = np.array([0, 1, 2.5, 300], np.float32)
    expected = [math.log(x / 2.5 + math.sqrt((x / 2.5) ** 2 + 1)) for x in values.tolist()]
    assert fitted(values).dtype == np.float32
    np.testing.assert_allclose(fitted(values), expected, rtol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 17, 60])
@pytest.mark.parametrize("mean", [0.5, 2.0, 10.0])
def test_p_values_become_the_counts_that_have_them(count, mean):
    below = sum(math.exp(-mean) * mean**n / math.factorial(n) for n in range(count))
    tail = sum(math.exp(-mean + n * math.log(mean) - math.lgamma(n + 1)) for n in range(count, count + 200))
    log10_p = -math.log10(tail) if below > 0.5 else -math.log10(1 - below)
    fitted = FittedTransform("log10_p", background=1.0, scale=1.0, log10_p_background=mean)
    assert np.sinh(fitted(np.array([log10_p]))[0]) == pytest.approx(count, rel=2e-3, abs=2e-3)


def test_huge_p_values_stay_finite_and_ordered():
    fitted = FittedTransform("log10_p", background=2.0, scale=2.0, log10_p_background=2.0)
    found = fitted(np.array([0, 0.3, 5, 300, 1000, 30_000], np.float32))
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()


def test_kinds_are_detected_by_their_values_and_names(make_bigwig):
    rng = np.random.default_rng(3)
    raw = pile_up(rng, 4000, length=100_000)
    continuous = rng.gamma(0.7, 1.3, 100_000)
    for values, name, kind in (
        (raw, "a.bw", "coverage"),
        (raw * 0.0371, "a.bw", "cpm"),
        (continuous, "E003-H3K4me3.fc.signal.bigwig", "fold_change"),
        (continuous, "x_FE.bw", "fold_change"),
        (continuous, "E003-H3K4me3.pval.signal.bigwig", "log10_p"),
    ):
        bigwig = BigWig(make_bigwig({"chr1": values}, name))
        assert detect_signal_kind(bigwig) == kind
        assert CoverageTransform().fit(bigwig).kind == kind


@pytest.mark.parametrize("decimals", [2, 3, 12])
def test_fractions_that_may_be_anything_are_refused(make_bigwig, decimals):
    values = np.round(np.random.default_rng(4).gamma(2, 1, 50_000), decimals)
    bigwig = BigWig(make_bigwig({"chr1": values}, "ENCFF000AAA.bigWig"))
    with pytest.raises(InputError, match=r"ENCFF000AAA\.bigWig: .*fractions.*--signal-kind .*counts, coverage, cpm"):
        detect_signal_kind(bigwig)
    for kind in SIGNAL_KINDS:
        assert CoverageTransform().fit(bigwig, kind).background > 0


@pytest.mark.parametrize("kind", [None, "cpm"])
def test_negative_values_are_refused(make_bigwig, kind):
    values = np.random.default_rng(5).normal(0, 0.1, 5000)
    with pytest.raises(InputError, match="negative values"):
        CoverageTransform().fit(BigWig(make_bigwig({"chr1": values})), kind)


def test_an_unknown_kind_is_refused(make_bigwig):
    with pytest.raises(InputError, match=r"'rpkm'.*counts, coverage"):
        CoverageTransform().fit(BigWig(make_bigwig({"chr1": np.ones(100)})), "rpkm")


def test_the_settings_are_plain_and_come_back():
    transform = CoverageTransform(background_bin_bp=500, max_blocks=7)
    assert CoverageTransform.from_dict(transform.to_dict()) == transform
    assert all(type(value) in (int, float, str) for value in transform.to_dict().values())
    with pytest.raises(InputError, match=r"\bdepth\b"):
        CoverageTransform.from_dict({"depth": 3})


@pytest.mark.parametrize("kind", [None, "coverage", "cpm", "fold_change"])
@pytest.mark.parametrize("factor", [1.0, 0.037])
@pytest.mark.parametrize(
    ("name", "logarithm"),
    [("log2", lambda x: np.log2(1 + x)), ("ln", np.log1p), ("log10", lambda x: np.log10(1 + x))],
)
def test_logarithms_are_refused(make_bigwig, kind, factor, name, logarithm):
    values = pile_up(np.random.default_rng(9), 4000, peaks=4)
    with pytest.raises(InputError, match=rf"logarithms of counts .*\b{name} "):
        CoverageTransform().fit(BigWig(make_bigwig({"chr1": logarithm(factor * values)})), kind)


def test_logarithms_without_a_pseudo_count_are_refused(make_bigwig):
    values = pile_up(np.random.default_rng(9), 4000, peaks=4)
    with np.errstate(divide="ignore"):
        logarithms = np.where(values > 0, np.log2(values), np.nan)
    with pytest.raises(InputError, match="logarithms of counts"):
        CoverageTransform().fit(BigWig(make_bigwig({"chr1": logarithms})), "coverage")


@pytest.mark.parametrize("kind", ["coverage", "cpm"])
@pytest.mark.parametrize("low", [5, 13])
def test_smooth_signal_of_values_that_could_be_large_logarithms_is_taken(make_bigwig, low, kind):
    # Any number is near a whole one when it is the power of 10 or 2 of such a value.
    values = low + 4 * np.random.default_rng(0).random(100_000)
    assert CoverageTransform().fit(BigWig(make_bigwig({"chr1": values})), kind).background > 0


@pytest.mark.parametrize("known", [None, pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [LENGTH]})])
def test_one_infinite_value_is_refused_and_does_not_become_the_scale(make_bigwig, known):
    values = pile_up(np.random.default_rng(0), 2_000, peaks=8)
    values[450_123] = np.inf
    bigwig = BigWig(make_bigwig({"chr1": values}))
    with pytest.raises(InputError, match=r"signal\.bw: .*infinite value .*chr1:450123\b"):
        CoverageTransform().fit(bigwig, "coverage", known)


def tail_log10_p(count, mean):
    """-log10 of the Poisson probability of so many or more, term by term."""
    return -math.log10(math.fsum(math.exp(-mean + n * math.log(mean) - math.lgamma(n + 1)) for n in range(count, 400)))


@pytest.mark.parametrize("mean", [2.0, 5.0])
def test_the_scale_of_p_values_is_that_of_the_counts_that_have_them(make_bigwig, mean):
    values = np.full(100_000, tail_log10_p(3, mean))
    values[:10_000] = tail_log10_p(60, mean)
    for weight, scale in ((0.0, 3.0), (1.0, 60 / 5)):
        transform = CoverageTransform(peak_weight=weight, log10_p_background=mean)
        fitted = transform.fit(BigWig(make_bigwig({"chr1": values})), "log10_p")
        assert fitted.background == pytest.approx(3.0, rel=2e-3)
        assert fitted.scale == pytest.approx(scale, rel=2e-3)


@pytest.mark.parametrize(("n_low", "level"), [(49, 52.0), (51, 12.0)])
def test_the_level_of_peaks_is_where_one_half_of_the_excess_is_passed(make_bigwig, n_low, level):
    # Excess over 2: 49 or 51 stretches of 10 against 10 stretches of 50.
    heights = np.array([12.0] * n_low + [52.0] * 10 + [2.0] * 500)
    fitted = CoverageTransform(peak_weight=1.0).fit(BigWig(make_bigwig({"chr1": np.repeat(heights, 1_000)})))
    assert fitted.background == 2
    assert fitted.scale == pytest.approx(level / 5)


@pytest.mark.parametrize(("highest", "is_refused"), [(39.0, True), (41.0, False)])
def test_no_logarithm_of_a_count_is_above_40(make_bigwig, highest, is_refused):
    values = np.log2(1 + pile_up(np.random.default_rng(9), 4000, peaks=4))
    values[123_456] = highest
    bigwig = BigWig(make_bigwig({"chr1": values}))
    if is_refused:
        with pytest.raises(InputError, match="logarithms of counts"):
            CoverageTransform().fit(bigwig, "fold_change")
    else:
        assert CoverageTransform().fit(bigwig, "fold_change").background > 0


def test_the_inverse_gives_the_signal_back_in_any_unit():
    fitted = FittedTransform("fold_change", 1.5, 4.0, 2.0)
    signal = np.array([0.0, 0.01, 1.5, 300.0], np.float32)
    np.testing.assert_allclose(fitted.inverse(fitted(signal)), signal, rtol=1e-5)
    np.testing.assert_allclose(fitted.inverse(fitted(signal), fitted.background), signal / 1.5, rtol=1e-5)
    assert fitted.inverse(fitted(signal)).dtype == np.float32


@pytest.mark.parametrize("seed", range(5))
def test_sampled_values_are_the_distinct_ones_with_their_bp(make_bigwig, seed):
    rng = np.random.default_rng(seed)
    values = np.repeat(rng.choice([0.0, 0.5, 1.0, 2.5, 7.0, np.nan], 400), rng.integers(1, 40, 400))
    with BigWig(make_bigwig({"chr1": values})) as bigwig:
        found = sample_values(bigwig)
    present = values[~np.isnan(values)].astype(np.float32)
    level, n_bp = np.unique(present, return_counts=True)
    assert found.level.tolist() == level.tolist()
    assert found.n_bp.tolist() == n_bp.tolist()
    assert found.median() == np.median(present)
    assert found.positive().median() == np.median(present[present > 0])


@pytest.mark.parametrize(("covered_bp", "background"), [(10_000, 4.0), (4_000, 1.6)])
def test_ten_kilobases_without_a_value_are_unknown_and_shorter_gaps_are_zero(make_bigwig, covered_bp, background):
    # 4 of 10 stretches of 1 kb have a median of 0, so that all 10 are taken together.
    values = np.full(200_000, np.nan)
    values[50_000 : 50_000 + covered_bp] = 4
    assert CoverageTransform().fit(BigWig(make_bigwig({"chr1": values})), "cpm").background == pytest.approx(background)


def test_a_stretch_at_the_fold_of_peaks_is_one(make_bigwig):
    # Excess over 2: 30 stretches of 8, at just 5 backgrounds, against one of 50.
    heights = np.array([10.0] * 30 + [52.0] + [2.0] * 500)
    fitted = CoverageTransform(peak_weight=1.0).fit(BigWig(make_bigwig({"chr1": np.repeat(heights, 1_000)})))
    assert fitted.scale == pytest.approx(10 / 5)


def test_sampled_blocks_are_spread_over_the_whole_of_what_is_known():
    known = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [0, 500], "end": [8_000_000, 1_000_500]})
    blocks = [("chr1", 0, 1_000_000), ("chr1", 3_000_000, 4_000_000), ("chr1", 6_000_000, 7_000_000)]
    assert sample_blocks(None, 3, known) == blocks
    assert len(sample_blocks(None, 9, known)) == len(sample_blocks(None, 99, known)) == 9
    assert sample_blocks(None, 99, known)[-1] == ("chr2", 500, 1_000_500)


def test_of_very_many_sequences_some_are_sampled_evenly():
    known = pd.DataFrame({"chrom": [f"s{number:05d}" for number in range(50_000)], "start": 0, "end": 1_000})
    sampled = np.array([int(chrom[1:]) for chrom, _, _ in sample_blocks(None, 128, known)])
    assert 1_000 < len(sampled) < 10_000
    assert len(set(np.diff(sampled))) <= 2
    assert sampled[0] == 0
    assert sampled[-1] > 49_900


def test_the_factor_of_the_scale_is_that_of_the_scale_alone(make_bigwig):
    bigwig = BigWig(make_bigwig({"chr1": pile_up(np.random.default_rng(1), 4000, peaks=4)}))
    one, other = (
        CoverageTransform(peak_weight=0.5, scale_factor=factor).fit(bigwig, "coverage") for factor in (1, 2.5)
    )
    assert other.scale == pytest.approx(2.5 * one.scale)
    assert other.background == one.background


def test_settings_that_an_entry_does_not_record_are_those_it_was_trained_with():
    trained_with = {"background_bin_bp": 1_000, "max_blocks": 128, "log10_p_background": 2.0}
    assert CoverageTransform().to_dict() == trained_with | {"peak_weight": 0.0, "peak_fold": 5.0, "scale_factor": 1.0}
    broad = CoverageTransform(peak_weight=0.85, broad_fold=2.0)
    assert broad.to_dict()["broad_fold"] == 2.0
    assert CoverageTransform.from_dict(broad.to_dict()) == broad


def test_one_stretch_is_enough_for_a_background(make_bigwig):
    known = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [1_000]})
    bigwig = BigWig(make_bigwig({"chr1": np.full(5_000, 4.0)}))
    assert CoverageTransform().fit(bigwig, "cpm", known).background == 4


PEAKED = np.repeat([1.0, 30.0, 1.0], [40_000, 2_000, 58_000]).repeat(3).reshape(-1, 3).T.ravel()
"""300 kb with a peak in each 100 kb."""


def genome(deep_bp, height):
    """Ten chromosomes with peaks, and a deep one."""
    return {f"chr{i}": PEAKED for i in range(10)}, {"chrM": np.full(deep_bp, height)}


@pytest.mark.parametrize("height", [1_000.0, 30_000.0])
@pytest.mark.parametrize("deep_bp", [16_000, 100_000])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_deep_sequence_does_not_set_the_scale_wherever_it_is_listed(make_bigwig, height, deep_bp, is_first):
    chroms, deep = genome(deep_bp, height)
    transform = CoverageTransform(peak_weight=0.85)
    alone = transform.fit(BigWig(make_bigwig(chroms, "alone.bw")), "coverage")
    order = {**deep, **chroms} if is_first else {**chroms, **deep}
    beside = transform.fit(BigWig(make_bigwig(order, "beside.bw")), "coverage")
    assert (beside.background, beside.scale) == (alone.background, alone.scale)
    assert beside.capped[0][:3] == ("chrM", 0, deep_bp)
    # Stretches of known signal are whole tens of kilobases.
    whole = deep_bp // 10_000 * 10_000
    mass = whole * (height - 1)
    share = mass / (mass + 10 * 3 * 2_000 * 29)
    assert beside.capped[0].share == pytest.approx(share, rel=1e-3)
    assert alone.capped == ()


def test_excluded_sequences_and_the_blacklist_take_no_part_in_the_scale(make_bigwig):
    chroms, deep = genome(1_000_000, 500.0)
    few = {name: chroms[name] for name in ("chr0",)}
    transform = CoverageTransform(peak_weight=0.85)
    alone = transform.fit(BigWig(make_bigwig(few, "alone.bw")), "coverage")
    beside = BigWig(make_bigwig({**deep, **few}, "beside.bw"))
    # Of so few quarters of a megabase none can be said to be the odd one.
    assert transform.fit(beside, "coverage").scale > 2 * alone.scale
    assert transform.fit(beside, "coverage", excluded={"chrM"}) == alone
    mask = pd.DataFrame({"chrom": ["chrM"], "start": [0], "end": [1_000_000]})
    assert transform.fit(beside, "coverage", blacklist=mask) == alone


@pytest.mark.parametrize("seed", range(20))
def test_no_block_weighs_more_than_four_even_shares(seed):
    random = np.random.default_rng(seed)
    excess = random.lognormal(0, random.uniform(0.1, 6), random.integers(8, 200))
    cap = _most_of_a_block(excess)
    total = np.minimum(excess, cap).sum()
    if np.isinf(cap):
        assert excess.max() <= 4 / len(excess) * total * (1 + 1e-9)
    else:
        assert cap == pytest.approx(4 / len(excess) * total)
