"""Wall time, processor time and peak memory of a command."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

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
