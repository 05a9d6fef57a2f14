"""Mutated files of every format: one sentence, or an answer; no crash, no hang, no traceback, no memory without bounds.

EPIZOO_FUZZ_INPUTS and EPIZOO_FUZZ_SEED choose how many of each format and from which seed on; ``make fuzz`` sets them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.fuzz_formats import FORMATS

CHILD = Path(__file__).with_name("fuzz_child.py")
N_INPUTS = int(os.environ.get("EPIZOO_FUZZ_INPUTS", "150"))
FIRST = int(os.environ.get("EPIZOO_FUZZ_SEED", "0"))


def failures(name: str, first: int, after: int, folder: Path) -> list[str]:
    """What went wrong, seed by seed; a process that dies is followed by another one behind its last seed."""
    found: list[str] = []
    while first < after:
        command = [sys.executable, str(CHILD), name, str(first), str(after), str(folder)]
        child = subprocess.run(command, capture_output=True, text=True, errors="replace")
        lines = [json.loads(line) for line in child.stdout.splitlines() if line.startswith("{")]
        found += [f"seed {line['seed']}: {line['wrong']}" for line in lines if "wrong" in line]
        if lines and "done" in lines[-1]:
            break
        assert lines, child.stderr[-2_000:]
        found.append(f"seed {lines[-1]['seed']}: the process ended by {child.returncode}: {child.stderr[-500:]}")
        first = lines[-1]["seed"] + 1
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_a_changed_file_gives_one_sentence_or_an_answer(name, tmp_path):
    found = failures(name, FIRST, FIRST + N_INPUTS, tmp_path / "input")
    assert not found, f"{len(found)} of {N_INPUTS}:\n" + "\n\n".join(found[:5])
