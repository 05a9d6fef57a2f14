"""Inputs, and what Python makes of them, for the page's TypeScript to make the same of them.

`write_vectors` writes a folder of JSON and bigWigs, which ``npm test`` in ``web/`` reads.
"""

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
from bigwigs import coverage, write_bigwig
from state_vectors import state_vectors

from epizoo.calling.peak_files import write_peaks
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.peaks import PeakCollector, candidate_table, joined_tiers, name_peaks
from epizoo.calling.significance import significant, with_q_values
from epizoo.calling.stretches import Stretch, stretches
from epizoo.calling.summits import smoothing_bins
from epizoo.errors import InputError
from epizoo.genome.coverage_transform import CoverageTransform, FittedTransform
from epizoo.genome.overlaps import merged
from epizoo.genome.poisson import poisson_log10_p
from epizoo.genome.read_depth import read_depth
from epizoo.genome.signal import BigWig
from epizoo.genome.signal_kinds import (
    SIGNAL_KINDS,
    detect_signal_kind,
    refuse_logarithms,
    sample_blocks,
    sample_values,
)
from epizoo.web.page_data import write_page_data
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.entry import PeakCallerEntry
from epizoo.zoo.loading import load

CALLERS = [entry for entry in map(load, list_entries()) if isinstance(entry, PeakCallerEntry)]
RULES = {entry.name: entry.config.calling for entry in CALLERS}
# With many weak peaks, beside others and by themselves.
RULES["weak peaks"] = PeakCallingConfig(0.9, 0.8, merge_gap_bp=200, most_q=0.01, weak_probability=0.05, weak_q=1e-3)
TRANSFORMS = [
    CoverageTransform(),
    CoverageTransform(peak_weight=0.85, peak_fold=2.0),
    CoverageTransform(peak_weight=0.85, broad_fold=2.0),
    CoverageTransform(background_bin_bp=300, peak_weight=1.0, peak_fold=3.0, broad_fold=1.5),
    CoverageTransform(background_bin_bp=200, max_blocks=1, peak_weight=0.5, scale_factor=3.0),
]
N_DAMAGED = 120
SIZES = {"a": 5_100, "b": 5_213, "B": 6_000}


def write_vectors(folder: Path) -> None:
    """Write all vectors into an empty folder."""
    write_page_data(folder)
    signals = _bigwigs(folder)
    for name, content in {
        "numbers": _numbers(),
        "signals": [_signal(path) for path in signals],
        "refused": _refused(folder, signals[0]),
        "damaged": _damaged(folder),
        "transforms": _transforms(),
        "peaks": _peaks(folder),
        "unions": _unions(),
        **state_vectors(folder),
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content, allow_nan=False), encoding="utf-8")


def _numbers():
    rng = np.random.default_rng(0)
    values = [0.0, -1.0, 1.0, 99999.0, 99999.5, 123456.0, 0.0001, 0.00001234, 5e-324, 12345.0, 0.1 + 0.2, 100.0]
    values += [10000.5, 10001.5, -10000.5, 1.03125, 1.00005, 0.000123455]
    values += (10 ** rng.uniform(-8, 12, 500)).tolist()
    heights = np.concatenate([[0, 0.5, 1, 3, 1e5, 20], rng.uniform(0, 500, 300)])
    means = np.concatenate([[2, 1e-9, 1, 1e4, 1e4, 1e6], 10 ** rng.uniform(-3, 2.5, 300)])
    halves = [*np.arange(-3.5, 4), 0.49999999999999994, 2.6, -1.2, 4503599627370497.0]
    return {
        "general": [(value, f"{value:.5g}") for value in values],
        "rint": [(float(value), float(np.rint(value)) + 0.0) for value in halves],
        "poisson": list(zip(heights.tolist(), means.tolist(), poisson_log10_p(heights, means).tolist(), strict=True)),
        "smoothing_bins": [(w, b, smoothing_bins(w, b)) for w in (0, 50, 250, 300, 999) for b in (10, 50, 100, 200)],
    }


