"""The real ChromHMM on our files: it loads the models that we write and makes the files that we make."""

import shutil
import subprocess
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from chromhmm_text import read_bins

from epizoo.calling import chromhmm_files
from epizoo.calling.segments import segments_from_states
from epizoo.calling.state_colors import default_colors
from epizoo.genome.marks import BinarizedChromosome, write_binarized
from epizoo.mark_values import MISSING
from epizoo.models.hmm import reference as hmm
from epizoo.models.hmm.reference import HMMParameters
from epizoo.states.chromhmm_models import ChromHMMModel, write_model

JAR = Path("/usr/share/java/chromhmm.jar")
MARKS = ("H3K4me3", "H3K27ac", "H3K36me3", "H3K27me3")
N_STATES, N_BINS, CHROM_SIZES = 5, {"chr1": 900, "chr2": 1}, {"chr1": 180_077, "chr2": 399}


def chromhmm(*arguments: object) -> None:
    """Run the program; where it is not installed there is nothing to hold us to. CI installs it."""
    if not JAR.exists() or not shutil.which("java"):
        pytest.skip(f"{JAR} or java is not installed")
    subprocess.run(["java", "-jar", JAR, *map(str, arguments)], check=True, capture_output=True)


def model_with_zeros() -> ChromHMMModel:
    rng = np.random.default_rng(0)
    transition = 4 * np.eye(N_STATES) + rng.dirichlet(np.ones(N_STATES), size=N_STATES)
    transition[0, 3] = transition[4, 1] = 0
    transition /= transition.sum(axis=1, keepdims=True)
    initial = np.array([0.0, 0.2, 0.3, 0.5, 0.0])
    parameters = HMMParameters(initial, transition, rng.uniform(0.001, 0.999, size=(N_STATES, len(MARKS))))
    return ChromHMMModel(parameters, MARKS, "U")


def test_chromhmm_decodes_our_model_as_we_do(tmp_path):
    """Segments, tracks and states by line byte for byte, posteriors to half a unit of their last digit."""
    model, rng = model_with_zeros(), np.random.default_rng(1)
    marks = {chrom: rng.integers(0, 2, size=(n, len(MARKS)), dtype=np.uint8) for chrom, n in N_BINS.items()}
    marks["chr1"][100:300, 2] = MISSING
    (tmp_path / "marks").mkdir()
    for chrom, values in marks.items():
        path = tmp_path / "marks" / f"Liver_{chrom}_binary.txt.gz"
        write_binarized(path, BinarizedChromosome("Liver", chrom, MARKS, values))
    write_model(tmp_path / "model_5.txt", model)
    (tmp_path / "sizes.txt").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in CHROM_SIZES.items()))
    theirs = tmp_path / "theirs"
    options = ["-printposterior", "-printstatebyline", "-l", tmp_path / "sizes.txt"]
    chromhmm("MakeSegmentation", *options, tmp_path / "model_5.txt", tmp_path / "marks", theirs)
    chromhmm("MakeBrowserFiles", theirs / "Liver_5_segments.bed", "Liver_5", theirs / "Liver_5")

    tables = []
    for chrom, values in marks.items():
        with jax.enable_x64(True):
            observed = np.where(values == MISSING, np.nan, values)
            posteriors = np.asarray(hmm.posteriors(model.parameters, observed)[0])
        states = posteriors.argmax(axis=1)
        names, states_named, printed = read_bins(theirs / "POSTERIOR" / f"Liver_5_{chrom}_posterior.txt")
        assert (names, states_named[0]) == (["Liver", chrom], "U1")
        np.testing.assert_allclose(printed, posteriors, atol=5.0001e-5)
        chromhmm_files.write_states_by_line(tmp_path / "states.txt", states, "Liver", chrom, "U")
        expected = theirs / "STATEBYLINE" / f"Liver_5_{chrom}_statebyline.txt"
        assert (tmp_path / "states.txt").read_bytes() == expected.read_bytes()
        tables.append(segments_from_states(states, chrom, bin_bp=200, chrom_size=CHROM_SIZES[chrom]))
    segments = pd.concat(tables, ignore_index=True)
    chromhmm_files.write_segments(tmp_path / "Liver_5_segments.bed", segments, "U")
    chromhmm_files.write_dense(tmp_path / "Liver_5_dense.bed", segments, "Liver_5", default_colors(5), "U")
    chromhmm_files.write_expanded(tmp_path / "Liver_5_expanded.bed", segments, "Liver_5", default_colors(5), "U")
    for kind in ("segments", "dense", "expanded"):
        assert (tmp_path / f"Liver_5_{kind}.bed").read_text() == (theirs / f"Liver_5_{kind}.bed").read_text(), kind
