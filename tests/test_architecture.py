"""Who may import whom: the order of docs/design.md, read from the code itself."""

import ast
import graphlib
import importlib
import re
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
GROUND_FLOOR = {
    "book",
    "checkpoints",
    "compilation",
    "errors",
    "files",
    "mark_values",
    "model_zoo",
    "optional",
    "validation",
    "version",
    "wording",
}
# Each package imports only from lines above its own, and from itself.
ORDER = [
    {"genome", "models"},
    {"calling"},
    {"simulation"},
    {"metrics"},
    {"figures"},
    {"peaks", "states"},
    {"finetuning"},
    {"zoo"},
    {"jobs"},
    {"reports"},
    {"studies"},
    {"recipes"},
    {"bench"},
    {"conversion"},
    {"plugins"},
    {"web"},
    {"cli"},
    {"__main__"},
]
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
# Methods and engines of entries that lie above the zoo are imported by name, by `epizoo.zoo.upward` alone.
DOORS = {"epizoo.zoo.build", "epizoo.zoo.entry", "epizoo.zoo.engines"}


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name; the entries' own dataloaders are data, not modules."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if path.name == "dataloader.py" and package == "epizoo.model_zoo":
                continue
            found[".".join([package, *parts]).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(path: Path) -> set[str]:
    """All that a file imports, wherever in the file, as absolute dotted names; imports for types alone do not run."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_modules(path: Path) -> set[str]:
    """The project's own modules among `imports`."""
    found = set()
    for name in imports(path):
        module = name if name in MODULES else name.rpartition(".")[0]
        if module in MODULES:
            found.add(module)
    return found


def package(module: str) -> str:
    """`epizoo.models.hmm.decoding` -> `models`; the face of the project itself is the empty string."""
    return module.split(".")[1] if "." in module else ""


def below(name: str) -> set[str]:
    """The packages that one may import, itself and the ground floor included."""
    if name in GROUND_FLOOR:
        return GROUND_FLOOR
    level = next(level for level, names in enumerate(ORDER) if name in names)
    return GROUND_FLOOR.union({name}, *ORDER[:level])


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_strictly_downwards(module):
    here = package(module)
    for name in imports(MODULES[module]):
        first = name.split(".")[0]
        if first == "epizoo" and here:
            assert package(name) in below(here), f"{module} imports {name}"
        if first in FENCED:
            assert here in FENCED[first], f"{module} imports {first}"
        if first in {"jax", "flax", "optax"}:
            assert here not in NEVER_JAX, f"{module} imports {first}"


def test_no_modules_import_each_other_in_a_circle():
    # A package's face is imported before any module below it is, so it is no import of its own.
    graph = {module: imported_modules(path) - {module} for module, path in MODULES.items()}
    # A circle is an error of the sorter, which names the modules in it.
    assert set(graphlib.TopologicalSorter(graph).static_order()) == set(MODULES)


def late_references(path: Path) -> set[str]:
    """What a file names as ``module:name`` of the project, to be imported by that name later."""
    constants = [
        node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Constant)
    ]
    return {value for value in constants if isinstance(value, str) and re.fullmatch(r"epizoo(\.\w+)+:\w+", value)}


def test_the_door_upwards_is_one_and_leads_somewhere():
    doors = {module: late_references(path) for module, path in MODULES.items()}
    assert {module for module, references in doors.items() if references} == DOORS
    for reference in set().union(*doors.values()):
        module, _, name = reference.partition(":")
        assert callable(getattr(importlib.import_module(module), name)), reference


def test_every_package_has_its_place():
    packages = {package(module) for module in MODULES} - {""}
    assert packages <= GROUND_FLOOR.union(*ORDER), packages - GROUND_FLOOR.union(*ORDER)


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
