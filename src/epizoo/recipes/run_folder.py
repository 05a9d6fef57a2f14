"""Command line, progress and run folder of the recipes of peak callers.

A run folder holds ``weights.safetensors``, ``config.yaml``, ``about.yaml``, ``training.json`` and ``metrics.json``; see
`epizoo.zoo.build.write_entry`. The prose is that of ``prose/NAME.yaml`` beside this file.
"""

import argparse
import importlib.metadata
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from safetensors.numpy import save_file

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.errors import EpizooError
from epizoo.files import atomic_path, write_json, write_yaml
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.network import PeakCaller

_PROSE = Path(__file__).with_name("prose")
_PACKAGES = ("epizoo", "flax", "jax", "numpy", "optax")


def recipe_parser(description: str | None, entries: Iterable[str], data: str | None = None) -> argparse.ArgumentParser:
    """The options of every recipe: the entry, ``--data`` if it reads any, ``--seed`` and ``--output``.

    Args:
        description: the module's docstring.
        entries: names of the entries that the recipe makes.
        data: contents of the folder of ``--data``; None if nothing is read.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", choices=sorted(entries), help="name of the entry")
    if data is not None:
        parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {data}")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: 0)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder to write")
    return parser


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Print an error of epizoo as its message alone, and exit with code 2."""
    try:
        yield
    except EpizooError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


class Progress:
    """Lines of progress on stdout, each with the seconds since the start."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line."""
        print(f"{time.monotonic() - self.began:6.0f} s  {text}", flush=True)

    def steps(self, title: str, every: int = 200) -> Callable[[int, float], None]:
        """A report of training steps, for a function that calls it with a step and its loss."""

        def report(step: int, loss: float) -> None:
            if step % every == 0:
                self.say(f"{title}, step {step}: loss {loss:.4f}")

        return report


def prose(name: str, **fields: object) -> dict[str, Any]:
    """Hand-written text of an entry: ``about``, ``trained_on`` and ``procedure``; fields replace {names}."""
    text = (_PROSE / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text.format_map(fields) if fields else text)


def recipe_training(
    name: str,
    recipe: str,
    seed: int,
    details: Mapping[str, Any],
    *,
    chromosomes: Iterable[str] = (),
    reads_data: bool = False,
) -> dict[str, Any]:
    """The content of ``training.json``."""
    words = prose(name)
    data = "--data DIR " if reads_data else ""
    return {
        "trained_on": words["trained_on"] | {"chromosomes": sorted(chromosomes)},
        "procedure": words["procedure"],
        "command": f"python -m epizoo.recipes.{recipe} {name} {data}--seed {seed} -o runs/{name}",
        "seed": seed,
        **details,
        "versions": versions(),
    }


def write_run(
    folder: Path,
    name: str,
    model: PeakCaller,
    transform: CoverageTransform,
    calling: PeakCallingConfig,
    window_bins: int,
    training: Mapping[str, Any],
) -> None:
    """Write a run folder, but for its metrics."""
    with atomic_path(folder / "weights.safetensors") as path:
        save_file(flatten_parameters(model), path)
    config = {
        "family": "peak_caller",
        "window": {"window_bins": window_bins, "flank_bins": model.receptive_field_bins},
        "model": model.config.to_dict(),
        "transform": transform.to_dict(),
        "calling": calling.to_dict(),
    }
    write_yaml(folder / "config.yaml", config)
    write_yaml(folder / "about.yaml", prose(name)["about"])
    write_json(folder / "training.json", training)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Tuples as lists, for JSON and YAML."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that training depends on."""
    return {"python": sys.version.split()[0]} | {name: importlib.metadata.version(name) for name in _PACKAGES}
