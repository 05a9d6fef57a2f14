"""Long commands that are killed at any moment: nothing half is left, and the next run ends as if nothing had happened.

EPIZOO_KILLS and EPIZOO_KILLS_SEED choose how many kills of each command and from which seed on; ``make kills`` sets
them.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from kills.killed_commands import COMMANDS

N_KILLS = int(os.environ.get("EPIZOO_KILLS", "2"))
FIRST = int(os.environ.get("EPIZOO_KILLS_SEED", "0"))
# Python itself is being loaded before, and shows its own traceback.
EARLIEST = 0.2


class Undisturbed(NamedTuple):
    """A command, and what it makes when it is left alone: seconds, and files by their names."""

    command: list[str]
    seconds: float
    files: dict[str, bytes]


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """A command in a folder and a session of its own."""
    folder.mkdir(exist_ok=True)
    whole = [sys.executable, "-m", "epizoo", *command]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(whole, cwd=folder, start_new_session=True, **options)


def files_in(folder: Path) -> dict[str, bytes]:
    """All files but those that hold times or the folder in which they were made, by their names."""
    varying = {"records", "report.html"}
    files = [path for path in folder.rglob("*") if path.is_file() and not varying & set(path.parts)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module", params=COMMANDS)
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Each command, run to its end."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "inputs").mkdir()
    command = COMMANDS[request.param](folder / "inputs")
    began = time.monotonic()
    child = start(command, folder / "output")
    text, _ = child.communicate()
    assert child.returncode == 0, text
    return Undisturbed(command, time.monotonic() - began, files_in(folder / "output"))


def kill(seed: int, undisturbed: Undisturbed, folder: Path) -> signal.Signals:
    """Start the command, send it a signal at some moment, and check what it leaves; the signal."""
    rng = random.Random(f"{undisturbed.command[0]} {seed}")
    chosen = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[seed % 3]
    child = start(undisturbed.command, folder)
    time.sleep(rng.uniform(EARLIEST, undisturbed.seconds))
    # A terminal sends Ctrl-C to all processes of a command.
    os.killpg(child.pid, chosen) if chosen == signal.SIGINT else child.send_signal(chosen)
    text, _ = child.communicate(timeout=300)
    # A shell shows -N as 128 + N.
    assert child.returncode in (0, -chosen, 128 + chosen), text
    assert "Traceback" not in text
    assert child.returncode != 128 + chosen or text.splitlines()[-1].startswith("epizoo: "), text
    left = files_in(folder)
    half = [name for name in left.keys() & undisturbed.files.keys() if left[name] != undisturbed.files[name]]
    assert not half, f"{half} after {text}"
    if chosen != signal.SIGKILL:
        assert not [name for name in left if ".epizoo-" in name]
    return chosen


@pytest.mark.parametrize("seed", range(FIRST, FIRST + N_KILLS))
def test_a_killed_command_leaves_nothing_half_and_goes_on(undisturbed, seed, tmp_path):
    folder = tmp_path / "output"
    chosen = kill(seed, undisturbed, folder)
    again = start(undisturbed.command, folder)
    text, _ = again.communicate()
    if "--resume" in text:
        again = start([*undisturbed.command, "--resume"], folder)
        text, _ = again.communicate()
    # What was killed after all was done is there.
    assert again.returncode == 0 or "exists already" in text, text
    assert files_in(folder) == undisturbed.files, chosen
    assert not list(folder.rglob(".epizoo-*"))
