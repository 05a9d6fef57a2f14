"""Roadmap's published models as entries: the same numbers, names and colours."""

import gzip
import json

import jax
import numpy as np
import pytest
from flax import nnx

import epizoo
from epizoo.errors import InputError
from epizoo.files import sha256
from epizoo.mark_values import MISSING
from epizoo.models.hmm.annotator import ChromatinStateAnnotator
from epizoo.models.hmm.decoding import decode
from epizoo.models.parameters import build_model
from epizoo.recipes import roadmap_states as roadmap
from epizoo.recipes import state_data
from epizoo.recipes.add_regulatory_activity import METRIC
from epizoo.states.chromhmm_models import read_model

TABLE = "one_index\tshort_name\tlong_name\thex\n2\tQuies\tQuiescent/Low\t#ffffff\n1\tTssA\tActive TSS\t#ff0a00\n"


def float64_parameters(entry):
    config = entry.config.model
    with jax.enable_x64(True):
        return build_model(lambda: ChromatinStateAnnotator(config, rngs=nnx.Rngs(0)), entry.weights()).parameters()


def test_states_are_read_in_their_order_with_colours_as_numbers(tmp_path):
    (tmp_path / "states.tsv").write_text(TABLE)
    assert state_data.read_states(tmp_path / "states.tsv") == [
        {"name": "TssA", "description": "Active TSS", "color": "255,10,0"},
        {"name": "Quies", "description": "Quiescent/Low", "color": "255,255,255"},
    ]


@pytest.mark.parametrize("text", [None, "", "one_index\tname\n1\tTssA\n", TABLE.replace("#ff0a00", "red")])
def test_a_table_of_another_kind_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "states.tsv").write_text(text)
    with pytest.raises(InputError, match=r"states\.tsv"):
        state_data.read_states(tmp_path / "states.tsv")


@pytest.mark.data
@pytest.mark.parametrize("n_states", [15, 18])
def test_entries_hold_the_published_probabilities(data_dir, n_states):
    entry = epizoo.load(f"chromatin_states/roadmap-{n_states}")
    published = read_model(data_dir / "states" / "published_models" / roadmap.ROADMAP[n_states].model)
    assert entry.channels == published.marks
    for found, expected in zip(float64_parameters(entry), published.parameters, strict=True):
        np.testing.assert_array_equal(np.asarray(found) == 0, expected == 0)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.data
def test_names_of_the_18_states_are_those_of_the_browsers_labels(data_dir):
    folder = data_dir / "states" / "published_models"
    labels = [line.split("\t") for line in (folder / "browserlabelmap_18_core_K27ac.tab").read_text().splitlines()]
    colors = [line.split("\t") for line in (folder / "colormap_18_core_K27ac.tab").read_text().splitlines()]
    states = epizoo.load("chromatin_states/roadmap-18").zoo.config["states"]
    assert [[str(number), state["name"]] for number, state in enumerate(states, 1)] == labels
    assert [[str(number), state["color"]] for number, state in enumerate(states, 1)] == colors


@pytest.mark.data
def test_the_recipe_makes_the_entry_again(data_dir, tmp_path):
    entry = epizoo.load("chromatin_states/roadmap-15")
    roadmap.main(["--data", str(data_dir), "--states", "15", "-o", str(tmp_path)])
    assert sha256(tmp_path / "weights.safetensors") == entry.sha256
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    # Figures of regulatory activity are another recipe's.
    assert metrics == [row.model_dump() for row in entry.zoo.metrics if not row.name.startswith(METRIC)]
    example = tmp_path / "example" / "GM12878" / "GM12878_chr19_binary.txt.gz"
    # Compressed bytes depend on the version of zlib; contents do not.
    shipped = entry.folder / "example_files" / "GM12878" / example.name
    assert gzip.decompress(example.read_bytes()) == gzip.decompress(shipped.read_bytes())


def test_data_that_are_not_there_are_named(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        roadmap.main(["--data", str(tmp_path), "-o", str(tmp_path / "run")])
    assert stop.value.code == 2
    assert "model_15_coreMarks.txt: no such file" in capsys.readouterr().err


@pytest.mark.data
@pytest.mark.parametrize("n_states", [15, 18])
def test_windows_of_an_entry_agree_with_the_whole_chromosome(data_dir, n_states):
    """Flanks of 512 bins and a stationary start, on models with exact zeros and with a mark missing."""
    entry = epizoo.load(f"chromatin_states/roadmap-{n_states}")
    n_windows, window, flank = 12, entry.window.window_bins, entry.window.flank_bins
    marks = roadmap.read_marks(data_dir, "GM12878", entry.channels)["chr19"][: n_windows * window + flank]
    padding = np.full((flank, marks.shape[1]), -1.0)
    padded = np.concatenate([padding, np.where(marks == MISSING, np.nan, marks)])
    rows = np.stack([padded[at : at + window + 2 * flank] for at in range(0, n_windows * window, window)])
    outputs = entry.predict({"marks": rows.astype(np.float32)})
    whole = decode(float64_parameters(entry), marks, posteriors=True, viterbi=True)
    posteriors = outputs["state_posteriors"].reshape(-1, n_states)
    np.testing.assert_allclose(posteriors, whole.posteriors[: len(posteriors)], atol=1e-6)
    assert (outputs["viterbi_path"].ravel() == whole.viterbi_path[: len(posteriors)]).all()
