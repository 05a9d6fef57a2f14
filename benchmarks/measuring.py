"""Wall time, processor time and peak memory of a command."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from epizoo.compilation import usable_cores

EPIZOO = (sys.executable, "-c", "from epizoo.cli import main; main()")

# In a small process of its own: the peak memory of a process is at least what its parent had when it was forked.
_STOPWATCH = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - start
if done.returncode != 0:
    sys.exit(" ".join(sys.argv[1:]) + " failed: " + done.stderr[-2000:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
peak_mb = usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)  # bytes on macOS, kB on Linux
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, peak_mb, done.stdout]))
"""


class Run(NamedTuple):
    """One process: seconds of wall time and of the processor, peak memory, and what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def measure(command: list[str], folder: Path | None = None) -> Run:
    """Run a command in `folder`; exit with its last words if it fails."""
    stopwatch = [sys.executable, "-I", "-c", _STOPWATCH]
    done = subprocess.run([*stopwatch, *command], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return Run(*json.loads(done.stdout))


def best_of(jobs: Mapping[str, Sequence[list[str]]], repeat: int) -> dict[str, Run]:
    """The fastest run of each job, which is commands one after the other.

    Jobs take turns, so that other work on the machine slows them alike.
    """
    found: dict[str, list[Run]] = {}
    for _ in range(repeat):
        for job, steps in jobs.items():
            runs = [measure(command) for command in steps]
            seconds, cpu_seconds = sum(run.seconds for run in runs), sum(run.cpu_seconds for run in runs)
            found.setdefault(job, []).append(Run(seconds, cpu_seconds, max(run.peak_mb for run in runs), ""))
    return {job: min(runs) for job, runs in found.items()}


def show(title: str, best: Mapping[str, Run], output: Path | None = None, **about: Any) -> None:
    """Print a table of jobs; write it with the machine, its load and `about` as JSON where `output` is given."""
    machine = {
        "cores": usable_cores(),
        "load_average": round(os.getloadavg()[1], 1),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    title = f"{title}, {machine['cores']} cores, load average {machine['load_average']}"
    table = Table(title=title, box=None, title_justify="left")
    for column in ("job", "seconds", "CPU seconds", "peak MB"):
        table.add_column(column, justify="left" if column == "job" else "right")
    for job, run in best.items():
        table.add_row(job, f"{run.seconds:.1f}", f"{run.cpu_seconds:.1f}", f"{run.peak_mb:,.0f}")
    Console(width=120).print(table)
    if output is not None:
        figures = {
            job: {"seconds": run.seconds, "cpu_seconds": run.cpu_seconds, "peak_megabytes": run.peak_mb}
            for job, run in best.items()
        }
        output.write_text(json.dumps({**about, **machine, "jobs": figures}, indent=2) + "\n")
