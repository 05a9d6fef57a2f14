"""The track of regulatory activity: what an entry's weights make of the posteriors beside it."""

import gzip

import h5py
import numpy as np
import pyBigWig
import pytest

import epizoo
from epizoo.errors import InputError
from epizoo.jobs.annotate_cells import annotate_cells
from epizoo.jobs.edit_states import edit_states
from epizoo.states.regulatory_activity import activity_along, neighbourhood, regulatory_activity
from epizoo.zoo.new_entries import uncalibrated

ACTIVE = {"encode-10": "EnhA", "encode-15": "EnhA1", "roadmap-15": "TssAFlnk", "roadmap-18": "EnhA1"}


@pytest.fixture(scope="module")
def entry():
    return epizoo.load_annotator("chromatin_states/encode-10")


@pytest.fixture
def marks(entry):
    return entry.folder / "example_files" / "marks"


def values(path, chrom, n_bins):
    with pyBigWig.open(str(path)) as bigwig:
        return np.nan_to_num(bigwig.values(chrom, 0, n_bins * 200, numpy=True)[::200])


def test_the_track_is_what_the_weights_make_of_the_posteriors(entry, marks, tmp_path):
    entry.annotate(marks, hdf5=tmp_path / "s.h5", regulatory_activity=tmp_path / "s.bw")
    with h5py.File(tmp_path / "s.h5") as file:
        posteriors = file["chromosomes"]["chr19"]["posteriors"][:]
    found = values(tmp_path / "s.bw", "chr19", len(posteriors))
    # HDF5 holds posteriors to four decimals, and their square roots are weighed.
    np.testing.assert_allclose(found, activity_along(entry.regulatory_head(), posteriors, 200), atol=2e-3)
    places = np.array([100, 900, 2500])
    features = neighbourhood(posteriors, (places - 1) * 200, (places + 2) * 200, 200)
    by_state = np.array([state.regulatory_weights for state in entry.config.states])
    logits = [(row.reshape(6, -1).T * by_state).sum() for row in features]
    expected = 1 / (1 + np.exp(-np.array(logits) - entry.config.regulatory_activity.intercept))
    np.testing.assert_allclose(found[places], expected, atol=2e-3)
    assert found.max() > 3 * np.median(found)


@pytest.mark.parametrize("name", ACTIVE)
def test_active_elements_regulate_more_often_than_others(name):
    entry = epizoo.load_annotator(f"chromatin_states/{name}")
    names = [state.name for state in entry.config.states]
    alone = np.eye(len(names))
    features = np.tile(alone, 6)
    activity = dict(zip(names, regulatory_activity(entry.regulatory_head(), features), strict=True))
    assert activity[ACTIVE[name]] > 0.2
    # States that open elements hardly ever have must not light up.
    for quiet in {"Quies", "ZNF/Rpts", "Het", "ReprPC", "TssBiv"} & set(names):
        assert activity[quiet] < 0.15, quiet


def test_states_in_another_order_give_the_same_track(entry, marks, tmp_path):
    names = [state.name for state in entry.config.states]
    edited = edit_states(entry, "turned", tmp_path / "zoo", order=names[::-1])
    for one, name in ((entry, "a"), (edited, "b")):
        one.annotate(marks, regulatory_activity=tmp_path / f"{name}.bw")
    expected = values(tmp_path / "a.bw", "chr19", 5000)
    np.testing.assert_allclose(values(tmp_path / "b.bw", "chr19", 5000), expected, atol=1e-4)


def test_several_cell_types_have_a_track_each(entry, marks, tmp_path):
    other = tmp_path / "marks"
    other.mkdir()
    for path in marks.iterdir():
        text = gzip.decompress(path.read_bytes()).replace(b"K562", b"Other", 1)
        (other / path.name.replace("K562", "Other").removesuffix(".gz")).write_bytes(text)
    annotate_cells(entry, tmp_path / "states", [marks, other], regulatory_activity=tmp_path / "activity")
    assert sorted(path.name for path in (tmp_path / "activity").iterdir()) == ["K562.bw", "Other.bw"]


def test_other_weights_have_no_regulatory_activity(entry, marks, tmp_path):
    config = uncalibrated(entry.zoo.config)
    assert {"regulatory_activity", "measured_on"} & set(config) == set()
    assert all(set(state) <= {"name", "description", "color", "confidence"} for state in config["states"])
    tuned = epizoo.load_annotator(entry.folder)
    tuned.config = entry.config.model_copy(update={"regulatory_activity": None})
    with pytest.raises(InputError, match="has no regulatory activity"):
        tuned.annotate(marks, output=tmp_path / "s.bed", regulatory_activity=tmp_path / "s.bw")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"is a bigWig, and \.tsv is not its suffix"):
        entry.annotate(marks, output=tmp_path / "s.bed", regulatory_activity=tmp_path / "s.tsv")
    assert list(tmp_path.iterdir()) == []
