"""peak_caller/cutrun on sparse read pairs: sites of few fragments are found, and an IgG has no peak of its own."""

import numpy as np
import pandas as pd
import pytest

import epizoo
from epizoo.genome.overlaps import overlaps_any

CHROM, N_BP = "chr1", 24_000_000
CENTRES = np.arange(100_000, N_BP, 300_000)
TOWERS = CENTRES[:-1:4] + 150_000
DOMAINS = pd.DataFrame({"chrom": CHROM, "start": CENTRES - 1_500, "end": CENTRES + 1_500})
SITES = pd.DataFrame({"chrom": CHROM, "start": CENTRES - 400, "end": CENTRES + 400})
AT_TOWERS = pd.DataFrame({"chrom": CHROM, "start": TOWERS - 400, "end": TOWERS + 400})


@pytest.fixture(scope="module")
def entry():
    return epizoo.load("peak_caller/cutrun")


def spans(random, middles):
    """Starts and ends of fragments, half of them below 120 bp and half around a nucleosome."""
    is_short = random.random(len(middles)) < 0.5
    lengths = np.where(is_short, random.integers(35, 120, len(middles)), random.normal(185, 25, len(middles)))
    starts = (middles - lengths / 2).astype(int)
    return np.stack([starts, starts + lengths.astype(int)], axis=1)


def background(random, per_bp):
    return spans(random, random.integers(1_000, N_BP - 1_000, int(N_BP * per_bp)))


def factor(random):
    """15 to 60 fragments around each site."""
    return np.concatenate([spans(random, random.normal(x, 120, random.integers(15, 60))) for x in CENTRES])


def mark(random):
    """30 to 90 fragments over 3 kb each."""
    return np.concatenate([spans(random, x + random.uniform(-1_500, 1_500, random.integers(30, 90))) for x in CENTRES])


def towers(random, n):
    """What sticks to a few places, whatever the antibody."""
    return np.concatenate([spans(random, random.normal(x, 60, n)) for x in TOWERS])


def written(path, *parts):
    """A BEDPE file of fragments in three columns."""
    rows = np.concatenate(parts)
    order = np.argsort(rows[:, 0], kind="stable")
    path.write_text("".join(f"{CHROM}\t{start}\t{end}\n" for start, end in rows[order].tolist()), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path):
    """Reads by name, each beside the sizes of its genome."""
    random = np.random.default_rng(1)
    kinds = {
        "factor": (background(random, 5e-4), factor(random)),
        "mark": (background(random, 5e-4), mark(random)),
        "igg": (background(random, 9e-4),),
        "towers": (background(random, 5e-4), factor(random), towers(random, 40)),
        "towers_igg": (background(random, 9e-4), towers(random, 70)),
    }
    sizes = tmp_path / "genome.sizes"
    sizes.write_text(f"{CHROM}\t{N_BP}\n", encoding="utf-8")
    return {name: written(tmp_path / f"{name}.bedpe", *parts) for name, parts in kinds.items()} | {"sizes": sizes}


def peaks_of(entry, files, treatment, control=None):
    given = {} if control is None else {"control_reads": files[control]}
    return epizoo.call_peaks(entry, reads=files[treatment], chrom_sizes=files["sizes"], **given)


@pytest.mark.parametrize("control", [None, "igg"])
def test_sparse_sites_are_found_and_nothing_else_is(entry, files, control):
    peaks = peaks_of(entry, files, "factor", control)
    assert overlaps_any(SITES, peaks).all()
    assert (~overlaps_any(peaks, SITES)).sum() <= 1
    # Fragments of 35 to 230 bp around points that spread by 120 bp.
    assert 150 < (peaks["end"] - peaks["start"]).median() < 800


@pytest.mark.parametrize("control", [None, "igg"])
def test_a_domain_is_found_over_most_of_its_width(entry, files, control):
    peaks = peaks_of(entry, files, "mark", control)
    assert overlaps_any(DOMAINS, peaks).mean() > 0.95
    assert (~overlaps_any(peaks, DOMAINS)).sum() <= 1
    inside = (peaks["end"] - peaks["start"])[overlaps_any(peaks, DOMAINS)].sum()
    assert inside > 0.5 * (DOMAINS["end"] - DOMAINS["start"]).sum()


@pytest.mark.parametrize("control", [None, "factor"])
def test_an_igg_has_no_peak(entry, files, control):
    assert peaks_of(entry, files, "igg", control).empty


def test_what_the_igg_has_too_is_called_without_it_alone(entry, files):
    alone, against = (peaks_of(entry, files, "towers", control) for control in (None, "towers_igg"))
    assert overlaps_any(AT_TOWERS, alone).mean() > 0.9
    assert not overlaps_any(AT_TOWERS, against).any()
    assert overlaps_any(SITES, against).all()
