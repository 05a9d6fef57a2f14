"""The page's TypeScript makes of the same inputs what Python makes of them."""

import os
import shutil
import subprocess

from conftest import ROOT
from page_skips import skip


def test_typescript_computes_what_python_computes(tmp_path):
    if shutil.which("npm") is None or not (ROOT / "web" / "node_modules").is_dir():
        skip("Node or the page's packages are missing; `make web` installs them")
    from vectors import write_vectors

    write_vectors(tmp_path)
    environment = os.environ | {"EPIZOO_VECTORS": str(tmp_path)}
    done = subprocess.run(
        ["npm", "--prefix", str(ROOT / "web"), "test"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout or "ℹ fail 0" in done.stdout
