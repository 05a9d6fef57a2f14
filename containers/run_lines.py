"""Run the RUN lines of the Dockerfile's build stage where there is no container engine: in a copy of the sources.

    python containers/run_lines.py SCRATCH

Files that a COPY line names are copied to SCRATCH/src, paths below /opt go to SCRATCH/opt, and the lines run there with
the interpreter that runs this. What a base image lacks (apt, users) is no part of it: only the stage `build` is run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage of a Dockerfile, as (keyword, rest), by the name of the stage."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, rest = line.partition(" ")
        if keyword == "FROM":
            name = rest.rpartition(" AS ")[2]
        found.setdefault(name, []).append((keyword, rest))
    return found


def run_build(scratch: Path) -> None:
    """Do what the stage `build` says, below a folder."""
    shutil.rmtree(scratch, ignore_errors=True)
    source = scratch / "src"
    source.mkdir(parents=True)
    (scratch / "bin").mkdir()
    (scratch / "bin" / "python").symlink_to(sys.executable)
    environment = os.environ | {"PATH": f"{scratch / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for keyword, rest in stages((HERE / "Dockerfile").read_text(encoding="utf-8"))["build"]:
        if keyword in {"ENV", "ARG"}:
            for pair in rest.split():
                name, _, value = pair.partition("=")
                environment[name] = value.replace("/opt/", f"{scratch}/opt/")
        elif keyword == "COPY":
            *names, target = rest.split()
            for name in names:
                path = HERE.parent / name
                if path.is_dir():
                    shutil.copytree(path, source / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(path, source / target)
        elif keyword == "RUN":
            print(f"RUN {rest}", flush=True)
            subprocess.run(rest, shell=True, check=True, cwd=source, env=environment)
    command = str(scratch / "opt" / "epizoo" / "bin" / "epizoo")
    with tempfile.TemporaryDirectory() as elsewhere:
        subprocess.run([command, "list"], check=True, cwd=elsewhere)


if __name__ == "__main__":
    run_build(Path(sys.argv[1]).resolve())
