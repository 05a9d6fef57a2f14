"""Proof that a converted entry is the same model: its outputs beside JAX's, on easy and on hard input."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from epizoo.conversion.path_parity import path_deficit
from epizoo.errors import EntryError
from epizoo.genome.coverage_transform import FittedTransform
from epizoo.mark_values import OUTSIDE
from epizoo.zoo.entry import ChromatinStateEntry, Entry

Named = Mapping[str, Shaped[np.ndarray, "batch ..."]]
Run = Callable[[Float[np.ndarray, "batch bin channel"]], Named]
"""A conversion under test: input as the entry takes it (or raw coverage), outputs by name."""


class Tolerance(NamedTuple):
    """Tolerance of an output: ``absolute + relative * the largest value that JAX gives``."""

    absolute: float
    relative: float = 0.0


TOLERANCES: dict[str, Tolerance] = {
    "peak_probabilities": Tolerance(1e-5),
    "peak_summits": Tolerance(1e-5),
    "peak_starts": Tolerance(1e-5),
    "peak_ends": Tolerance(1e-5),
    "denoised_coverage": Tolerance(1e-5, 1e-6),
    "overall_scores": Tolerance(1e-5),
    "shape_scores": Tolerance(1e-5),
    "enrichment_scores": Tolerance(1e-5),
    "state_posteriors": Tolerance(1e-5),
    "state_probabilities": Tolerance(1e-5),
    # Unbounded, so that float32 itself is off by more where they are large.
    "peak_scores": Tolerance(1e-5, 1e-6),
    "features": Tolerance(1e-5, 1e-6),
    "logits": Tolerance(1e-5, 1e-6),
    "log_emissions": Tolerance(1e-5, 1e-6),
    "log_likelihood_per_bin": Tolerance(1e-5, 1e-6),
    "log_likelihood": Tolerance(1e-5, 1e-9),
    # Nats by which a path may be less probable than JAX's: a tie.
    "viterbi_path": Tolerance(1e-6),
    "gradients": Tolerance(1e-6, 1e-4),
}
"""The one table of tolerances."""
HALF_PRECISION = 2e-3
"""What half precision may cost outputs between 0 and 1, and unbounded ones relative to the largest value."""
_IMPOSSIBLE = -1e25
_N_ENRICHMENT = 12


def tolerance_of(name: str, float16: bool = False) -> Tolerance:
    """Tolerance of an output, with half precision or without.

    >>> tolerance_of("peak_scores", float16=True)
    Tolerance(absolute=0.002, relative=0.002)
    """
    exact = TOLERANCES[name]
    return Tolerance(HALF_PRECISION, HALF_PRECISION if exact.relative else 0.0) if float16 else exact


class Check(NamedTuple):
    """One output on one input: how far it is off, and how far it may be."""

    case: str
    output: str
    difference: float
    allowed: float

    @property
    def passed(self) -> bool:
        """True if it is close enough; NaN never is."""
        return bool(self.difference <= self.allowed)


class ParityReport(NamedTuple):
    """Comparisons and their results."""

    entry: str
    sha256: str
    target: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True if all checks passed, and there are some."""
        return len(self.checks) > 0 and all(check.passed for check in self.checks)

    def __str__(self) -> str:
        """A table: the largest difference of each output, and on which input."""
        lines = [f"{self.entry} as {self.target}, largest difference from JAX over {self._n_cases()} inputs"]
        for output in dict.fromkeys(check.output for check in self.checks):
            worst = max(
                (check for check in self.checks if check.output == output),
                key=lambda check: (not check.passed, check.difference / check.allowed),
            )
            verdict = "ok" if worst.passed else "FAILED"
            lines.append(f"  {output:24}{worst.difference:10.1e} of {worst.allowed:.1e} ({worst.case}) {verdict}")
        return "\n".join(lines)

    def write(self, path: str | os.PathLike[str], about: Mapping[str, Any] | None = None) -> None:
        """Write the report as JSON, with what else is to be said of the file that was compared."""
        checks = [check._asdict() | {"passed": check.passed} for check in self.checks]
        content = {"entry": self.entry, "sha256": self.sha256, "target": self.target, "passed": self.passed}
        content |= about or {}
        Path(path).write_text(json.dumps(content | {"checks": checks}, indent=1) + "\n", encoding="utf-8")

    def _n_cases(self) -> int:
        return len({check.case for check in self.checks})


