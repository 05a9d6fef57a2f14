"""Bins per second of an entry's windows by each backend.

    python -m benchmarks.conversion.backends [ENTRY …] [-o benchmarks/conversion/backends.json]

Each figure is the best of a few runs, after one that compiles. Backends take turns, so that other work on the machine
slows them alike. ``torch.compile`` needs a C++ compiler and is left out without one, and for chromatin states, whose
unrolled recursions take it longer to compile than the run saves.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from epizoo.conversion import with_backend
from epizoo.conversion.torch.programs import Program, export_program
from epizoo.zoo import load
from epizoo.zoo.entry import Entry

ENTRIES = ("peak_caller/h3k4me3", "chromatin_states/encode-10")
BATCHES = (1, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("entries", nargs="*", default=ENTRIES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path, help="the figures as JSON")
    found = parser.parse_args()
    torch.set_num_threads(found.threads)
    print(
        f"| entry | backend | {' | '.join(f'batch {batch}' for batch in BATCHES)} |\n|---|---|{'---|' * len(BATCHES)}"
    )
    content = {}
    for name in found.entries:
        entry = load(name)
        rows: dict[str, list[float]] = {}
        for batch in BATCHES:
            for backend, speed in measure(entry, batch, found.runs).items():
                rows.setdefault(backend, []).append(speed)
        for backend, speeds in rows.items():
            ratio = speeds[-1] / rows["jax"][-1]
            cells = " | ".join(f"{speed / 1e6:.3f} M" for speed in speeds)
            print(f"| {name} | {backend} | {cells} ({ratio:.2f} x jax) |", flush=True)
        by_batch = {
            backend: dict(zip(map(str, BATCHES), map(round, speeds), strict=True)) for backend, speeds in rows.items()
        }
        content[name] = {"version": entry.version, "threads": found.threads, "bins_per_second_by_batch": by_batch}
    if found.output is not None:
        found.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def measure(entry: Entry, batch: int, n_runs: int) -> dict[str, float]:
    """Bins of output per second, by backend."""
    inputs = random_windows(entry, batch)
    runners = {name: predictor(entry, name) for name in ("jax", "onnx", "torch")}
    runners |= programs(entry)
    for run in runners.values():
        run(inputs)
    best = dict.fromkeys(runners, np.inf)
    for _ in range(n_runs):
        for name, run in runners.items():
            start = time.perf_counter()
            run(inputs)
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: batch * entry.window.window_bins / seconds for name, seconds in best.items()}


def predictor(entry: Entry, backend: str) -> Callable[[np.ndarray], object]:
    changed = with_backend(entry, backend)
    return lambda inputs: changed.predict({entry.input_name: inputs})


def programs(entry: Entry) -> dict[str, Callable[[np.ndarray], object]]:
    """torch.export's program, and torch.compile's where it can be had."""
    found = {"torch.export": without_gradients(export_program(entry).module())}
    if entry.family == "peak_caller" and shutil.which("g++"):
        found["torch.compile"] = without_gradients(torch.compile(Program(entry).requires_grad_(False), dynamic=False))
    return found


def without_gradients(program: Callable[[torch.Tensor], object]) -> Callable[[np.ndarray], object]:
    def run(inputs: np.ndarray) -> object:
        with torch.no_grad():
            return program(torch.tensor(inputs))

    return run


def random_windows(entry: Entry, batch: int) -> np.ndarray:
    random = np.random.default_rng(0)
    shape = (batch, entry.window.input_bins, len(entry.channels))
    if entry.family == "peak_caller":
        return random.gamma(1, size=shape).astype(np.float32)
    return (random.random(shape) < 0.2).astype(np.float32)


if __name__ == "__main__":
    main()
