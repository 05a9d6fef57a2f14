"""What a study leaves that is stopped at any moment."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import multiprocessing, os
from epizoo.studies.engine import _start_quiet_tracker
_start_quiet_tracker()
queue = multiprocessing.get_context("spawn").Queue()
print(queue._rlock._semlock.name, os.environ.get("PYTHONWARNINGS"), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("warnings", [None, "default"])
def test_semaphores_of_a_stopped_study_are_removed_without_a_word(warnings):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    if warnings is not None:
        environment["PYTHONWARNINGS"] = warnings
    # The tracker holds the pipe of errors open until it is done.
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=environment)
    name, seen = done.stdout.split()
    assert done.stderr == ""
    assert seen == str(warnings)
    assert sys.platform != "linux" or not os.path.exists(f"/dev/shm/sem.{name.lstrip('/')}")
