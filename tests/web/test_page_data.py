"""The data that the page is built with say what the entries say."""

import dataclasses
import json

import onnxruntime
import pytest

import epizoo
from epizoo.errors import InputError
from epizoo.web import page_data
from epizoo.web.server import page_server
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.loading import load_annotator, load_peak_caller


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("data")
    page_data.write_page_data(target)
    return target


def test_settings_hold_every_peak_caller_with_its_rule(folder):
    settings = json.loads((folder / page_data.SETTINGS_FILE).read_text())
    names = [entry["name"] for entry in settings["entries"]]
    assert names[0] == "peak_caller/universal"
    # The page calls by probabilities of bins, and has no network that scores candidates.
    assert sorted(names) == [name for name in list_entries() if epizoo.load(name).family == "peak_caller"]
    for entry in settings["entries"]:
        caller = load_peak_caller(entry["name"])
        assert entry["version"] == caller.version
        for part in ("transform", "calling"):
            expected = dataclasses.asdict(getattr(caller.config, part))
            assert entry[part] == json.loads(json.dumps(expected))


def test_graphs_give_the_probabilities_alone(folder):
    for entry in json.loads((folder / page_data.SETTINGS_FILE).read_text())["entries"]:
        caller = load_peak_caller(entry["name"])
        session = onnxruntime.InferenceSession(folder / entry["graph"])
        assert [output.name for output in session.get_outputs()] == [entry["output"]]
        golden = caller.golden()
        (found,) = session.run(None, {entry["input"]: golden[f"inputs.{entry['input']}"]})
        assert found == pytest.approx(golden[entry["output"]], abs=1e-5)


def test_settings_hold_every_annotator_with_its_states_and_probabilities(folder):
    settings = json.loads((folder / page_data.SETTINGS_FILE).read_text())
    names = [one["name"] for one in settings["annotators"]]
    assert names == [name for name in list_entries() if name.startswith("chromatin_states/")]
    for one in settings["annotators"]:
        annotator = load_annotator(one["name"])
        assert one["marks"] == list(annotator.channels)
        styles = [(state.style.name, list(state.style.color)) for state in annotator.config.states]
        assert [(state["name"], state["color"]) for state in one["states"]] == styles
        stored = json.loads((folder / one["parameters"]).read_text())
        for name, array in annotator.parameters()._asdict().items():
            assert stored[name] == array.tolist()


def test_constants_are_those_of_the_modules():
    found = page_data.constants()
    assert found["summits"] == {"equal": 1e-6}
    assert found["read_depth"]["piece_bp"] == 10 * found["read_depth"]["tile_bp"]
    assert found["signal_kinds"]["kinds"][:2] == ("counts", "coverage")


def test_assemblies_have_their_chromosomes():
    known = page_data.known_assemblies()
    assert known["hg19"]["chr1"] == 249_250_621
    assert known["hg38"]["chr1"] == 248_956_422
    assert {"mm10", "mm39", "dm6", "sacCer3"} <= set(known)


def test_a_page_that_is_not_built_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="make web"):
        page_server(0, tmp_path)
