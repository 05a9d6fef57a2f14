"""What comes back in a replicate: two draws of the same states, and halves of real reads."""

import numpy as np
import pandas as pd
import pyBigWig
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.conversion.chromhmm.import_entry import import_model
from epizoo.errors import InputError
from epizoo.genome.marks import BinarizedChromosome, write_binarized
from epizoo.models.hmm.reference import HMMParameters
from epizoo.states.chromhmm_models import ChromHMMModel, write_model

MARKS = ("H3K4me3", "H3K36me3")
EMISSION = np.array([[0.8, 0.05], [0.1, 0.5], [0.02, 0.02]])
N_BINS = 20_000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An entry of a known model, and three replicates of the same states; the third has lost most of H3K36me3."""
    folder = tmp_path_factory.mktemp("reproducibility")
    rng = np.random.default_rng(1)
    transition = np.full((3, 3), 0.05 / 3) + np.eye(3) * 0.95
    write_model(folder / "model.txt", ChromHMMModel(HMMParameters(np.full(3, 1 / 3), transition, EMISSION), MARKS))
    (folder / "marks").mkdir()
    for chrom in ("chr1", "chr2"):
        states = rng.integers(0, 3, N_BINS)[np.cumsum(rng.random(N_BINS) < 0.05)]
        for cell, kept in (("A1", 1.0), ("A2", 1.0), ("A3", 0.2)):
            shown = EMISSION[states] * np.array([1.0, kept])
            values = (rng.random((N_BINS, 2)) < shown).astype(np.uint8)
            write_binarized(
                folder / "marks" / f"{cell}_{chrom}_binary.txt", BinarizedChromosome(cell, chrom, MARKS, values)
            )
    (folder / "labels.txt").write_text("1\tTssA\n2\tTx\n3\tQuies\n")
    entry = import_model(
        folder / "model.txt",
        "known",
        folder / "zoo",
        binarized=folder / "marks",
        cell="A1",
        labels=folder / "labels.txt",
    )
    return entry, folder / "marks"


def test_the_shares_are_those_of_two_annotations(world):
    entry, marks = world
    found = epizoo.reproducibility(entry, "A1", "A2", marks)
    one, other = (annotated(entry, marks, cell) for cell in ("A1", "A2"))
    for row in found.states.itertuples(index=False):
        mine = one == row.state
        assert row.bins == mine.sum()
        assert row.reproduced == pytest.approx((other[mine] == row.state).mean())
        assert row.probability == pytest.approx(row.reproduced, abs=0.03)
    assert found.n_bins == 2 * N_BINS
    assert found.calibration_error < 0.03


def test_a_worse_replicate_has_lower_probabilities_where_its_mark_counts(world):
    entry, marks = world
    good, bad = (epizoo.reproducibility(entry, "A1", cell, marks).states.set_index("state") for cell in ("A2", "A3"))
    assert bad.loc["Tx", "probability"] < good.loc["Tx", "probability"] - 0.2
    assert bad.loc["TssA", "probability"] == pytest.approx(good.loc["TssA", "probability"], abs=0.05)


def test_the_command_writes_what_another_reader_reads(world, tmp_path):
    entry, marks = world
    options = ["--binarized", marks, "--cell", "A1", "--replicate", "A2"]
    command = ["reproducibility", entry.folder, *options, "-o", tmp_path / "back.bw", "--table", tmp_path / "back.tsv"]
    result = CliRunner().invoke(app, list(map(str, command)))
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "back.tsv", sep="\t")
    with pyBigWig.open(str(tmp_path / "back.bw")) as file:
        values = np.concatenate([file.values(chrom, 0, N_BINS * 200, numpy=True)[::200] for chrom in ("chr1", "chr2")])
    assert 0 <= values.min() < values.max() <= 1
    assert values.mean() == pytest.approx((table.bins * table.probability).sum() / table.bins.sum(), abs=1e-3)


@pytest.mark.parametrize(
    ("cells", "found"),
    [(("A1", "A1"), "A1 is the cell type itself"), (("A1", "A9"), "no cell type A9"), (("A9", "A1"), "no.* A9")],
)
def test_a_replicate_is_another_cell_type_that_is_there(world, cells, found):
    entry, marks = world
    with pytest.raises(InputError, match=found):
        epizoo.reproducibility(entry, *cells, marks)


def annotated(entry, marks, cell):
    segments = epizoo.annotate(entry, marks, cell=cell).segments
    return np.repeat(segments["name"].astype(str), (segments["end"] - segments["start"]) // 200).to_numpy()
