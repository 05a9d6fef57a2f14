"""Several cell types in one run and models in any order, beside ChromHMM's MakeSegmentation."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.conversion.chromhmm.import_entry import import_model
from epizoo.genome.marks import BinarizedChromosome, write_binarized
from epizoo.models.hmm.reference import HMMParameters
from epizoo.states.chromhmm_models import ChromHMMModel, write_model

pytestmark = pytest.mark.usefixtures("without_graphs")

CHROMHMM = Path("/usr/share/java/chromhmm.jar")
MARKS = ("H3K4me3", "H3K27ac", "H3K36me3")
needs_chromhmm = pytest.mark.skipif(not (CHROMHMM.exists() and shutil.which("java")), reason="needs ChromHMM and Java")


def write_marks(folder, cells, marks=MARKS, seed=0):
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for cell in cells:
        for chrom, n_bins in (("chr1", 300), ("chr2", 170)):
            values = (rng.random((n_bins, len(marks))) < 0.3).astype(np.uint8)
            write_binarized(folder / f"{cell}_{chrom}_binary.txt", BinarizedChromosome(cell, chrom, marks, values))
    return folder


def write_model_in_order(path, order):
    rng = np.random.default_rng(5)
    parameters = HMMParameters(rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4), 4), rng.random((4, len(MARKS))))
    write_model(path, ChromHMMModel(parameters, MARKS, order, -1.0, 2))
    return path


@needs_chromhmm
@pytest.mark.parametrize("order", ["E", "T", "U"])
def test_files_of_two_cells_have_chromhmms_letters(tmp_path, order):
    marks = write_marks(tmp_path / "marks", ("A", "B"))
    model = write_model_in_order(tmp_path / "model_4.txt", order)
    import_model(model, "mine", tmp_path / "zoo", binarized=marks, cell="A")
    result = CliRunner().invoke(
        app,
        ["annotate", str(tmp_path / "zoo/chromatin_states/mine"), "--binarized", str(marks), "--cell", "A",
         "--cell", "B", "-o", str(tmp_path / "states"), "--chromhmm", str(tmp_path / "found"),
         "--text-posteriors", "--state-by-line"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    options = ["-printposterior", "-printstatebyline", model, marks, tmp_path / "expected"]
    subprocess.run(["java", "-jar", CHROMHMM, "MakeSegmentation", *options], check=True, capture_output=True)
    expected = [path for path in (tmp_path / "expected").rglob("*") if path.is_file()]
    assert len(expected) == 2 + 4 + 4
    for path in expected:
        found = tmp_path / "found" / path.relative_to(tmp_path / "expected")
        lines = slice(None, 2) if "POSTERIOR" in path.parts else slice(None)
        assert found.read_text().splitlines()[lines] == path.read_text().splitlines()[lines]
    words = {"E": "Emission", "T": "Transition", "U": "User"}
    assert f"({words[order]} ordered)" in (tmp_path / "found/A_4_dense.bed").read_text()


def test_learned_states_are_in_users_order_everywhere(tmp_path):
    marks = write_marks(tmp_path / "marks", ("A",))
    entry = epizoo.learn_states(3, "mine", tmp_path / "zoo", binarized=marks, max_iterations=3)
    entry.annotate(marks, chromhmm=tmp_path / "files")
    (header,) = (tmp_path / "zoo/runs/mine/model_3.txt").read_text().splitlines()[:1]
    letter = header.split("\t")[2]
    rows = (tmp_path / "files/A_3_segments.bed").read_text().splitlines()
    assert {row.split("\t")[3][0] for row in rows} == {letter} == {"U"}
