"""Exports of entries: written, proven to be the same model, and only then left behind."""

import contextlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from epizoo.conversion.parity import Check, ParityReport, Run, check_parity, raw_scales, require_parity
from epizoo.errors import InputError
from epizoo.files import atomic_path, require_writable, sha256
from epizoo.optional import require
from epizoo.zoo import load
from epizoo.zoo.entry import Entry

TARGETS = ("onnx", "torch", "pt2", "safetensors")
SUFFIXES = {".onnx": "onnx", ".pt": "torch", ".pth": "torch", ".pt2": "pt2", ".safetensors": "safetensors"}


def export(
    entry: Entry | str,
    to: str,
    path: str | Path,
    *,
    opset: int | None = None,
    raw_coverage: bool = False,
    layers: bool = False,
    crop: bool = True,
    float16: bool = False,
) -> ParityReport:
    """Write an entry in another format, with ``PATH.parity.json`` beside it, if its outputs equal JAX's.

    Args:
        entry: the entry, its name or its folder.
        to: Format: onnx, torch, pt2 (a program for torch alone), safetensors or, on the command line, grelu.
        path: the file to write.
        opset: Version of ONNX's operator set; by default the oldest that the models need.
        raw_coverage: Normalise in the graph, which then takes the scale too (ONNX, peak callers).
        layers: Make hidden layers outputs too (ONNX and pt2).
        crop: Leave the flanks out of the outputs (ONNX and pt2).
        float16: Compute the dilated convolutions in half precision (ONNX, peak callers), for GPUs: probabilities stay
            within 0.002.

    Raises:
        InputError: an unknown target, an option that it does not have, or a path that cannot be written.
        EntryError: the entry has no weights that match their hash, or the export is another model; no file is left.
        MissingDependencyError: torch or onnx is not installed.
    """
    entry = entry if isinstance(entry, Entry) else load(entry)
    _check_options(to, opset, raw_coverage or float16, layers, crop)
    # torch chooses by the name how it saves, and readers how they read.
    if SUFFIXES.get(Path(path).suffix, to) != to:
        raise InputError(f"{path}: a name of {SUFFIXES[Path(path).suffix]}, the target is {to}; give another name")
    require_writable(path)
    with atomic_path(path) as temporary:
        if to == "onnx":
            run = _write_onnx(entry, temporary, opset, raw_coverage, layers, crop, float16)
        elif to == "pt2":
            run = _write_pt2(entry, temporary, layers, crop)
        else:
            run = _write_state(entry, temporary, to)
        report = check_parity(entry, run, to, layers=layers, crop=crop, raw=raw_coverage, float16=float16)
        if to in ("torch", "safetensors"):
            report = report._replace(checks=report.checks + _gradient_checks(entry, temporary))
        require_parity(report)
        about = {
            "file": Path(path).name,
            "file_sha256": sha256(temporary),
            "opset": opset,
            "raw_coverage": raw_coverage,
            "float16": float16,
        }
        with atomic_path(f"{path}.parity.json") as beside:
            report.write(beside, about | {"layers": layers, "crop": crop, "versions": _versions()})
    return report


def _versions() -> dict[str, str]:
    """Of what was compared, where it is installed."""
    found = {}
    for name in ("epizoo", "jax", "torch", "onnx", "onnxruntime"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _check_options(to: str, opset: int | None, of_onnx: bool, layers: bool, crop: bool) -> None:
    if to not in TARGETS:
        raise InputError(f"export: the target {to!r} is unknown; choose one of {', '.join(TARGETS)} or grelu")
    if to != "onnx" and (opset is not None or of_onnx):
        raise InputError(
            f"export: opset, raw coverage and float16 are options of onnx, the target is {to}; leave them out"
        )
    if to in ("torch", "safetensors") and (layers or not crop):
        raise InputError(f"export: a state dict has no outputs, so {to} takes no options about them; leave them out")
    require(*(("onnx", "onnx") if to == "onnx" else ("torch", "torch")))


def _write_onnx(entry: Entry, path: Path, opset: int | None, raw: bool, layers: bool, crop: bool, float16: bool) -> Run:
    from epizoo.conversion.onnx.engine import onnxruntime
    from epizoo.conversion.onnx.programs import OPSET, build_onnx, write_onnx

    opset = OPSET if opset is None else opset
    model = build_onnx(entry, opset=opset, layers=layers, crop=crop, raw_coverage=raw, float16=float16)
    write_onnx(model, path)
    session = onnxruntime().InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    scale = {"scale": raw_scales(entry)} if raw else {}
    return lambda inputs: dict(zip(names, session.run(None, {entry.input_name: inputs} | scale), strict=True))


def _write_pt2(entry: Entry, path: Path, layers: bool, crop: bool) -> Run:
    import torch

    from epizoo.conversion.torch.programs import write_pt2

    write_pt2(entry, path, layers=layers, crop=crop)
    return without_gradients(torch.export.load(path).module())


def _write_state(entry: Entry, path: Path, to: str) -> Run:
    from epizoo.conversion.torch.programs import Program, write_state
    from epizoo.conversion.torch.to_jax import read_state

    write_state(entry, path, as_safetensors=to == "safetensors")
    program = Program(entry)
    program.model.load_state_dict(read_state(path))
    return without_gradients(program)


def _gradient_checks(entry: Entry, path: Path) -> tuple[Check, ...]:
    from epizoo.conversion.torch.gradient_parity import check_gradients
    from epizoo.conversion.torch.programs import build_twin
    from epizoo.conversion.torch.to_jax import read_state

    twin = build_twin(entry)
    twin.load_state_dict(read_state(path))
    return tuple(check_gradients(entry, twin))


def without_gradients(program: Callable[..., Any]) -> Run:
    """A program of torch as `epizoo.conversion.parity` calls it: arrays in, arrays by name out."""
    import torch

    def run(inputs: Any) -> dict[str, Any]:
        with torch.no_grad():
            return {name: value.numpy() for name, value in program(torch.tensor(inputs)).items()}

    return run
