import subprocess
import sys

import pytest

CODE = """
import importlib, pkgutil, sys
import epizoo.genome
for module in pkgutil.iter_modules(epizoo.genome.__path__, "epizoo.genome."):
    importlib.import_module(module.name)
print(sorted({name.split(".")[0] for name in sys.modules} & {"jax", "jaxlib", "flax", "torch", "kipoi", "scipy"}))
"""


@pytest.mark.parametrize("code", [CODE])
def test_the_data_layer_imports_neither_jax_nor_kipoi(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