def check_parity(
    entry: Entry,
    run: Run,
    target: str,
    *,
    layers: bool = False,
    crop: bool = True,
    raw: bool = False,
    float16: bool = False,
) -> ParityReport:
    """Compare a conversion with JAX on the golden input, on random and on hard input.

    Args:
        entry: the entry.
        run: the conversion; raw coverage takes it as mean signal, on the scales of `raw_scales`.
        target: what it is, for the report.
        layers: whether it gives the entry's layers.
        crop: whether it crops flanks.
        raw: whether it takes raw coverage.
        float16: whether it computes in half precision.
    """
    names = entry.output_names + (entry.layer_names if layers else ())
    reference = _reference(entry, crop)
    checks: list[Check] = []
    for case, inputs in cases(entry, crop):
        given, wanted = _raw(entry, inputs) if raw else (inputs, inputs)
        checks += compare(entry, case, inputs, run(given), reference(wanted, names), float16)
    return ParityReport(entry.name, entry.sha256, target, tuple(checks))


def raw_scales(entry: Entry) -> Float[np.ndarray, " track"]:
    """Scale of each track where raw coverage is compared."""
    return np.array([3.5, 0.8], np.float32)[: len(entry.channels)]


def _raw(
    entry: Entry, inputs: Float[np.ndarray, "batch bin track"]
) -> tuple[Float[np.ndarray, "batch bin track"], Float[np.ndarray, "batch bin track"]]:
    """Raw coverage, and what the entry's own transform makes of it."""
    scales = raw_scales(entry)
    raw = np.sinh(inputs) * scales
    fitted = [FittedTransform("coverage", float(scale), float(scale), 2.0) for scale in scales]
    return raw, np.stack([transform(raw[..., i]) for i, transform in enumerate(fitted)], axis=-1)


def compare(
    entry: Entry,
    case: str,
    inputs: Float[np.ndarray, "batch bin channel"],
    found: Named,
    expected: Named,
    float16: bool = False,
) -> Iterator[Check]:
    """One check for every expected output."""
    for name, wanted in expected.items():
        tolerance = tolerance_of(name, float16)
        given = np.asarray(found[name]) if name in found else np.full(1, np.nan)
        if given.shape != wanted.shape or given.dtype != wanted.dtype:
            yield Check(case, name, np.inf, tolerance.absolute)
        elif name == "viterbi_path":
            assert isinstance(entry, ChromatinStateEntry)
            yield Check(case, name, _path_deficit(entry, inputs, given, wanted), tolerance.absolute)
        else:
            # What is impossible stands for minus infinity, and must not lend its size to the tolerance.
            possible = np.isfinite(wanted) & (wanted > _IMPOSSIBLE)
            same = np.array_equal(possible, np.isfinite(given) & (given > _IMPOSSIBLE))
            largest = float(np.abs(wanted[possible]).max(initial=0))
            gap = np.abs(given[possible].astype(np.float64) - wanted[possible]).max(initial=0) if same else np.inf
            yield Check(case, name, float(gap), tolerance.absolute + tolerance.relative * largest)


def cases(entry: Entry, crop: bool = True) -> Iterator[tuple[str, Float[np.ndarray, "batch bin channel"]]]:
    """Inputs by name: the golden one, random ones of other lengths and batches, and hard ones.

    The largest batch comes first, and lengths are few: JAX compiles anew for every other shape.
    """
    make = _CASES[entry.family]
    n_bins, flank, n_channels = entry.input_length, entry.window.flank_bins, len(entry.channels)
    one = 2 * flank * crop + 1
    yield from make(np.random.default_rng(0), n_bins, one, n_channels, flank)
    yield "golden", entry.golden()[f"inputs.{entry.input_name}"]
    yield "zeros", np.zeros((2, n_bins, n_channels), np.float32)


