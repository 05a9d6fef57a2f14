"""Mutates and reads one file after another, and says before each which; the parent sees where it ends.

``python tests/fuzz/fuzz_child.py FORMAT FIRST AFTER FOLDER`` tries the seeds from FIRST to before AFTER. Each line
of its output is JSON.
"""

import json
import logging
import random
import resource
import signal
import sys
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.fuzz_formats import FORMATS, Format

from epizoo.errors import EpizooError

MEMORY_BYTES = 6 << 30
SECONDS = 20


def outcome(kind: Format, path: Path, content: bytes) -> str | None:
    """None for an answer that may be right or for a refusal, else what is wrong."""
    try:
        found = kind.read(path)
        if kind.check is not None:
            kind.check(content, found)
    except EpizooError as error:
        text = str(error)
        # A folder's name stands for the file in it.
        named = path.name in text or path.parent.name in text
        if "\n" in text or len(text) > 1_000 or not named or not text.isprintable():
            return f"a refusal that is no sentence on {path.name}: {text[:500]!r}"
        return None
    except Exception:
        return traceback.format_exc(limit=-6)
    return None


def run(name: str, first: int, after: int, folder: Path) -> None:
    """Try some seeds."""
    kind = FORMATS[name]
    valid = kind.make()
    path = folder / f"x{kind.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(valid)
    assert outcome(kind, path, valid) is None, outcome(kind, path, valid)
    kind.read(path)
    for seed in range(first, after):
        content = kind.mutate(random.Random(f"{name} {seed}"), valid)
        path.write_bytes(content)
        print(json.dumps({"seed": seed}), flush=True)
        # The default action ends the process, whatever C code is doing.
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        wrong = outcome(kind, path, content)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if wrong is not None:
            print(json.dumps({"seed": seed, "wrong": wrong}), flush=True)
    print(json.dumps({"done": True}), flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    logging.disable()
    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