def _bigwigs(folder):
    tracks = coverage()
    cpm = {chrom: values * np.float32(0.0371) for chrom, values in tracks.items()}
    shallow = coverage(2, {"chr1": 900_000})["chr1"]
    return [
        write_bigwig(folder / "coverage.bw", tracks),
        write_bigwig(folder / "nozoom.bw", tracks, max_zooms=0),
        write_bigwig(folder / "nan.bw", {"chr9": np.zeros(40_000, np.float32), **tracks}, gaps_are_nan=True),
        write_bigwig(folder / "cpm.bw", cpm, form="bp"),
        write_bigwig(folder / "cells.pval.signal.bw", cpm, form="bins"),
        write_bigwig(folder / "cells.fc.signal.bw", cpm, form="bins"),
        write_bigwig(folder / "deepM.bw", {**tracks, "chr3": coverage(1, {"chr3": 3_400_000})["chr3"]}),
        write_bigwig(folder / "shallow.bw", {"chr1": shallow * (np.arange(len(shallow)) % 7 == 0)}),
    ]


def _signal(path):
    bigwig = BigWig(path)
    bins = [
        (chrom, first, first + 40, bin_bp)
        for chrom, size in bigwig.chrom_sizes.items()
        for bin_bp in (10, 100, 777)
        for first in (-5, size // bin_bp // 2, size // bin_bp - 30)
    ]
    fits = []
    for transform, excluded in itertools.product(TRANSFORMS, ([], ["chrM"])):
        if set(bigwig.chrom_sizes) > set(excluded):
            fits.append((transform, excluded, transform.fit(bigwig, excluded=excluded)))
    depth = read_depth(bigwig, fits[0][2])
    return {
        "file": path.name,
        "blocks": sample_blocks(bigwig, 128),
        "bins": [
            {
                **dict(zip(("chrom", "start_bin", "end_bin", "bin_bp"), where, strict=True)),
                "means": bigwig.binned(*where).tolist(),
            }
            for where in bins
        ],
        "kind": detect_signal_kind(bigwig),
        "transforms": [
            {
                "settings": dataclasses.asdict(transform),
                "excluded": excluded,
                "background": fitted.background,
                "scale": fitted.scale,
                "capped": [block.share for block in fitted.capped],
            }
            for transform, excluded, fitted in fits
        ],
        "depth": None if depth is None else {"per_area": depth.per_area, "source": depth.source},
    }


def _refused(folder, good):
    """Files that are refused, and words of the reason; Python refuses them too."""
    tracks = {"chr1": coverage(3, {"chr1": 300_000})["chr1"]}
    infinite = tracks["chr1"].copy()
    infinite[1_000] = np.inf
    write_bigwig(folder / "negative.bw", {"chr1": tracks["chr1"] - 2})
    write_bigwig(folder / "log2.bw", {"chr1": np.log2(1 + tracks["chr1"])})
    write_bigwig(folder / "infinite.bw", {"chr1": infinite})
    content = good.read_bytes()
    texts = {
        "empty.bw": (b"", "is empty"),
        "short.bw": (content[:40], "damaged or cut short"),
        "half.bw": (content[: len(content) // 2], "damaged or cut short"),
        "reads.bam": (b"\x1f\x8b\x08\x04" + bytes(60), "holds reads"),
        "reads.cram": (b"CRAM" + bytes(60), "holds reads"),
        "peaks.bb": (b"\xeb\xf2\x89\x87" + content[4:], "is a bigBed"),
        "text.bw": (b"chr1\t0\t10\t1.0\n", "is not a bigWig"),
        "two.bw": (b"ab", "is not a bigWig"),
    }
    for name, (raw, _) in texts.items():
        (folder / name).write_bytes(raw)
    reasons = {name: reason for name, (_, reason) in texts.items()}
    reasons |= {"negative.bw": "negative values", "log2.bw": "logarithms of counts", "infinite.bw": "infinite value"}
    for name in reasons:
        assert _outcome(folder / name) is None, name
    return [{"file": name, "reason": reason} for name, reason in reasons.items()]


def _damaged(folder):
    """A bigWig with a few wrong bytes, again and again: refused, or read as if they did not matter."""
    rng = np.random.default_rng(4)
    good = write_bigwig(folder / "good.bw", {"chr1": coverage(5, {"chr1": 90_000})["chr1"], "chr2": np.ones(500)})
    content = np.frombuffer(good.read_bytes(), np.uint8)
    index = int(content[24:32].view(np.uint64)[0])
    found = []
    for number in range(N_DAMAGED):
        changed = content.copy()
        # Wrong bytes in the header, in the index, and anywhere.
        low, high = ((0, 400), (index, index + 300), (0, len(content)))[number % 3]
        place = rng.integers(low, high, rng.integers(1, 4))
        changed[place] = rng.integers(0, 256, len(place))
        path = folder / f"damaged{number}.bw"
        path.write_bytes(changed.tobytes())
        found.append({"file": path.name, "means": _outcome(path)})
    return found


def _outcome(path):
    """Means over bins of 500 bp of all sequences, or None where Python refuses the file."""
    try:
        bigwig = BigWig(path)
        sampled = sample_values(bigwig)
        refuse_logarithms(bigwig, sampled)
        detect_signal_kind(bigwig, sampled)
        means = [
            bigwig.binned(chrom, 0, -(-size // 500), 500) for chrom, size in bigwig.chrom_sizes.items() if size < 1e7
        ]
        return np.concatenate([np.zeros(0), *means]).tolist()
    except InputError:
        return None


def _transforms():
    rng = np.random.default_rng(6)
    values = np.concatenate([[0.0, 1e-6, 3.0], 10 ** rng.uniform(-2, 3, 300)]).astype(np.float32)
    found = []
    for kind in SIGNAL_KINDS:
        fitted = FittedTransform(kind, 1.7, 4.1, 2.0)
        transformed = fitted(values)
        folds = fitted.inverse(transformed, fitted.background)
        rows = {"values": values, "transformed": transformed, "folds": folds}
        figures = {"kind": kind, "background": fitted.background, "scale": fitted.scale}
        found.append(figures | {name: row.tolist() for name, row in rows.items()})
    return found


def _peaks(folder):
    """Random probabilities and signal, called by the rule of each entry; shallow signal has many equal summits."""
    found = []
    for seed, (name, rule) in enumerate(RULES.items()):
        for reads, highest in ((None, 30), (0.3, 30), (0.3, 2)):
            rng = np.random.default_rng(seed)
            n_bins = 4_000
            smooth = np.convolve(rng.uniform(0, 1, n_bins + 24), np.ones(25) / 25, "valid")
            probabilities = np.clip((smooth - 0.4) * 5, 0, 1).astype(np.float32)
            signal = rng.poisson(1 + highest * probabilities).astype(np.float32)
            signal[rng.integers(0, n_bins, 200)] = 0
            settings = {"bin_bp": 100, "reads_per_unit": 3.5, "reads_per_area": reads}
            # All of it, and parts with borders within bins and with one bin between them.
            for asked in ([(0, 400_950)], [(30_050, 90_010), (90_199, 150_000), (380_000, 400_950)]):
                called = []
                for tier in rule.tiers if reads else rule.tiers[:1]:
                    collector = PeakCollector([Stretch("chr1", 10, 10 + n_bins, asked)], tier, **settings)
                    collector.add(probabilities, signal)
                    candidates = with_q_values(candidate_table([collector.finish()]), n_bins * 100)
                    called.append(significant(candidates, tier.most_q))
                write_peaks(folder / "peaks.narrowPeak", name_peaks(joined_tiers(called)))
                found.append(
                    {
                        "name": f"{name}, reads {'unknown' if reads is None else 'known'}, up to {highest}, {asked}",
                        "rule": dataclasses.asdict(rule),
                        "start_bin": 10,
                        "asked": asked,
                        **settings,
                        "probabilities": probabilities.tolist(),
                        "signal": signal.tolist(),
                        "narrow_peak": (folder / "peaks.narrowPeak").read_text(),
                    }
                )
    return found


def _unions():
    rng = np.random.default_rng(8)
    found = []
    for grid_bp in (1, 10, 100):
        start = rng.integers(0, 5_000, 60)
        table = pd.DataFrame(
            {"chrom": rng.choice(["b", "a", "B"], 60), "start": start, "end": start + rng.integers(1, 90, 60)}
        )
        found.append(
            {
                "intervals": table.to_numpy().tolist(),
                "grid_bp": grid_bp,
                "merged": merged(table, grid_bp=grid_bp).to_numpy().tolist(),
                "background_bp": 20 * grid_bp,
                "sizes": SIZES,
                "stretches": [one._asdict() for one in stretches(table, grid_bp, 20 * grid_bp, SIZES)],
            }
        )
    return found