def _coverage_cases(
    random: np.random.Generator, n_bins: int, one: int, n_tracks: int, _: int
) -> Iterator[tuple[str, Float[np.ndarray, "batch bin track"]]]:
    coverage = random.gamma(1, size=(4, n_bins + 37, n_tracks)).astype(np.float32)
    yield "random, longer", coverage
    yield "random", coverage[:3, :n_bins]
    # arcsinh of 3e7 times the background: more than any bigWig holds.
    yield "huge counts", ((random.random((2, n_bins, n_tracks)) < 0.01) * 18).astype(np.float32)
    yield "length 1", coverage[:2, :one]


def _candidate_cases(
    random: np.random.Generator, n_inputs: int, _one: int, _n_channels: int, _flank: int
) -> Iterator[tuple[str, Float[np.ndarray, "batch input 1"]]]:
    values = random.normal(size=(4, n_inputs, 1)).astype(np.float32)
    yield "random", values
    # The highest that one bp can be of 2,000 that are standardised, and -log10 p of what underflows.
    values = np.zeros((2, n_inputs, 1), np.float32)
    values[0, 7] = 44
    values[1, -_N_ENRICHMENT:] = 999
    yield "extreme", values


def _mark_cases(
    random: np.random.Generator, n_bins: int, one: int, n_marks: int, flank: int
) -> Iterator[tuple[str, Float[np.ndarray, "batch bin mark"]]]:
    marks = (random.random((4, n_bins + 37, n_marks)) < 0.3).astype(np.float32)
    gaps = marks.copy()
    gaps[3, :, 0] = np.nan
    gaps[random.random(gaps.shape) < 0.05] = np.nan
    gaps[0, : flank + 3] = gaps[1, -flank - 3 :] = gaps[2, flank + 5 : flank + 9] = -1
    yield "gaps and missing marks", gaps
    yield "random, longer", marks[3:]
    yield "random", marks[:3, :n_bins]
    yield "soft marks", random.random((2, n_bins, n_marks)).astype(np.float32)
    yield "all marks present", np.ones((1, n_bins, n_marks), np.float32)
    yield "all marks missing", np.full((2, n_bins, n_marks), np.nan, np.float32)
    yield "all outside", np.full((1, n_bins, n_marks), -1, np.float32)
    yield "length 1", marks[:2, :one]


_CASES = {"peak_caller": _coverage_cases, "peak_scorer": _candidate_cases, "chromatin_states": _mark_cases}


def require_parity(report: ParityReport) -> None:
    """Check that a conversion is the same model.

    Raises:
        EntryError: it is not; the message names the worst output.
    """
    if not report.checks:
        raise EntryError(
            f"{report.entry}: the export to {report.target} was compared with nothing; no file was written"
        )
    if not report.passed:
        worst = max(report.checks, key=lambda check: (not check.passed, check.difference / check.allowed))
        raise EntryError(
            f"{report.entry}: the export to {report.target} is not the same model: {worst.output} is off by "
            f"{worst.difference:.1e} on the input {worst.case!r}, {worst.allowed:.1e} is allowed; no file was written"
        )


def _reference(entry: Entry, crop: bool) -> Callable[[Float[np.ndarray, "batch bin channel"], tuple[str, ...]], Named]:
    """JAX, as the entry runs it, with flanks cropped or not."""
    from epizoo.zoo.jax_engine import jax_engine

    flank_bins = entry.window.flank_bins if crop else 0
    return jax_engine(entry.config.model, entry.weights(), flank_bins).run


def _path_deficit(
    entry: ChromatinStateEntry,
    inputs: Float[np.ndarray, "batch bin mark"],
    found: Int[np.ndarray, "batch window"],
    wanted: Int[np.ndarray, "batch window"],
) -> float:
    """Nats by which the found paths are less probable than JAX's, at most."""
    rows = np.flatnonzero((found != wanted).any(axis=1))
    if not len(rows):
        return 0.0
    if np.any((found < 0) != (wanted < 0)):
        return np.inf
    logs = _reference(entry, crop=False)(inputs[rows], ("log_emissions",))["log_emissions"]
    return path_deficit(entry, logs, found[rows], wanted[rows], (inputs[rows] != OUTSIDE).all(axis=2))
