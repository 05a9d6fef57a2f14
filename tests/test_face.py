"""The face of the package: type checkers know what users call, and a misspelt name is an error in an editor."""

import inspect
import subprocess
import sys
from typing import get_args

import pytest
from test_architecture import FOLDERS

import epizoo
from epizoo.zoo.catalogue import ChromatinStateName, PeakCallerName, PeakScorerName

USES = """
import epizoo

peaks = epizoo.load("peak_caller/h3k4me3")
states = epizoo.load("chromatin_states/roadmap-18")
peaks.call_peaks("a.bw", output="a.narrowPeak")
peaks.with_backend("jax").call_peaks("a.bw", "control.bw")
epizoo.call_peaks(epizoo.load_peak_caller("folder"), "a.bw")
states.annotate("marks", viterbi=True).segments
epizoo.annotate("chromatin_states/roadmap-18", marks={"H3K4me3": "a.bw"}, signal_kind="counts")
states.emissions(), states.transitions(), states.states, peaks.config.calling.min_width_bp
epizoo.load("folder").predict({})
epizoo.evaluate({"MACS3": "a.narrowPeak"}, labels="labels.bed", entry=peaks, bigwig="a.bw").figures
epizoo.finetune("peak_caller/h3k4me3", "data.yaml", "tag", "folder", steps=5).name
epizoo.zoo.load(epizoo.list_entries()[0]).name
peaks.call_peeks("a.bw")  # wrong
peaks.call_peaks("a.bw", contrl="b.bw")  # wrong
peaks.annotate("marks")  # wrong
peaks.emissions()  # wrong
peaks.config.caling  # wrong
peaks.config.calling.min_width  # wrong
peaks.windows(intervals_file="a.bed", binarized="marks")  # wrong
states.call_peaks("a.bw")  # wrong
states.annotate("marks", viterbo=True)  # wrong
states.annotate("marks", threshold="high")  # wrong
states.annotate(marks=["a.bw"])  # wrong
states.emission  # wrong
epizoo.load("folder").call_peaks("a.bw")  # wrong
epizoo.load_annotator("folder").call_peaks("a.bw")  # wrong
epizoo.load(5)  # wrong
epizoo.anotate("chromatin_states/roadmap-18", "marks")  # wrong
epizoo.call_peaks(peaks, big="a.bw")  # wrong
epizoo.evaluate(entry=peaks, bigwig="a.bw", label="l.bed")  # wrong
epizoo.finetune(peaks, "data.yaml", "tag", "folder", step=5)  # wrong
epizoo.annotate("chromatin_states/roadmap-18", "marks", output_format="bed")  # wrong
"""
# Other packages are of any type here, which makes this quick.
SETTINGS = "[mypy]\nfollow_imports = silent\nignore_missing_imports = true\n" + "".join(
    f"[mypy-{name}.*]\nfollow_imports = skip\nfollow_imports_for_stubs = true\n"
    for name in ("bioframe", "flax", "grelu", "jax", "matplotlib", "numba", "numpy", "onnx", "optax", "pandas", "torch")
)


def test_misspelt_names_are_errors_of_type_checkers(tmp_path):
    pytest.importorskip("mypy")
    package = tmp_path / "epizoo"
    package.mkdir()
    for source in FOLDERS["epizoo"].iterdir():
        (package / source.name).symlink_to(source)
    for name, folder in FOLDERS.items():
        if name != "epizoo":
            (package / name.partition(".")[2]).symlink_to(folder)
    (tmp_path / "uses.py").write_text(USES)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    cache = FOLDERS["epizoo"].parents[1] / ".mypy_cache" / "uses"
    command = [sys.executable, "-m", "mypy", "uses.py", "--config-file", "mypy.ini", "--no-error-summary"]
    command += ["--cache-dir", str(cache), "--python-executable", sys.executable]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = {int(line.split(":")[1]) for line in result.stdout.splitlines() if line.startswith("uses.py:")}
    wrong = {number for number, line in enumerate(USES.splitlines(), start=1) if line.endswith("# wrong")}
    assert found == wrong, result.stdout + result.stderr


def test_names_that_type_checkers_know_are_those_of_the_zoo():
    names = [*get_args(ChromatinStateName), *get_args(PeakCallerName), *get_args(PeakScorerName)]
    assert sorted(names) == epizoo.list_entries()


def test_the_face_shows_what_a_user_needs():
    assert dir(epizoo) == sorted(epizoo.__all__)
    for name in set(epizoo.__all__) - {"__version__"}:
        function = getattr(epizoo, name)
        assert inspect.getdoc(function), name
        assert all(
            parameter.annotation is not parameter.empty for parameter in inspect.signature(function).parameters.values()
        ), name
    with pytest.raises(AttributeError, match="anotate"):
        epizoo.anotate  # noqa: B018


@pytest.mark.parametrize("name", epizoo.list_entries())
def test_an_entry_shows_what_it_is(name):
    entry = epizoo.load(name)
    assert repr(entry).startswith(f"<{type(entry).__name__} {name} {entry.version}: ")
    page = entry._repr_html_()
    for told in (name, entry.kipoi["info"]["license"], str(entry.zoo.metrics[0].value), *entry.channels):
        assert told in page
    assert hasattr(entry, "call_peaks") == (entry.family != "chromatin_states")
    assert hasattr(entry, "states") == hasattr(entry, "emissions") == hasattr(entry, "annotate")
    assert hasattr(entry, "states") == (entry.family == "chromatin_states")


def test_tables_of_states_are_named_on_both_axes():
    entry = epizoo.load("chromatin_states/roadmap-18")
    parameters, names = entry.parameters(), [state.name for state in entry.config.states]
    assert entry.states["name"].tolist() == names
    assert list(entry.states.columns) == ["name", "description", "color"]
    assert entry.states.index.tolist() == list(range(1, 19))
    emissions, transitions = entry.emissions(), entry.transitions()
    assert emissions.loc[names[3], "H3K4me1"] == parameters.emission[3, entry.channels.index("H3K4me1")]
    assert transitions.loc[names[3], names[5]] == parameters.transition[3, 5]
    assert emissions.shape == parameters.emission.shape
    assert transitions.sum(axis=1).to_numpy() == pytest.approx(1)


def test_a_page_about_an_entry_holds_no_markup_of_its_description():
    entry = epizoo.load("peak_caller/h3k4me3")
    entry.kipoi["info"]["doc"] = "<script>alert(1)</script>"
    assert "<script>" not in entry._repr_html_()
