"""Who may import whom: the layers of docs/design.md, read from the code itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "epizoo": ROOT / "src" / "epizoo",
    "epizoo.model_zoo": ROOT / "model_zoo",
    "epizoo.conversion": ROOT / "conversion",
    "epizoo.plugins": ROOT / "plugins",
}
# What each layer may import, besides itself and the ground floor (errors, files, compilation).
ALLOWED = {
    "genome": set(),
    "models": set(),
    "calling": {"genome"},
    "training": {"genome", "models", "calling"},
    "model_zoo": {"genome", "models", "calling", "training"},
    "conversion": {"genome", "models", "calling", "training", "model_zoo"},
    "plugins": {"genome", "models", "calling", "training", "model_zoo", "conversion"},
    "cli": {"genome", "models", "calling", "training", "model_zoo", "conversion", "plugins"},
    "errors": set(),
    "files": set(),
    "compilation": set(),
}
GROUND_FLOOR = {"errors", "files", "compilation", "__version__"}
# Foreign packages and the only places that may import them.
FENCED = {
    "kipoi": {"plugins"},
    "kipoi_utils": {"plugins"},
    "torch": {"conversion", "plugins"},
    "grelu": {"plugins"},
    "onnx": {"conversion"},
    "onnxruntime": {"conversion"},
    "pyBigWig": {"genome"},
}
NEVER_JAX = {"genome", "calling"}


def modules() -> list[tuple[str, Path]]:
    """Every module of the project as (dotted name, path); entries' own dataloaders are files, not modules."""
    found = []
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if package == "epizoo.model_zoo" and len(parts) > 1:
                continue
            found.append((".".join([package, *parts]).removesuffix(".__init__"), path))
    return found


def imports(path: Path) -> set[str]:
    """All modules that a file imports, wherever in the file, as absolute dotted names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(module: str) -> str:
    """`epizoo.models.hmm` -> `models`; the package itself is the empty string."""
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name for name, _ in modules()])
def test_imports_go_strictly_downwards(module, path):
    here = layer(module)
    for name in imports(path):
        package = name.split(".")[0]
        if package == "epizoo" and here:
            target = layer(name)
            assert target == here or target in ALLOWED[here] | GROUND_FLOOR, f"{module} imports {name}"
        if package in FENCED:
            assert here in FENCED[package], f"{module} imports {package}"
        if package in {"jax", "flax", "optax"}:
            assert here not in NEVER_JAX, f"{module} imports {package}"


def test_every_module_has_a_layer():
    layers = {layer(module) for module, _ in modules()} - {""}
    assert layers <= set(ALLOWED), layers - set(ALLOWED)


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import epizoo", {"jax", "kipoi", "torch", "numpy", "pandas"}),
        ("import epizoo; epizoo.list_entries()", {"jax", "flax", "kipoi", "torch"}),
        ("import epizoo.genome, epizoo.genome.windows", {"jax", "flax", "kipoi", "torch"}),
    ],
)
def test_importing_stays_light(code, unwanted):
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert not unwanted & set(loaded.split())
